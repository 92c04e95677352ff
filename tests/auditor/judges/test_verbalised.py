"""Confidence in words: what is read, what is refused, and that any text is survived."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.judges.verbalised import stated_confidence
from auditor.judges.vqa import VqaJudge


@pytest.mark.parametrize(
    ("answer", "stated"),
    [
        ("Yes, I am 90 percent confident.", 0.9),
        ("No. Confidence: 85%", 0.85),
        ("no, certainty = .", None),
        ("Confidence level: 0.62", 0.62),
        ("My confidence in this answer is 7 out of 10.", 0.7),
        ("confidence 8/10", 0.8),
        ("Confidence: 55/100", 0.55),
        ("I am 100% sure", 1.0),
        ("I'm not 100% sure", None),
        ("I am sure there is 80% collapse of the left lung", None),
        ("There is a 30 % pneumothorax.", None),
        ("60% sure of the effusion, 80% sure of the edema", None),
        ("Confidence: 120%", None),
        ("Confidence: 12", None),
        ("", None),
        (None, None),
    ],
)
def test_what_is_read(answer: str | None, stated: float | None) -> None:
    assert stated_confidence(answer) == stated


@given(st.text())
def test_any_text_states_a_share_or_nothing(answer: str) -> None:
    found = stated_confidence(answer)
    assert found is None or 0 <= found <= 1


@given(st.integers(0, 100), st.sampled_from(["sure", "certain", "confident"]))
def test_percentages_come_back(percent: int, word: str) -> None:
    assert stated_confidence(f"Yes. I am {percent}% {word}.") == pytest.approx(percent / 100)


def test_a_stated_confidence_does_not_hide_the_answer() -> None:
    pair = {"id": 1, "question": "Is there an effusion?", "reference": "Yes", "draft": "Yes. I am 80% sure."}
    assert VqaJudge().one(pair)["correct"] == 1
