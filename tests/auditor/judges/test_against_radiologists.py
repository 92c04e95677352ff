"""Agreement of the report judge with three radiologists (RadPref), who took the reference as the truth.

What is measured is agreement with the reference report, not hallucination as such.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.stats import kendalltau

from auditor.judges.report import ReportJudge

pytestmark = pytest.mark.shared
JUDGE = ReportJudge()


class Marks(NamedTuple):
    """Per pair: our counts and score beside the radiologists' means; per finding: ours beside their majority."""

    pairs: np.ndarray[Any, np.dtype[np.float64]]
    findings: list[tuple[bool, bool]]


def prior(comparison: str) -> bool | None:
    said = comparison.strip().lower()
    return not said.startswith(("no", "none")) if said else None


def judged(study: dict[str, Any], reference: str, draft: str) -> dict[str, Any]:
    return JUDGE.one(
        {
            "id": study["study"],
            "reference": reference,
            "draft": draft,
            "age": study["PatientAge"],
            "indication": study["Indication"],
            "has_prior": prior(study["Comparison"]),
        }
    )


@pytest.fixture(scope="module")
def marks(shared: Path) -> Marks:
    studies = json.loads((shared / "data" / "radpref" / "studies.json").read_text(encoding="utf-8"))
    pairs, findings = [], []
    for study in studies:
        truth = study["ground_truth_report"]
        for draft in ("C1", "C2"):
            readers = [reader[draft] for reader in study["radiologists"]]
            false = [{k for k, v in r["finding_errors"].items() if v["error_type"] == "false"} for r in readers]
            missing = [set(r["missing_findings"]) for r in readers]
            result = judged(study, truth, study[f"{draft}_report"])
            pairs.append(
                (
                    result["fabricated"],
                    np.mean([len(f) for f in false]),
                    result["omitted"],
                    np.mean([len(m) for m in missing]),
                    result["score"],
                    np.mean([r["rating"] for r in readers]),
                )
            )
            for i, finding in enumerate(study[f"{draft}_findings"]):
                ours = judged(study, truth, finding)["fabricated"] > 0
                findings.append((ours, sum(str(i) in f for f in false) >= 2))
            for i, finding in enumerate(study["ground_truth_findings"]):
                ours = judged(study, finding, study[f"{draft}_report"])["omitted"] > 0
                findings.append((ours, sum(str(i) in m for m in missing) >= 2))
    return Marks(np.array(pairs), findings)


def agreement(pairs: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    """Pearson r of false findings, of missing findings, and Kendall τ of the score with the rating."""
    return (
        float(np.corrcoef(pairs[:, 0], pairs[:, 1])[0, 1]),
        float(np.corrcoef(pairs[:, 2], pairs[:, 3])[0, 1]),
        float(kendalltau(pairs[:, 4], pairs[:, 5])[0]),
    )


def test_counts_and_score_follow_the_radiologists(marks: Marks) -> None:
    false, missing, tau = agreement(marks.pairs)
    assert false >= 0.80
    assert missing >= 0.85
    assert tau >= 0.60


def test_median_over_studies_resampled(marks: Marks) -> None:
    rng = np.random.default_rng(0)
    studies = marks.pairs.reshape(-1, 2, marks.pairs.shape[1])
    draws = [
        agreement(studies[rng.integers(0, len(studies), len(studies))].reshape(-1, marks.pairs.shape[1]))
        for _ in range(200)
    ]
    medians = np.median(draws, axis=0)
    assert medians[0] >= 0.85
    assert medians[1] >= 0.87
    assert medians[2] >= 0.60


def test_finding_by_finding(marks: Marks) -> None:
    both = sum(a and b for a, b in marks.findings)
    f1 = 2 * both / (sum(a for a, _ in marks.findings) + sum(b for _, b in marks.findings))
    assert f1 >= 0.80
