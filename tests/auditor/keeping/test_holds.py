"""Legal holds: they stand until somebody lifts them, and while they stand nothing that they cover goes."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from auditor.keeping import rewriting
from auditor.keeping.errors import KeepingError
from auditor.keeping.holds import lift, place, standing
from auditor.store import tables as t
from auditor.store.verify import verify
from tests.auditor import small_hospital as small
from tests.auditor.conftest import Run
from tests.auditor.keeping.patients import ASKED, PATIENT, erase, everything, subject
from tests.auditor.small_hospital import LATER, SYSTEM, Site


def test_a_hold_on_the_system_or_the_patient_forbids_erasure_until_it_is_lifted(site: Site) -> None:
    files = site.lake.list()
    whole = place(site.ledger, SYSTEM, "a law suit", "counsel", LATER)
    with pytest.raises(KeepingError, match=f"under hold {whole}"):
        erase(site)
    lift(site.ledger, whole, "counsel", ASKED)
    one = place(site.ledger, SYSTEM, "another", "counsel", ASKED, subject(site))
    assert [(hold.id, hold.subject) for hold in standing(site.ledger, SYSTEM)] == [(one, subject(site))]
    with pytest.raises(KeepingError, match=f"patient is under hold {one}") as refused:
        erase(site)
    assert subject(site) not in str(refused.value)
    assert site.lake.list() == files
    assert erase(site, 9).total > 0  # somebody else
    lift(site.ledger, one, "counsel", ASKED)
    assert erase(site).total > 0
    assert standing(site.ledger) == []
    (row,) = site.ledger.read(sa.select(t.holds).where(t.holds.c.id == one))
    assert (row["lifted_by"], row["lifted_at"]) == ("counsel", ASKED)
    assert verify(site.ledger, site.lake).ok


def test_a_hold_of_another_system_does_not_matter(site: Site) -> None:
    site.apply(small.YAML.replace("system: small", "system: other"))
    place(site.ledger, "other", "a law suit", "counsel", LATER)
    assert erase(site).total > 0


def test_rows_of_a_held_patients_study_do_not_go_with_another_patient(site: Site) -> None:
    about = {"probe": "another image", "probe_of": "OUT-9", "shown_case_id": f"R-{PATIENT}"}
    site.hand_in("outputs", [small.report_output(9, output_id="PROBE", **about)], LATER)
    place(site.ledger, SYSTEM, "a law suit", "counsel", LATER, subject(site, 9))
    with pytest.raises(KeepingError, match="belongs to a study of another patient"):
        erase(site)


def test_a_hold_that_is_placed_while_rows_are_rewritten_counts(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = rewriting._rewrite

    def meanwhile(*words):  # type: ignore[no-untyped-def]
        made = plain(*words)
        place(site.ledger, SYSTEM, "a law suit", "counsel", LATER)
        return made

    monkeypatch.setattr(rewriting, "_rewrite", meanwhile)
    before = everything(site)
    with pytest.raises(KeepingError, match="under hold"):
        erase(site)
    assert everything(site) == before
    assert verify(site.ledger, site.lake).rubbish == ()


def test_what_is_refused(site: Site) -> None:
    with pytest.raises(KeepingError, match="There is no system"):
        place(site.ledger, "none", "why", "counsel", LATER)
    with pytest.raises(KeepingError, match="Say why"):
        place(site.ledger, SYSTEM, " ", "counsel", LATER)
    with pytest.raises(KeepingError, match="There is no hold 7"):
        lift(site.ledger, 7, "counsel", LATER)
    number = place(site.ledger, SYSTEM, "why", "counsel", LATER)
    lift(site.ledger, number, "counsel", LATER)
    with pytest.raises(KeepingError, match="was lifted before"):
        lift(site.ledger, number, "counsel", LATER)


def test_the_commands(run: Run, audited: Site, tmp_path: Path) -> None:
    file = tmp_path / "patients.txt"
    file.write_text(f"MRN-{PATIENT}\nMRN-unknown\n")
    assert "No hold stands" in run("hold", "list")[2]
    code, _, said = run("hold", "place", SYSTEM, "--reason", "law suit", "--patient-file", str(file))
    assert (code, "Line 2" in said, "unknown" in said) == (0, True, False)
    assert run("hold", "place", SYSTEM, "--reason", "law suit")[0] == 0
    holds = json.loads(run("hold", "list", SYSTEM, "--json")[1])
    assert [hold["subject"] for hold in holds][::2] == [subject(audited), None]
    assert "law suit" in run("hold", "list")[1]
    file.write_text(f"MRN-{PATIENT}\n")
    words = ("erase", SYSTEM, "--patient-file", str(file), "--reason", "letter", "--yes")
    code, _, said = run(*words)
    assert (code, "under hold" in said) == (2, True)
    for hold in holds:
        assert run("hold", "lift", str(hold["id"]))[0] == 0
    assert run(*words)[0] == 0
    assert run("hold", "list", "none")[0] == 2
