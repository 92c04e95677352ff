"""The report judge beside three radiologists (RadPref), who took the reference as the truth.

What is measured is agreement with the reference report, not hallucination as such.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from auditor.judges.report import ReportJudge

Floats = NDArray[np.float64]


class Marks(NamedTuple):
    """Per pair: our counts and score beside the radiologists' means; per finding: ours beside their majority.

    `pairs` has two rows a study; `findings` holds (study, ours, theirs).
    """

    pairs: Floats
    findings: list[tuple[int, bool, bool]]


def marks(shared: Path) -> Marks:
    """Judge every pair of the data set."""
    studies = json.loads((shared / "data" / "radpref" / "studies.json").read_text(encoding="utf-8"))
    judge = ReportJudge()
    pairs: list[tuple[float, ...]] = []
    findings: list[tuple[int, bool, bool]] = []
    for number, study in enumerate(studies):
        truth = study["ground_truth_report"]
        for draft in ("C1", "C2"):
            readers = [reader[draft] for reader in study["radiologists"]]
            false = [{k for k, v in r["finding_errors"].items() if v["error_type"] == "false"} for r in readers]
            missing = [set(r["missing_findings"]) for r in readers]
            result = _judged(judge, study, truth, study[f"{draft}_report"])
            pairs.append(
                (
                    result["fabricated"],
                    float(np.mean([len(f) for f in false])),
                    result["omitted"],
                    float(np.mean([len(m) for m in missing])),
                    result["score"],
                    float(np.mean([r["rating"] for r in readers])),
                )
            )
            for i, finding in enumerate(study[f"{draft}_findings"]):
                ours = _judged(judge, study, truth, finding)["fabricated"] > 0
                findings.append((number, ours, sum(str(i) in f for f in false) >= 2))
            for i, finding in enumerate(study["ground_truth_findings"]):
                ours = _judged(judge, study, finding, study[f"{draft}_report"])["omitted"] > 0
                findings.append((number, ours, sum(str(i) in m for m in missing) >= 2))
    return Marks(np.array(pairs), findings)


def agreement(found: Marks, studies: NDArray[np.int64] | None = None) -> Floats:
    """Pearson r of false and of missing findings, Kendall tau of score and rating, F1 of findings; (4,).

    `studies` are the studies counted, with repetition.
    """
    count = len(found.pairs) // 2
    chosen = np.arange(count) if studies is None else studies
    pairs = found.pairs.reshape(count, 2, -1)[chosen].reshape(2 * len(chosen), -1)
    times = np.bincount(chosen, minlength=count)
    said = np.array([(times[s] * a, times[s] * b, times[s] * (a and b)) for s, a, b in found.findings]).sum(axis=0)
    return np.array(
        [
            np.corrcoef(pairs[:, 0], pairs[:, 1])[0, 1],
            np.corrcoef(pairs[:, 2], pairs[:, 3])[0, 1],
            kendalltau(pairs[:, 4], pairs[:, 5])[0],
            2 * said[2] / (said[0] + said[1]),
        ]
    )


def resampled(found: Marks, draws: int = 1_000, seed: int = 0) -> Floats:
    """`agreement` over studies drawn with repetition, (draws, 4)."""
    rng = np.random.default_rng(seed)
    count = len(found.pairs) // 2
    return np.stack([agreement(found, rng.integers(0, count, count)) for _ in range(draws)])


def table_of_radiologists(shared: Path) -> None:
    """What we agree on with the radiologists, with intervals over studies, beside what is asked."""
    found = marks(shared)
    value, draws = agreement(found), resampled(found)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    names = ("false findings, r", "missing findings, r", "score and rating, tau", "finding by finding, F1")
    print(f"\n{'RadPref (agreement with the reference)':40}{'asked':>7}{'found':>8}{'95 % over studies':>20}")
    for i, (name, asked) in enumerate(zip(names, (0.80, 0.85, 0.60, 0.80), strict=True)):
        print(f"{name:40}{asked:7.2f}{value[i]:8.3f}{f'{low[i]:.3f}-{high[i]:.3f}':>20}")


def _judged(judge: ReportJudge, study: dict[str, Any], reference: str, draft: str) -> dict[str, Any]:
    return judge.one(
        {
            "id": study["study"],
            "reference": reference,
            "draft": draft,
            "age": study["PatientAge"],
            "indication": study["Indication"],
            "has_prior": _prior(study["Comparison"]),
        }
    )


def _prior(comparison: str) -> bool | None:
    said = comparison.strip().lower()
    return not said.startswith(("no", "none")) if said else None
