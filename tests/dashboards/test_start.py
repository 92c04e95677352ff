"""From an empty workspace to the first audit in the browser."""

import gzip
import json
import time as real_time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from auditor.access import sessions
from auditor.signing import people
from dashboards.access import COOKIE, csrf_of
from dashboards.place import Place
from tests.auditor import small_hospital
from tests.auditor.small_hospital import RECEIVED
from tests.dashboards.conftest import PASSWORD, SECRET, Time, browser


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Place]:
    """A workspace with an engineer and nothing else."""
    from auditor.settings import Environment
    from auditor.workspace import create

    environment = Environment.model_construct(
        workspace=tmp_path / "site", ledger=None, lake=None, key_file=tmp_path / "site.key"
    )
    workspace = create(environment, tmp_path / "site", RECEIVED)
    place = Place(workspace, workspace.ledger(), workspace.lake(), Time(RECEIVED))
    people.add(place.ledger, "eve", "Eve", ["engineer"], PASSWORD, "test", datetime(2026, 2, 1, tzinfo=UTC))
    yield place
    place.ledger.close()


@pytest.fixture
def engineer(empty: Place) -> Iterator[TestClient]:
    with browser(empty) as client:
        secret = sessions.begin(empty.ledger, "eve", "password", empty.clock())
        client.cookies.set(COOKIE, secret)
        client.headers["x-csrf-token"] = csrf_of(SECRET.encode(), sessions.digest_of(secret))
        yield client


def send(client: TestClient, kind: str, content: bytes, name: str = "x.jsonl") -> tuple[int, str]:
    said = client.post("/start/records", data={"system": "small", "kind": kind}, files={"file": (name, content)})
    return said.status_code, said.text


def test_three_steps_lead_to_an_audit(engineer: TestClient) -> None:
    assert engineer.get("/").headers["location"] == "/start"
    assert "First say what is audited" in engineer.get("/start").text
    said = engineer.post("/start/settings", data={"yaml": small_hospital.YAML})
    assert said.headers["location"] == "/start?system=small"
    for kind, rows in small_hospital.records().items():
        lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
        code, text = send(engineer, kind, lines)
        assert (code, f"{len(rows)} of {len(rows)} rows of {kind}" in text) == (200, True), text
    assert engineer.post("/start/audit", data={"system": "small"}).status_code == 303
    deadline = real_time.monotonic() + 60
    while "Done." not in (text := engineer.get("/start/audit/small").text):
        assert real_time.monotonic() < deadline, text
        real_time.sleep(0.1)
    assert engineer.get("/").status_code == 200
    assert "Audit again" in engineer.get("/start?system=small").text


def test_rows_at_fault_are_counted_with_their_reason_and_not_shown(engineer: TestClient) -> None:
    engineer.post("/start/settings", data={"yaml": small_hospital.YAML})
    rows = [small_hospital.case(1), {"patient_id": "MRN-quokka"}]
    code, text = send(engineer, "cases", "".join(json.dumps(row) + "\n" for row in rows).encode())
    assert code == 200
    assert "1 of 2 rows of cases" in text
    assert "case_id" in text
    assert "quokka" not in text


def test_what_cannot_be_taken_is_said(engineer: TestClient) -> None:
    assert "is not valid YAML" in engineer.post("/start/settings", data={"yaml": "a: [b"}).text
    assert "There is no system" in engineer.post("/start/audit", data={"system": "x"}).text
    engineer.post("/start/settings", data={"yaml": small_hospital.YAML})
    bomb = gzip.compress(b"\0" * 10_000_000)
    for kind, content, name, sentence in (
        ("cases", bomb, "x.jsonl.gz", "Send a file that ends in"),
        ("cases", bomb, "x.zip", "Send a file that ends in"),
        ("cases", bomb, "x.jsonl", "x"),
        ("everything", b"{}\n", "x.jsonl", "Say what the file holds"),
        ("cases", b"{}\n", "../../etc/passwd", "Send a file that ends in"),
    ):
        code, text = send(engineer, kind, content, name)
        assert code in (200, 400), (name, code)
        if code == 400:
            assert sentence in text, text
        else:
            assert "0 of" in text, "nothing of it was taken in"


def test_a_viewer_sees_how_far_it_is_and_no_form(empty: Place) -> None:
    people.add(empty.ledger, "vic", "Vic", ["viewer"], PASSWORD, "test", RECEIVED)
    with browser(empty) as client:
        client.cookies.set(COOKIE, sessions.begin(empty.ledger, "vic", "password", empty.clock()))
        text = client.get("/start").text
    assert "An engineer takes these steps" in text
    assert "<textarea" not in text
