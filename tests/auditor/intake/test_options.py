"""Questions with options at the gate: kept as they are shown, refused where they cannot be asked."""

from dataclasses import replace
from typing import Any

import pytest

from auditor.intake.mapping import parse_mapping
from auditor.settings import parse_settings
from tests.auditor.intake.conftest import Bench

#: The digest of `answer(1)` before references could have options.
_DIGEST_BEFORE = "7387f8d84d1c47dc557e0c7680c7b110"


@pytest.fixture
def questions(bench: Bench) -> Bench:
    return replace(bench, settings=parse_settings("system: drafts\ntasks: {vqa: {}, report: {}}"))


def answer(i: int, **more: Any) -> dict[str, Any]:
    about = {"case_id": f"ACC-{i}", "task": "vqa", "reference_kind": "answer", "question": "What is seen?"}
    return {**about, "text": "mass", **more}


def test_options_are_kept_in_their_order(questions: Bench) -> None:
    rows = [answer(1, options=["  No\nmass ", "Mass", 3]), answer(2, options=["mass", "none"], text="B")]
    assert questions.ingest(questions.write("a.jsonl", rows), "references").accepted == 2
    assert [row["options"] for row in questions.stored("references")] == [
        ["No mass", "Mass", "3"],
        ["mass", "none"],
    ]


def test_a_reference_without_options_keeps_its_digest(questions: Bench) -> None:
    rows = [
        answer(1),
        answer(1, options=["mass", "effusion"], item="q"),
        answer(1, options=["effusion", "mass"], item="q"),
    ]
    questions.ingest(questions.write("a.jsonl", rows), "references")
    first, *others = [row["digest"].hex() for row in questions.stored("references")]
    assert first == _DIGEST_BEFORE
    assert len({first, *others}) == 3  # another order is another question


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"options": ["mass"]}, "2 to 26"),
        ({"options": [f"mass {i}" for i in range(27)]}, "2 to 26"),
        ({"options": ["mass", " "]}, "options"),
        ({"options": ["mass", "Mass"]}, "same text"),
        ({"options": ["mass", "b"]}, "one letter"),
        ({"options": ["nodule", "effusion"]}, "none of the options"),
        ({"options": ["mass", "effusion"], "task": "report", "reference_kind": "final_report"}, "only questions"),
        ({"options": "mass"}, "options"),
    ],
)
def test_options_that_cannot_be_asked_go_to_quarantine(questions: Bench, more: Any, reason: str) -> None:
    result = questions.ingest(questions.write("a.jsonl", [answer(1, **more)]), "references")
    assert (result.accepted, result.quarantined) == (0, 1)
    assert reason in str(result.reasons)


def test_one_cell_may_hold_all_options() -> None:
    mapping = parse_mapping('options: {from: choices, separator: "|"}', "references")
    assert mapping.compiled()({"choices": "mass|effusion"}) == {"options": ["mass", "effusion"]}
