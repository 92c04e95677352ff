"""Reports in the browser: read, downloaded, held against their hashes, signed with a password, bundled."""

import hashlib
import io
import zipfile
from datetime import timedelta

import pytest
import sqlalchemy as sa

from auditor.signing.people import LOCKED_AFTER
from auditor.store import tables as t
from dashboards.place import Place
from tests.dashboards.conftest import PASSWORD, AsRole, Time

REPORT = "/reports/report-1"


def signatures(place: Place) -> list[tuple[str, str]]:
    rows = place.ledger.read(sa.select(t.signatures).order_by(t.signatures.c.id))
    return [(row["user"], row["meaning"]) for row in rows]


def test_every_file_is_what_was_issued(as_role: AsRole, place: Place) -> None:
    member = as_role("committee")
    (row,) = place.ledger.read(sa.select(t.reports))
    page = member.get(REPORT).text
    for name, sha in row["files"].items():
        said = member.get(f"{REPORT}/{name}")
        assert hashlib.sha256(said.content).hexdigest() == sha
        assert sha in page
        assert "sandbox" in said.headers["content-security-policy"]
        assert "script-src" not in said.headers["content-security-policy"]
    assert "Intact" in member.get(f"{REPORT}?checked=true").text
    assert (
        member.get(f"{REPORT}/report.html?download=true").headers["content-disposition"].startswith("attachment")
    )


def test_a_changed_file_is_not_shown_and_is_named(as_role: AsRole, place: Place) -> None:
    (row,) = place.ledger.read(sa.select(t.reports))
    path = place.workspace.path / "lake" / place.lake.name(row["segment"])
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    viewer = as_role("committee")
    assert viewer.get(f"{REPORT}/report.html").status_code == 400
    said = viewer.get(f"{REPORT}?checked=true").text
    assert "Intact" not in said
    assert "was changed or damaged" in said


def test_signing_asks_for_the_password_again(as_role: AsRole, place: Place) -> None:
    committee = as_role("committee")
    wrong = committee.post(f"{REPORT}/sign", data={"password": "wrong horse battery", "meaning": "approved"})
    assert wrong.status_code == 400
    assert "nothing was signed" in wrong.text
    assert committee.post(f"{REPORT}/sign", data={"meaning": "approved"}).status_code == 400
    assert signatures(place) == []
    form = {"password": PASSWORD, "meaning": "approved", "decision": "continue", "note": "read on paper"}
    assert committee.post(f"{REPORT}/sign", data=form).status_code == 303
    assert signatures(place) == [("committee", "approved")]
    page = committee.get(REPORT).text
    for said in ("Dr Committee", "approved, continue", "read on paper"):
        assert said in page
    again = committee.post(f"{REPORT}/sign", data=form)
    assert "has signed report-1 as approved already" in again.text


def test_nobody_signs_for_another(as_role: AsRole, place: Place) -> None:
    committee = as_role("committee")
    form = {"password": PASSWORD, "name": "admin", "meaning": "approved"}
    assert committee.post(f"{REPORT}/sign", data=form).status_code == 303
    assert signatures(place) == [("committee", "approved")]


def test_wrong_passwords_lock_the_account_when_signing_too(as_role: AsRole, place: Place) -> None:
    committee = as_role("committee")
    for _ in range(LOCKED_AFTER):
        committee.post(f"{REPORT}/sign", data={"password": "wrong horse battery"})
    assert committee.post(f"{REPORT}/sign", data={"password": PASSWORD}).status_code == 400
    assert signatures(place) == []


@pytest.mark.parametrize(
    ("form", "sentence"), [({"meaning": "liked"}, "means one of"), ({"decision": "sell"}, "decision is one of")]
)
def test_a_signature_means_something(as_role: AsRole, form: dict[str, str], sentence: str) -> None:
    said = as_role("committee").post(f"{REPORT}/sign", data={"password": PASSWORD} | form)
    assert (said.status_code, sentence in said.text) == (400, True)


def test_a_report_is_issued_once_and_again_when_something_changed(
    as_role: AsRole, place: Place, time: Time
) -> None:
    committee = as_role("committee")
    assert committee.post("/reports", data={"system": "small"}).headers["location"] == "/reports/report-1"
    time.at += timedelta(minutes=1)
    alert = place.ledger.read(sa.select(t.alerts.c.id).order_by(t.alerts.c.id))[0]["id"]
    committee.post(f"/alerts/{alert}/acknowledge")
    assert committee.post("/reports", data={"system": "small"}).headers["location"] == "/reports/report-2"
    assert "report-2" in committee.get(REPORT).text, "what replaces it"
    assert committee.post("/reports", data={}).headers["location"] == "/reports/report-3", "of the fleet"


def test_the_bundle_holds_a_verifier(as_role: AsRole) -> None:
    said = as_role("committee").post(f"{REPORT}/bundle")
    assert said.headers["content-type"] == "application/zip"
    names = zipfile.ZipFile(io.BytesIO(said.content)).namelist()
    assert any(name.endswith("verify.py") for name in names)


def test_what_is_not_there_is_not_found(as_role: AsRole) -> None:
    viewer = as_role("viewer")
    assert viewer.get("/reports/report-9").status_code == 404
    assert viewer.get(f"{REPORT}/../../etc/passwd").status_code == 404
    assert viewer.get(f"{REPORT}/passwd").status_code == 404


def test_the_list_is_by_system_and_says_who_signed(as_role: AsRole) -> None:
    committee = as_role("committee")
    assert "nobody" in committee.get("/reports").text
    committee.post(f"{REPORT}/sign", data={"password": PASSWORD})
    assert "Dr Committee: reviewed" in committee.get("/reports").text
    assert "report-1" in committee.get("/reports?system=small").text
    assert "report-1" not in committee.get("/reports?system=another").text
    assert "Dr Committee" in committee.get("/decisions").text
