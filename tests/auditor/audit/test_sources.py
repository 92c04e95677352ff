"""Several sources of confidence in one task: each is measured, and rules are on the first unless they name one."""

from typing import Any

import pytest
from pydantic import ValidationError

from auditor.settings import AuditSettings, Task
from reports import confidence
from tests.auditor.small_hospital import LATER, Site

_CASES = 60
YAML = """
system: small
tasks:
  vqa:
    confidence: votes
    confidence_beside: {sequence: false, told: true}
thresholds:
  - {measure: confidence_gap, watch: 0.05, act: 0.2}
  - {measure: confidence_gap, item: told, watch: 0.05, act: 0.2}
"""


def _right(i: int) -> bool:
    return i % 5 < 4


@pytest.fixture
def stating(fresh_site: Site) -> Site:
    """Votes are right as often as they say, what is told is always .99, and a third answers without logits."""
    site = fresh_site
    site.apply(YAML, LATER)
    known = {"task": "vqa", "reference_kind": "answer", "finalised_at": "2026-02-01", "text": "Yes"}
    about: dict[str, Any] = {"task": "vqa", "version": "9", "produced_at": "2026-02-20T10:00:00Z"}
    cases = range(_CASES)
    site.hand_in("cases", [{"case_id": f"S-{i}", "patient_id": f"S-{i}"} for i in cases], LATER)
    site.hand_in("references", [known | {"case_id": f"S-{i}"} for i in cases], LATER)
    outputs = [
        about
        | {
            "case_id": f"S-{i}",
            "output_id": f"S-{i}",
            "prompt": "Any effusion?",
            "text": "Yes" if _right(i) else "No",
            "confidence": {"votes": 0.8, "told": 0.99} | ({"sequence": 0.1 + 0.5 * _right(i)} if i % 3 else {}),
        }
        for i in cases
    ]
    site.hand_in("outputs", outputs, LATER)
    return site


def test_each_source_is_measured_and_a_rule_is_on_the_one_it_names(stating: Site) -> None:
    dossier = stating.dossier(stating.audit(LATER).audit)
    found = {(one.measure, one.item): one for one in dossier.rows if one.slice == "all" and not one.contrast}
    votes, told = found["confidence_gap", ""], found["confidence_gap", "told"]
    assert (votes.n, told.n) == (_CASES, _CASES)
    assert votes.value == pytest.approx(0, abs=1e-6)
    assert told.value == pytest.approx(0.19, abs=1e-6)
    assert votes.status != "act"
    assert told.status == "watch"
    assert ("confidence_gap", "sequence") not in found  # a score claims no probability
    order = found["confidence_auroc", "sequence"]
    assert order.value == pytest.approx(1.0)
    assert order.n == sum(1 for i in range(_CASES) if i % 3)
    assert {one.item for one in dossier.confidence} == {"", "sequence", "told"}
    assert {one.item for one in dossier.reliability} == {"", "told"}


def test_the_report_names_every_source(stating: Site) -> None:
    dossier = stating.dossier(stating.audit(LATER).audit)
    assert [line.label for line in confidence.lines(dossier)] == [
        "Yes/no questions and questions with options",
        "Yes/no questions and questions with options, told",
    ]
    assert any(said.startswith("Yes/no questions and questions with options, sequence") for said in (
        confidence.scores(dossier)
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ({"vqa": {"confidence_beside": {"told": True}}}, "the first stands under confidence"),
        (
            {"vqa": {"confidence": "told", "confidence_beside": {"told": True}}},
            "the first stands under confidence",
        ),
        ({"classification": {"confidence": "a", "confidence_beside": {"b": True}}}, "no confidence_beside"),
        ({"retrieval": {"samples": 5}}, "takes no samples"),
    ],
)
def test_what_cannot_be_measured_is_refused(tasks: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AuditSettings.model_validate({"system": "small", "tasks": tasks})


def test_a_search_may_state_how_sure_it_is() -> None:
    settings = AuditSettings.model_validate({"system": "s", "tasks": {"retrieval": {"confidence": "similarity"}}})
    assert settings.tasks["retrieval"] == Task(confidence="similarity")
