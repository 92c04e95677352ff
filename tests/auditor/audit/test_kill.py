"""A power cut at any stage: the next run completes the audit, and it says what an undisturbed one says."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from auditor.audit.run import Result
from auditor.store import tables as t
from auditor.store.segments import segments_of
from auditor.store.verify import verify
from reports import export_json
from reports.dossier import Dossier
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import SYSTEM, Site

ROOT = Path(__file__).parents[3]


def _run(folder: Path, where: str, count: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.auditor.audit.killed_audit", str(folder), where, str(count)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def _report(dossier: Dossier) -> str:
    """The exported report without what names the journal, which knows of the interruption."""
    return export_json.dumps(replace(dossier, provenance=replace(dossier.provenance, journal_head="")))


# an undisturbed audit writes 10 segments (4 blocks of judgements; tallies of days, weeks and eight weeks of two
# tasks) in 12 transactions; the last of them records: at insert 19 the audit has its row and its measurements, and
# no verdict yet
@pytest.mark.parametrize(
    ("where", "count", "judged"),
    [
        ("write", 1, 0),  # a block of judgements is on disk, and nobody knows of it
        ("commit", 2, 0),  # the first block was about to be committed
        ("commit", 3, 20),  # one block is committed, the second about to be
        ("write", 5, 61),  # all is judged; the tallies are on disk and not registered
        ("write", 6, 61),  # the sums of weeks are on disk and not registered; those of days are
        ("insert", 19, 61),  # in the middle of the recording transaction
    ],
)
def test_a_killed_audit_is_completed_by_the_next(
    small_unaudited: Path, site: Site, first: Result, tmp_path: Path, where: str, count: int, judged: int
) -> None:
    folder = small.copied(small_unaudited, tmp_path / "killed")
    died = _run(folder, where, count)
    assert died.returncode == -signal.SIGKILL, died.stderr
    (wreck,) = small.opened(folder)
    assert sum(s.rows for s in segments_of(wreck.ledger, SYSTEM, "judgements")) == judged
    assert not wreck.ledger.read(sa.select(t.audits)), "no half of an audit"
    left = verify(wreck.ledger, wreck.lake)
    assert left.ok, left.first
    assert (where != "write") or len(left.rubbish) == 1
    judged_now: list[int] = []
    again = wreck.audit(progress=lambda stage, _, total: judged_now.append(total) if "judging" in stage else None)
    assert sum(judged_now[-1:]) == 61 - judged
    assert again == first
    assert wreck.measured(again.audit) == site.measured(first.audit)
    assert wreck.verdicts(again.audit) == site.verdicts(first.audit)
    assert _report(wreck.dossier()) == _report(site.dossier())
    after = verify(wreck.ledger, wreck.lake)
    assert after.ok, after.first
    assert set(after.rubbish) <= set(left.rubbish)


def test_an_audit_in_a_process_of_its_own_is_the_same(small_unaudited: Path, site: Site, tmp_path: Path) -> None:
    folder = small.copied(small_unaudited, tmp_path / "alone")
    done = _run(folder, "never", 0)
    assert done.returncode == 0, done.stderr
    (other,) = small.opened(folder)
    assert other.measured(done.stdout.strip()) == site.measured(done.stdout.strip()) != []
    assert json.loads(_report(other.dossier())) == json.loads(_report(site.dossier()))
