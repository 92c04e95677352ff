"""Errors that reached the signed report: against hand-made reports, and for a list of cases to look at again."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.intake.pseudonyms import Pseudonyms
from auditor.store import tables as t
from tests.auditor import small_hospital as small
from tests.auditor.conftest import Run
from tests.auditor.small_hospital import LATER, Site, row

TRUTH = "No pneumothorax. No pleural effusion."
INVENTED = "There is a large right pneumothorax. No pleural effusion."
CORRECTED = "No pneumothorax. No pleural effusion."
#: case number modulo → (draft, signed, draft_seen): signed as drafted, corrected, right from the start, own text
KINDS = (
    (INVENTED, INVENTED, "yes"),
    (INVENTED, CORRECTED, "yes"),
    (TRUTH, TRUTH, "yes"),
    (INVENTED, INVENTED, "no"),
)
N = 60
YAML = small.YAML.replace("report: {}", "report: {reference: adjudication}")


@pytest.fixture
def adjudicated(site: Site) -> Site:
    """Sixty drafts, the reports signed from them, and an adjudication of each image."""
    site.apply(YAML, LATER)
    about: dict[str, Any] = {"task": "report", "finalised_at": "2026-02-20"}
    site.hand_in("cases", [{"case_id": f"L-{i}", "patient_id": f"L-{i}"} for i in range(N)], LATER)
    signed = [
        about
        | {"case_id": f"L-{i}", "reference_kind": "final_report", "text": KINDS[i % 4][1], "author": "signer"}
        | {"draft_seen": KINDS[i % 4][2]}
        for i in range(N)
    ]
    truth = [about | {"case_id": f"L-{i}", "reference_kind": "adjudication", "text": TRUTH} for i in range(N)]
    site.hand_in("references", signed + truth, LATER)
    about = {"task": "report", "version": "9", "produced_at": "2026-02-20T10:00:00Z"}
    drafts = [about | {"case_id": f"L-{i}", "output_id": f"L-{i}", "text": KINDS[i % 4][0]} for i in range(N)]
    site.hand_in("outputs", drafts, LATER)
    return site


def test_what_was_signed_counts_and_what_was_corrected_does_not(adjudicated: Site) -> None:
    dossier = adjudicated.dossier(adjudicated.audit(LATER).audit)
    reached = row(dossier, "reached_reports", "9")
    # of four kinds, three were signed with the draft in view; in one of them the invention was signed
    assert (reached.n, reached.events) == (45, 15)
    assert reached.value == pytest.approx(1 / 3)
    assert row(dossier, "contradicted_reports", "9").events == 45, (
        "all drafts that invent, whatever became of them"
    )


def test_it_is_not_measured_where_the_signed_report_is_the_reference(site: Site) -> None:
    measures = {one["measure"] for one in site.measured(site.audit(LATER).audit)}
    assert "reached_reports" not in measures


def test_the_list_of_cases_is_for_a_look_back(
    adjudicated: Site, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = adjudicated.audit(LATER).audit
    (payload,) = adjudicated.ledger.read(
        sa.select(t.details.c.payload).where(t.details.c.audit == made, t.details.c.kind == "look_back")
    )
    names = Pseudonyms(adjudicated.workspace.key())
    assert {one["case_id"] for one in payload["payload"]} == {names.of("case", f"L-{i}") for i in range(0, N, 4)}
    assert {tuple(one["findings"]) for one in payload["payload"]} == {("pneumothorax",)}
    monkeypatch.setenv("AUDITOR_WORKSPACE", str(adjudicated.workspace.path))
    monkeypatch.setenv("AUDITOR_KEY_FILE", str(adjudicated.workspace.key_file))
    (tmp_path / "ids.txt").write_text("L-0\nL-1\nL-8\nnobody\n")
    code, out, _ = run("lookback", small.SYSTEM, "--cases", str(tmp_path / "ids.txt"), "--json")
    assert (code, sorted(one["case"] for one in json.loads(out))) == (0, ["L-0", "L-8"])
    assert len(json.loads(run("lookback", small.SYSTEM, "--json")[1])) == 15
    assert "pneumothorax" in run("lookback", small.SYSTEM)[1]


def test_where_it_cannot_be_known_that_is_said(run: Run, audited: Site) -> None:
    assert run("lookback", small.SYSTEM)[2].strip() == (
        "It cannot be known: reports are held against the signed report itself."
    )
    code, _, said = run("lookback", "nobody")
    assert code == 2 and "nobody" in said
