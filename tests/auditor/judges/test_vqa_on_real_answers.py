"""The VQA judge on answers of a deployed medical model."""

import csv
from pathlib import Path

import pytest

from auditor.judges.vqa import VqaJudge


@pytest.mark.shared
def test_wrong_answers_are_called_wrong_and_truths_right(shared: Path) -> None:
    judge = VqaJudge()
    with (shared / "data" / "vqa-rad" / "med_hallmark_answers.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wrong = [row for row in rows if not row["label"].startswith("Correct")]
    assert len(wrong) > 150

    def correct(row: dict[str, str], answer: str) -> int | None:
        pair = {"id": row["id"], "question": row["question"], "draft": answer, "reference": row["ground_truth"]}
        found: int | None = judge.one(pair)["correct"]
        return found

    called_wrong = sum(correct(row, row["model_answer"]) == 0 for row in wrong)
    assert called_wrong >= 0.90 * len(wrong)
    assert all(correct(row, row["ground_truth"]) == 1 for row in rows)
