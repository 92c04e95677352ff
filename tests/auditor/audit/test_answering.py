"""Several answers to one question."""

from collections.abc import Sequence

import pyarrow as pa

from auditor.audit.answering import sampled_questions, self_consistency


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


def test_the_same_sample_twice_is_one_answer() -> None:
    assert sampled_questions(outputs(["yes", "no"], [0, 0], ["a", "a"])) == []
