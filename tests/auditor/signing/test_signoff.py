"""Sign-offs and issued reports: what is signed holds, what was changed is named."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from auditor.signing import people, signoff
from auditor.signing_key import read_key
from auditor.store import tables as t
from auditor.store.verify import verify
from tests.auditor import small_hospital
from tests.auditor.issuing.conftest import AT, PASSWORD, issue
from tests.auditor.issuing.conftest import ada as ada
from tests.auditor.issuing.conftest import issued_folder as issued_folder
from tests.auditor.signing.test_signing import forge, problems
from tests.auditor.small_hospital import Site


@pytest.fixture
def site(issued_folder: Path, tmp_path: Path) -> Iterator[Site]:
    """A workspace of one's own, with its report."""
    yield from small_hospital.opened(small_hospital.copied(issued_folder, tmp_path / "issued"))


def test_a_sign_off_binds_name_time_meaning_and_the_files(site: Site, ada: str) -> None:
    made = issue(site)
    key = read_key(site.workspace.signing_key_file)
    who = people.authenticate(site.ledger, ada, PASSWORD, AT)
    signoff.sign(site.ledger, key, made.report, who, meaning="approved", decision="pause", note="", at=AT)
    (row,) = site.ledger.read(sa.select(t.signatures))
    said = json.loads(row["statement"])
    assert said["files"] == dict(made.hashes)
    assert (said["full_name"], said["meaning"], said["decision"]) == ("Dr Ada Lang", "approved", "pause")
    assert said["at"].startswith("2026-03-01T13:00")
    assert problems(site) == []
    with pytest.raises(signoff.SignOffError, match="has signed report-1 as approved already"):
        signoff.sign(site.ledger, key, made.report, who, meaning="approved", decision="", note="", at=AT)


@pytest.mark.parametrize(
    ("table", "change", "kind"),
    [
        ("signatures", "decision = 'continue'", "signature"),
        ("signatures", "full_name = 'Somebody else'", "signature"),
        ("signatures", "statement = replace(statement, 'pause', 'continue')", "signature"),
        ("reports", "files = replace(files, 'a', 'b')", "report"),
        ("credentials", "hash = 'another'", "password"),
    ],
)
def test_what_was_changed_after_signing_is_named(site: Site, ada: str, table: str, change: str, kind: str) -> None:
    made = issue(site)
    key = read_key(site.workspace.signing_key_file)
    who = people.authenticate(site.ledger, ada, PASSWORD, AT)
    signoff.sign(site.ledger, key, made.report, who, meaning="approved", decision="pause", note="", at=AT)
    forge(site, f"UPDATE {table} SET {change}")
    assert kind in {problem.kind for problem in problems(site)}


def test_a_flipped_bit_in_an_issued_report_is_found(site: Site) -> None:
    issue(site)
    (row,) = site.ledger.read(sa.select(t.reports))
    path = site.workspace.path / "lake" / site.lake.name(row["segment"])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert {p.kind for p in problems(site)} == {"report"}
    assert [p.kind for p in verify(site.ledger, site.lake).problems] == ["segment"]


def test_only_a_committee_signs(site: Site) -> None:
    people.add(site.ledger, "eve", "Eve", ["viewer"], PASSWORD, "test", AT)
    made = issue(site)
    key = read_key(site.workspace.signing_key_file)
    who = people.authenticate(site.ledger, "eve", PASSWORD, AT)
    with pytest.raises(signoff.SignOffError, match="takes the role committee or admin"):
        signoff.sign(site.ledger, key, made.report, who, meaning="approved", decision="", note="", at=AT)
    for words in ({"meaning": "seen"}, {"decision": "stop"}):
        with pytest.raises(signoff.SignOffError, match="one of"):
            about = {"meaning": "approved", "decision": "", "note": ""} | words
            signoff.sign(site.ledger, key, made.report, who, **about, at=AT)
