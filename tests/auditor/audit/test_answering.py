"""Several answers to one question."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from auditor.audit.answering import one_meaning, sampled_questions, self_consistency
from auditor.audit.judged_table import from_judgements
from auditor.audit.linking import link
from auditor.settings import parse_settings
from auditor.store.schemas import JUDGEMENTS
from tests.auditor.audit import rows


def outputs(texts: Sequence[str | None], samples: list[int], items: list[str]) -> pa.Table:
    n = len(texts)
    return pa.table(
        {
            "case_id": ["c"] * n,
            "item": items,
            "prompt": ["Is there an effusion?"] * n,
            "version": ["v1"] * n,
            "origin": ["replayed"] * n,
            "sample": samples,
            "text": pa.array(texts, pa.string()),
        }
    )


def test_the_share_of_answers_that_mean_the_same() -> None:
    table = outputs(
        ["Yes.", "No.", "Yes, there is one.", "no", "yes", None],
        [0, 1, 2, 3, 0, 1],
        ["a", "a", "a", "a", "b", "b"],
    )
    assert self_consistency(table, "vqa").to_pylist() == [0.5, 0.5, 0.5, 0.5, None, None]
    assert sampled_questions(table) == [[0, 1, 2, 3]]


def test_claims_and_not_words_are_compared() -> None:
    said = ["Small left effusion.", "A small effusion on the left.", "Right effusion."]
    found = self_consistency(outputs(said, [0, 1, 2], ["r"] * 3), "report").to_pylist()
    assert found == [2 / 3, 2 / 3, 1 / 3]


def test_how_little_the_meanings_scatter_is_the_same_for_every_answer_to_a_question() -> None:
    table = outputs(
        ["Yes.", "No.", "Yes, there is one.", "no", "yes", "yes", "no", "it may be", "yes", None],
        [0, 1, 2, 3, 0, 1, 0, 1, 0, 1],
        ["a", "a", "a", "a", "b", "b", "c", "c", "d", "d"],
    )
    # two meanings of four answers: entropy log 2 of at most log 4
    assert one_meaning(table, "vqa").to_pylist() == pytest.approx([*[0.5] * 4, 1.0, 1.0, 0.0, 0.0, None, None])
    said = ["Small left effusion.", "A small effusion on the left.", "Right effusion."]
    entropy = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3)) / np.log(3)
    assert one_meaning(outputs(said, [0, 1, 2], ["r"] * 3), "report").to_pylist() == pytest.approx(
        [1 - entropy] * 3
    )


def test_the_map_of_an_output_goes_before_what_is_read_from_its_answers() -> None:
    """By name: `semantic_entropy` and `self_consistency` need no entry."""
    made = rows.outputs(
        {"case_id": "c", "text": "Left effusion.", "confidence": [("semantic_entropy", 0.25)]},
        {"case_id": "c", "text": "Right effusion.", "sample": 1},
    )
    waiting = pa.Table.from_pylist([{"key": bytes(16), "judge": "r", "status": "awaiting"}] * 2, JUDGEMENTS)
    for name, found in (("semantic_entropy", [0.25, 0.0]), ("self_consistency", [0.5, 0.5])):
        setting = parse_settings(f"system: test\ntasks: {{report: {{confidence: {name}}}}}")
        linked = link(made, rows.references(), rows.cases(), "report", setting)
        table = from_judgements(linked, waiting, [bytes(16)] * 2, "report", setting)
        assert table["confidence"].to_pylist() == found


def test_the_same_sample_twice_is_one_answer() -> None:
    assert sampled_questions(outputs(["yes", "no"], [0, 0], ["a", "a"])) == []
