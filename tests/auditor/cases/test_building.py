"""An index is made once, tells of what the lake holds now, and goes when the lake is rewritten."""

import fcntl
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from auditor.audit.scope import AuditError
from auditor.cases import build, building, gather
from auditor.cases.errors import CasesError
from auditor.cases.seen import seen_by
from auditor.store.errors import StoreError
from tests.auditor import small_hospital as small
from tests.auditor.cases.conftest import Listed, list_cases
from tests.auditor.keeping.patients import erase, kept, subject
from tests.auditor.small_hospital import LATER, SYSTEM, Site


def _files(site: Site) -> list[Path]:
    return sorted((site.workspace.path / "cache").glob("*"))


def test_an_erased_patient_is_in_no_file_any_more(site: Site) -> None:
    cases = [row["case_id"] for row in kept(site, "cases") if row["subject_id"] == subject(site)]
    before = list_cases(site)
    assert all(case.encode() in before.path.read_bytes() for case in cases)
    erase(site)
    after = list_cases(site)
    assert after.path != before.path
    assert _files(site) == [after.path]
    content = after.path.read_bytes()
    assert len(cases) == 2
    assert not [case for case in cases if case.encode() in content]


def test_sweeping_takes_away_what_an_erasure_made_untrue_before_anybody_asks(site: Site) -> None:
    list_cases(site)
    assert building.sweep(site.ledger, site.workspace.path) == 0
    erase(site)
    assert building.sweep(site.ledger, site.workspace.path) == 1
    assert _files(site) == []


def test_an_erasure_while_the_index_is_made_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made = gather.gather

    def gather_then_erase(*words: Any) -> Any:
        found = made(*words)
        erase(site)
        return found

    monkeypatch.setattr(build, "gather", gather_then_erase)
    with pytest.raises((CasesError, StoreError)):
        list_cases(site)
    assert _files(site) == []


def test_what_was_received_later_is_in_a_later_audit_only(site: Site) -> None:
    first = list_cases(site)
    site.hand_in("outputs", [small.report_output(900, version="2", produced_at="2026-02-27T10:00:00Z")], LATER)
    again = list_cases(site)
    assert again.path == first.path
    total = again.index.page({}).total
    later = site.audit(as_of=LATER)
    newer = seen_by(site.ledger, SYSTEM, later.audit)
    found = building.make(site.ledger, site.lake, site.workspace.path, newer)
    assert found.page({}).total == total + 1
    assert len(_files(site)) == 2


def test_what_a_killed_process_left_goes_and_what_is_worked_at_stays(listed: Listed) -> None:
    folder = listed.path.parent
    abandoned, held = folder / "unfinished-1-cases-x.sqlite", folder / "unfinished-2-cases-x.sqlite"
    abandoned.write_bytes(b"c-0123")
    with held.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        building.sweep(listed.site.ledger, listed.site.workspace.path)
        assert _files(listed.site) == sorted([listed.path, held])
    building.sweep(listed.site.ledger, listed.site.workspace.path)
    assert _files(listed.site) == [listed.path]


def test_a_failure_halfway_leaves_no_file(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(build, "_write_filters", full)
    with pytest.raises(CasesError, match="see whether there is room"):
        list_cases(site)
    assert _files(site) == []


def test_only_the_newest_few_are_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "KEPT", 1)
    first = list_cases(site)
    site.hand_in("outputs", [small.report_output(900, version="2", produced_at="2026-02-27T10:00:00Z")], LATER)
    site.audit(as_of=LATER)
    second = list_cases(site)
    assert first.path != second.path
    assert _files(site) == [second.path]


def test_many_who_ask_at_once_make_it_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, path = seen_by(site.ledger, SYSTEM), site.workspace.path
    made: list[str] = []
    go_on = threading.Event()
    real = build.build

    def slow(*words: Any) -> None:
        made.append("made")
        assert go_on.wait(20)
        real(*words)

    monkeypatch.setattr(building, "build", slow)
    asking = [threading.Thread(target=building.start, args=(site.ledger, site.lake, path, seen)) for _ in range(8)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert building.ready(path, seen) is None
    going = building.progress_of(path, seen)
    assert going is not None
    assert 0 <= going.percent < 100
    go_on.set()
    _until_done(path, seen)
    building.start(site.ledger, site.lake, path, seen)
    index = building.ready(path, seen)
    assert index is not None
    assert index.page({}).total > 0
    assert made == ["made"]


def _until_done(path: Path, seen: Any) -> None:
    for _ in range(400):
        going = building.progress_of(path, seen)
        if going is None or going.failed:
            assert going is None, going.failed
            return
        time.sleep(0.05)
    raise AssertionError("the index was not made in time")


def test_a_failure_is_told_once_and_may_be_tried_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, path = seen_by(site.ledger, SYSTEM), site.workspace.path

    def broken(*_: Any) -> None:
        raise RuntimeError("secret words of a report")

    monkeypatch.setattr(building, "build", broken)
    building.start(site.ledger, site.lake, path, seen)
    for _ in range(200):
        going = building.progress_of(path, seen)
        if going is not None and going.failed:
            break
        time.sleep(0.02)
    assert going is not None
    assert going.failed == "The list could not be made: RuntimeError."
    assert building.progress_of(path, seen) is None
    monkeypatch.undo()
    building.start(site.ledger, site.lake, path, seen)
    _until_done(path, seen)
    assert building.ready(path, seen) is not None


def test_another_judge_since_is_one_sentence(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from auditor.judges import report

    monkeypatch.setattr(report, "VERSION", "report-of-tomorrow")
    with pytest.raises(CasesError, match="The judge of report has changed since the audit"):
        seen_by(site.ledger, SYSTEM)


def test_no_judgement_is_made(fresh_site: Site) -> None:
    with pytest.raises(AuditError, match="There is no audit of 'small' yet"):
        seen_by(fresh_site.ledger, SYSTEM)


def test_it_is_named_by_what_it_was_made_from(listed: Listed) -> None:
    assert listed.path.name == f"cases-{listed.seen.name}.sqlite"
    assert listed.seen.name.startswith(listed.seen.audit)
