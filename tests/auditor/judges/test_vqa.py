"""Reading answers strictly, and judging them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.judges import BadPairError
from auditor.judges.vqa import VqaJudge

JUDGE = VqaJudge()


def judged(answer: str | None, truth: str | None, question: str | None = None, **more: Any) -> dict[str, Any]:
    return JUDGE.one({"id": 1, "question": question, "draft": answer, "reference": truth, **more})


@pytest.mark.parametrize(
    ("answer", "yes"),
    [("Yes", 1), ("yes, clearly.", 1), ("**No**", 0), ("NO!", 0), ("The answer is yes.", 1), ("Answer: No", 0)],
)
def test_plain_answers(answer: str, yes: int) -> None:
    result = judged(answer, "yes")
    assert (result["status"], result["answered_yes"], result["correct"]) == ("judged", yes, yes)


@pytest.mark.parametrize(
    "answer",
    [
        "Not",
        "Not an effusion",
        "Normal",
        "None",
        "Noted.",
        "No problem! Happy to help.",
        "Yes, I can help with that.",
        "yes or no",
        "Yes and no",
        "No se observa derrame.",
        "Sí",
        "Nein",
        "Certainly! Here is an overview.",
        "maybe",
    ],
)
def test_what_is_no_answer_is_neither_right_nor_wrong(answer: str) -> None:
    result = judged(answer, "no", "Is there an effusion?")
    assert (result["status"], result["correct"], result["answered_yes"]) == ("unparseable", None, None)


@pytest.mark.parametrize(
    "answer", ["I cannot determine this.", "I'm sorry, but I can't assess images.", "No idea."]
)
def test_refusals_abstain(answer: str) -> None:
    result = judged(answer, "yes", "Is there an effusion?")
    assert (result["abstained"], result["correct"]) == (1, None)


@pytest.mark.parametrize(
    ("answer", "yes"),
    [
        ("The film shows a large effusion on the left.", 1),
        ("There is no sign of a large effusion on this film.", 0),
    ],
)
def test_a_sentence_that_restates_the_question_counts(answer: str, yes: int) -> None:
    assert judged(answer, "yes", "Is there a large effusion?")["answered_yes"] == yes
    assert judged(answer, "yes")["status"] == "unparseable"  # without the question nothing is restated


@pytest.mark.parametrize(
    ("answer", "picked"),
    [
        ("B", "B"),
        ("(b) effusion", "B"),
        ("Answer: C.", "C"),
        ("It shows an effusion.", "B"),
        ("Mass or effusion", None),
    ],
)
def test_multiple_choice(answer: str, picked: str | None) -> None:
    result = judged(answer, "effusion", options=["mass", "effusion", "fracture"])
    assert result["parsed"] == picked
    assert result["correct"] == (None if picked is None else int(picked == "B"))


@pytest.mark.parametrize(
    ("answer", "truth", "correct"),
    [
        ("The image is a CT scan.", "CT", 1),
        ("It was taken in the axial plane.", "transverse", 1),
        ("The lesion lies in the left lung.", "Right lung", 0),
        ("The heart is enlarged.", "Cardiomegaly", 1),
        ("There is a pleural effusion.", "Pneumothorax", 0),
        ("Liver", "liver", 1),
        ("The liver is not the organ shown.", "liver", 0),
    ],
)
def test_open_answers(answer: str, truth: str, correct: int) -> None:
    assert judged(answer, truth)["correct"] == correct


@given(st.text(min_size=1))
def test_a_truth_given_as_answer_is_right(truth: str) -> None:
    result = judged(truth, truth)
    assert result["correct"] in (1, None)
    if result["correct"] is None:
        assert result["status"] != "judged" or result["abstained"] == 1


def test_what_is_missing_stays_null() -> None:
    assert judged(None, "yes")["status"] == judged("...", "yes")["status"] == "unparseable"
    assert judged("yes", None)["status"] == "awaiting"
    assert judged("yes", "perhaps", closed=True)["status"] == "judge_failed"
    with pytest.raises(BadPairError, match="field 'options'"):
        judged("yes", "yes", options="abc")
