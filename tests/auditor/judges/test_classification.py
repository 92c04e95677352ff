"""Scores and labels meet by finding; what is missing stays missing."""

import math

import pytest

from auditor.judges import BadPairError
from auditor.judges.classification import ClassificationJudge

JUDGE = ClassificationJudge()


def test_one_row_a_finding_with_nulls_where_nothing_is_known() -> None:
    result = JUDGE.one(
        {
            "id": 7,
            "scores": {"Edema": 0.8, "Mass": None, "Hernia": math.nan},
            "decisions": {"Pneumonia": 1},
            "labels": {"edema": 1, "mass": 0, "Pleural_Thickening": 0},
            "thresholds": {"Edema": 0.9},
        }
    )
    rows = {row["item"]: row for row in result["rows"]}
    assert list(rows) == ["Edema", "Mass", "Hernia", "Pneumonia", "Pleural_Thickening"]
    assert (rows["Edema"]["probability"], rows["Edema"]["label"], rows["Edema"]["decision"]) == (0.8, 1, 0)
    assert (rows["Mass"]["probability"], rows["Mass"]["status"]) == (None, "unparseable")
    assert rows["Hernia"]["probability"] is None
    assert (rows["Pneumonia"]["label"], rows["Pneumonia"]["decision"], rows["Pneumonia"]["status"]) == (
        None,
        1,
        "judged",
    )
    assert rows["Pleural_Thickening"]["label"] == 0


def test_labels_that_have_not_come_yet() -> None:
    result = JUDGE.one({"id": 1, "scores": {"Edema": 0.2}, "labels": None})
    assert result["status"] == "awaiting"
    assert result["rows"][0]["status"] == "awaiting"
    assert JUDGE.one({"id": 1, "labels": {"Edema": 1}})["status"] == "unparseable"


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ({"scores": {"Edema": 1.4}}, "'scores' must hold numbers from 0 to 1"),
        ({"scores": {"Edema": "high"}}, "'scores' must hold numbers"),
        ({"labels": {"Edema": 2}}, "'labels' must hold 0, 1 or null"),
        ({"scores": [0.3]}, "'scores' must map findings"),
        ({"scores": {"Edema": 0.1, "edema ": 0.2}}, "names one finding twice"),
    ],
)
def test_wrong_values_give_one_sentence(pair: dict[str, object], said: str) -> None:
    with pytest.raises(BadPairError, match=said):
        JUDGE.one({"id": 1, **pair})
