"""Erasure of a patient: nothing of theirs is left, all of the others' is, and the record says what was done."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.audit.run import Result, run_audit
from auditor.audit.scope import AuditError
from auditor.backup import backup, restore
from auditor.keeping import rewriting
from auditor.keeping.erasure import erase_patient, subject_of, unknown_patients
from auditor.keeping.errors import KeepingError
from auditor.settings import Environment
from auditor.store import tables as t
from auditor.store.lake import Lake, Segment
from auditor.store.segments import register_segments, retired
from auditor.store.verify import verify
from tests.auditor import small_hospital as small
from tests.auditor.conftest import Run
from tests.auditor.keeping.patients import (
    AFTER,
    ASKED,
    PATIENT,
    erase,
    everything,
    hand_in_and_audit,
    kept,
    never_taken_in,
    subject,
)
from tests.auditor.small_hospital import LATER, MARKER, RECEIVED, SYSTEM, Site

OWN_TEXT = f"({MARKER} {PATIENT})"


def _traces(site: Site) -> list[str]:
    """Pseudonyms of the patient, and the words of their reports."""
    cases = [row["case_id"] for row in kept(site, "cases") if row["subject_id"] == subject(site)]
    assert len(cases) == 2
    return [subject(site), OWN_TEXT, *cases]


def test_nothing_of_the_patient_is_left_and_all_of_the_others_is(site: Site) -> None:
    traces, before = _traces(site), {kind: kept(site, kind) for kind in ("cases", "outputs", "references")}
    judged = {row["key"] for row in kept(site, "judgements")}
    assert all(trace in everything(site) for trace in traces)
    erased = erase(site)

    assert erased.rows == {"cases": 2, "outputs": 3, "references": 2, "judgements": 2}
    assert erased.lost_judges == ()
    found = everything(site)
    assert not [trace for trace in traces if trace in found]
    own = set(traces)
    for kind, rows in before.items():
        others = [row for row in rows if row["case_id"] not in own]
        assert kept(site, kind) == others, kind
        assert len(others) < len(rows)
    assert {row["key"] for row in kept(site, "judgements")} < judged
    assert verify(site.ledger, site.lake).ok
    assert verify(site.ledger, site.lake).rubbish == ()


def test_the_journal_names_what_was_replaced_and_nothing_of_the_patient(site: Site) -> None:
    before = {row["seq"]: row for row in site.ledger.read(sa.select(t.segments))}
    erase(site)
    (row,) = site.ledger.read(sa.select(t.erasures))
    assert (row["kind"], row["subject"], row["reason"]) == ("request", subject(site), "asked by letter")
    after = {row["seq"]: row for row in site.ledger.read(sa.select(t.segments))}
    assert list(after) == list(before)
    for seq, old in before.items():
        new = after[seq]
        assert new["received_at"] == old["received_at"]
        if old["kind"] == "tallies":
            assert [old["sha256"], None] in row["replaced"]
            assert new["bytes"] == 0
        else:
            assert [old["sha256"], new["sha256"]] in row["replaced"]
    entries = list(site.ledger.journal())
    told = "\n".join(entry.record for entry, _, _ in entries)
    assert all(old in told and (new is None or new in told) for old, new in row["replaced"])
    assert f"MRN-{PATIENT}" not in told
    assert retired(site.ledger) == {old for old, new in row["replaced"] if new is None}


def test_the_next_audit_is_that_of_a_hospital_without_the_patient(
    site: Site, first: Result, tmp_path: Path
) -> None:
    clean = never_taken_in(tmp_path / "clean", PATIENT)
    old = site.measured(first.audit)
    erase(site)
    new, never = site.audit(AFTER), clean.audit(AFTER)
    clean.ledger.close()
    assert (new.cached, new.status) == (False, never.status)
    assert site.measured(new.audit) == clean.measured(never.audit) != old
    assert site.verdicts(new.audit) == clean.verdicts(never.audit)

    (row,) = site.ledger.read(sa.select(t.audits).where(t.audits.c.id == new.audit))
    assert row["restates"] == first.audit
    assert site.measured(first.audit) == old
    assert site.dossier(first.audit).rows != site.dossier(new.audit).rows
    # tallies were made again once: the same window needs no new one, and is found
    tallies = len(kept(site, "tallies"))
    assert site.audit(AFTER).cached
    site.apply(small.YAML.replace("watch: 0.05", "watch: 0.06"), AFTER)
    assert not site.audit(AFTER).cached
    assert len(kept(site, "tallies")) == tallies
    found = verify(site.ledger, site.lake)
    assert (found.problems, found.rubbish) == ((), ())


def _probe(i: int, shown: int) -> dict[str, Any]:
    about = {"probe": "another image", "probe_of": f"OUT-{i}", "shown_case_id": f"R-{shown}"}
    return small.report_output(i, output_id=f"PROBE-{i}-{shown}", **about)


def _addendum(i: int) -> dict[str, Any]:
    return small.report_reference(i, addendum=True, text=f"More ({MARKER} {i}).")


def test_judgements_of_every_state_of_a_pair_go_also_of_probes(fresh_site: Site, tmp_path: Path) -> None:
    """Drafts judged before their reference came, against it, with an addendum, an amended case, another image."""
    late = small.WAITING[0]
    steps: list[tuple[Any, list[dict[str, Any]]]] = [
        ("references", [small.report_reference(late), small.report_reference(0, version=2, text="Clear.")]),
        ("references", [_addendum(late), _addendum(1)]),
        ("cases", [{**small.case(i), "attributes": {"sex": "F", "age": 70 + i}} for i in (late, 2)]),
        ("outputs", [_probe(late, 3), _probe(3, late), _probe(3, 4)]),
    ]
    fresh_site.audit(RECEIVED)
    for number, (kind, rows) in enumerate(steps, start=1):
        hand_in_and_audit(fresh_site, [(kind, rows)], number)
    erased = erase(fresh_site, late)
    assert erased.rows["outputs"] == 4  # draft, score, and both probes: what another was asked saw this image
    assert erased.rows["judgements"] >= 5
    clean = never_taken_in(tmp_path / "clean", late, *steps)
    assert kept(fresh_site, "judgements") == kept(clean, "judgements")
    assert {row["output_id"] for row in kept(fresh_site, "outputs")} == {
        row["output_id"] for row in kept(clean, "outputs")
    }
    clean.ledger.close()


def test_a_study_that_was_given_to_the_wrong_patient_first_stays_with_the_right_one(fresh_site: Site) -> None:
    moved = {**small.case(PATIENT), "patient_id": "MRN-right"}
    fresh_site.hand_in("cases", [moved], LATER)
    erased = erase(fresh_site)
    assert erased.rows == {"cases": 2, "outputs": 1, "references": 1}  # the image, and what named the wrong one
    found = everything(fresh_site)
    assert OWN_TEXT in found
    assert subject(fresh_site) not in found


def test_a_patient_whom_only_outputs_name_is_erased_too(fresh_site: Site) -> None:
    output = {"case_id": "R-lone", "output_id": "lone", "task": "report", "version": "2", "patient_id": " lone "}
    fresh_site.hand_in("outputs", [{**output, "text": "Lonely lungs."}], LATER)
    fresh_site.audit(LATER)
    whom = subject_of(fresh_site.workspace.key(), "lone")
    erased = erase_patient(fresh_site.ledger, fresh_site.lake, SYSTEM, whom, "asked", "test", ASKED)
    assert erased.rows == {"outputs": 1, "judgements": 1}
    assert "Lonely lungs" not in everything(fresh_site)


def test_an_identical_segment_that_is_made_again_counts_again(fresh_site: Site) -> None:
    """A patient with a report alone changes no sum of the scored images: their tallies come out byte for byte."""
    fresh_site.hand_in("cases", [{"case_id": "R-900", "patient_id": "MRN-900"}], RECEIVED)
    fresh_site.hand_in("references", [small.report_reference(900)], RECEIVED)
    fresh_site.hand_in("outputs", [small.report_output(900, produced_at="2026-01-20T10:00:00Z")], RECEIVED)
    fresh_site.audit(LATER)
    erase(fresh_site, 900)
    gone = retired(fresh_site.ledger)
    fresh_site.audit(AFTER)
    assert retired(fresh_site.ledger) < gone
    found = verify(fresh_site.ledger, fresh_site.lake)
    assert (found.problems, found.rubbish) == ((), ())


def test_what_another_system_received_too_stays_its_own(site: Site) -> None:
    site.apply(small.YAML.replace("system: small", "system: other"))
    (row,) = site.ledger.read(sa.select(t.segments).where(t.segments.c.kind == "cases"))
    shared = Segment(row["sha256"], "cases", row["rows"], row["bytes"])
    with site.ledger.transaction("test", RECEIVED) as tx:
        register_segments(tx, [shared], "other")
    erase(site)
    assert site.lake.exists(shared.sha256)
    assert verify(site.ledger, site.lake).ok
    whom = subject(site)
    assert erase_patient(site.ledger, site.lake, "other", whom, "asked", "test", ASKED).rows == {"cases": 2}
    assert not site.lake.exists(shared.sha256)


class Killed(BaseException):
    """As if the power had gone."""


def test_a_crash_after_the_transaction_is_finished_by_erasing_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "delete", die)
        with pytest.raises(Killed):
            erase(site)
    found = verify(site.ledger, site.lake)
    assert found.ok
    assert len(found.rubbish) == len(site.ledger.read(sa.select(t.erasures))[0]["replaced"])
    assert OWN_TEXT in everything(site)
    assert not site.audit(AFTER).cached

    again = erase(site)
    assert (again.total, again.deleted > 0) == (0, True)
    assert OWN_TEXT not in everything(site)
    assert verify(site.ledger, site.lake).rubbish == ()
    assert len(site.ledger.read(sa.select(t.erasures))) == 1
    assert erase(site).deleted == 0


def test_a_crash_before_the_transaction_changes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Killed

    head, files = site.ledger.head(), site.lake.list()
    with monkeypatch.context() as patched:
        patched.setattr(rewriting, "_record", die)
        with pytest.raises(Killed):
            erase(site)
    assert (site.ledger.head(), site.lake.list()) == (head, files)
    assert erase(site).total == 9


def test_rows_that_come_while_it_is_at_work_are_erased_with_the_others(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = rewriting._rewrite
    calls: list[int] = []

    def meanwhile(*words: Any) -> Any:
        made = plain(*words)
        if not calls:
            calls.append(1)
            site.hand_in("outputs", [small.report_output(PATIENT, output_id="OUT-late")], LATER)
        return made

    monkeypatch.setattr(rewriting, "_rewrite", meanwhile)
    assert erase(site).rows["outputs"] == 4
    assert OWN_TEXT not in everything(site)
    assert verify(site.ledger, site.lake).rubbish == ()


def test_a_damaged_segment_is_not_rewritten(site: Site) -> None:
    (row,) = site.ledger.read(sa.select(t.segments.c.sha256).where(t.segments.c.kind == "references"))
    path = site.workspace.path / "lake" / site.lake.name(row["sha256"])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=r"changed or damaged|cannot be read"):
        erase(site)
    assert site.ledger.read(sa.select(t.erasures)) == []


def test_a_back_up_after_it_can_be_restored_and_goes_on(site: Site, tmp_path: Path) -> None:
    erase(site)
    backup(site.workspace, tmp_path / "site.tar", ASKED)
    key = site.workspace.path.parent / "keys" / "site.key"
    environment = Environment.model_construct(workspace=Path("none"), ledger=None, lake=None, key_file=key)
    place, found = restore(environment, tmp_path / "site.tar", tmp_path / "back")
    assert (found.problems, found.rubbish) == ((), ())
    back = Site(place, place.ledger(), place.lake())
    assert OWN_TEXT not in everything(back)
    assert back.audit(AFTER).audit == site.audit(AFTER).audit
    assert verify(back.ledger, back.lake).ok
    back.ledger.close()


def test_a_system_without_anybody_left_says_so(fresh_site: Site) -> None:
    """Its last patient's rows leave empty segments, which can be read."""
    site = fresh_site
    site.apply(small.YAML.replace("system: small", "system: lone"))
    # the small hospital's own helpers take rows in for the newest settings: the lone system's
    site.hand_in("cases", [small.case(1)], RECEIVED)
    site.hand_in("outputs", [small.report_output(1)], RECEIVED)
    erase_patient(site.ledger, site.lake, "lone", subject(site, 1), "asked", "test", ASKED)
    with pytest.raises(AuditError, match="No outputs of lone"):
        run_audit(site.ledger, site.lake, "lone", as_of=AFTER, clock=lambda: AFTER, actor="test")
    site.hand_in("outputs", [small.report_output(2)], AFTER)
    assert run_audit(site.ledger, site.lake, "lone", as_of=AFTER, clock=lambda: AFTER, actor="test").audit
    assert verify(site.ledger, site.lake).ok


def test_refusals_are_one_sentence_without_the_identifier(site: Site) -> None:
    head = site.ledger.head()
    with pytest.raises(KeepingError, match="Nothing of this patient is in small") as refused:
        erase(site, 12345)
    assert "12345" not in str(refused.value)
    assert unknown_patients(site.ledger, site.lake, SYSTEM, {subject(site), subject(site, 9)}) == frozenset()
    assert unknown_patients(site.ledger, site.lake, SYSTEM, {"p-0"}) == {"p-0"}
    with pytest.raises(KeepingError, match="There is no system 'none'"):
        erase_patient(site.ledger, site.lake, "none", "p-0", "asked", "test", ASKED)
    with pytest.raises(KeepingError, match="Say why"):
        erase_patient(site.ledger, site.lake, SYSTEM, subject(site), "  ", "test", ASKED)
    with pytest.raises(KeepingError, match="empty or longer"):
        subject_of(site.workspace.key(), "   ")
    assert site.ledger.head() == head


def test_the_command(run: Run, audited: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "patients.txt"
    file.write_text(f"MRN-{PATIENT}\n\nMRN-nobody\n")
    about = ("erase", SYSTEM, "--patient-file", str(file), "--reason", "letter 12")
    code, _, said = run(*about, "--yes")
    assert (code, "Line 3" in said, "nobody" in said) == (2, True, False)
    file.write_text(f" MRN-{PATIENT} \nMRN-9\n")
    code, _, said = run(*about)
    assert (code, said.strip()) == (2, "Nothing was erased: where nobody can be asked, say --yes.")
    code, out, _ = run(*about, "--yes", "--json")
    made = json.loads(out)
    assert (code, [one["rows"]["cases"] for one in made]) == (0, [2, 2])
    assert made[0]["subject"] == subject(audited)
    assert "Nothing was left to erase" in run(*about, "--yes")[2]
    assert run("verify")[0] == 0
    assert run("audit", SYSTEM, "--json")[0] in (0, 1, 3)
    assert OWN_TEXT not in everything(audited)
    file.write_text(" \n")
    assert "empty" in run(*about, "--yes")[2]
    file.write_bytes(b"\xff\xfe1")
    assert "UTF-8" in run(*about, "--yes")[2]
