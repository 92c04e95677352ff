"""Which cases a new version mends, and which it breaks."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports.comparison import ChangedCases

#: An error of a case: any of these columns above zero. For classification it is a decision that is not the label.
_ERRORS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "report": {
        "contradicted and significant": ("significant_contradicted",),
        "contradicted": ("contradicted",),
        "unsupported": ("unsupported",),
        "omitted": ("omitted",),
        "side": ("laterality",),
    }
}


def changed_cases(judged: pa.Table, task: str, old: str, new: str) -> Iterator[ChangedCases]:
    """By kind of error, the cases that have it in one version only."""
    version = np.array(judged["version"].to_pylist())
    case = np.array(judged["case_id"].to_pylist())
    status = np.array(judged["status"].to_pylist())
    for error, wrong in _wrong(judged, task).items():
        known = (status == "judged") & np.isfinite(wrong)
        seen = {
            name: {
                c: bool(w) for c, w in _worst(case[known & (version == name)], wrong[known & (version == name)])
            }
            for name in (old, new)
        }
        both = sorted(set(seen[old]) & set(seen[new]))
        fixed = tuple(c for c in both if seen[old][c] and not seen[new][c])
        broken = tuple(c for c in both if seen[new][c] and not seen[old][c])
        same = sum(seen[old][c] and seen[new][c] for c in both)
        if fixed or broken or same:
            yield ChangedCases(task, error, same, fixed, broken)


def _wrong(judged: pa.Table, task: str) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    def numbers(name: str) -> Any:
        return np.asarray(pc.cast(judged[name], pa.float64()).to_numpy(zero_copy_only=False), np.float64)

    if task == "report":
        return {
            error: np.max([numbers(column) for column in columns], axis=0)
            for error, columns in _ERRORS[task].items()
        }
    if task == "vqa":
        return {"wrong answer": 1.0 - numbers("correct")}
    if task == "retrieval":
        return {"no true match listed": (numbers("reciprocal_rank") == 0).astype(float)}
    label, decision = numbers("label"), numbers("decision")
    item = np.array(judged["item"].to_pylist())
    wrong = np.where(np.isnan(label) | np.isnan(decision), np.nan, (label != decision).astype(float))
    return {str(name): np.where(item == name, wrong, np.nan) for name in sorted(set(item.tolist()))}


def _worst(cases: Any, wrong: Any) -> Iterator[tuple[str, bool]]:
    """Whether any answer about a case has the error."""
    found: dict[str, bool] = {}
    for case, value in zip(cases.tolist(), wrong.tolist(), strict=True):
        found[case] = found.get(case, False) or value > 0
    yield from found.items()
