"""Hallucination in report drafts: what the reference contradicts, what it is silent about, what was left out.

Per claim means per *positive* claim: boilerplate negatives would dilute the rate. Contradicted and unsupported
are kept apart, because references leave things out: only contradicted findings, wrong sides and significant
omissions may call for action by themselves.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import Collector, JudgedError, numbers, shares, status_is
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions

_COUNTS: Final = (
    "asserted",
    "reference_findings",
    "contradicted",
    "unsupported",
    "unaddressed",
    "omitted",
    "significant_contradicted",
)
_FAILURES: Final = ("unparseable", "judge_failed", "output_error")
#: Cell → the counts of which a report must have at least one to be counted in it.
_REPORTS_WITH: Final[dict[str, tuple[str, ...]]] = {
    "contradicted_reports": ("contradicted",),
    "unsupported_reports": ("unsupported",),
    "unaddressed_reports": ("unaddressed",),
    "fabricated_reports": ("contradicted", "unsupported", "unaddressed"),
    "significant_contradicted_reports": ("significant_contradicted",),
    "omission_reports": ("omitted",),
    "significant_omission_reports": ("significant_omitted",),
    "laterality_reports": ("laterality",),
}
CELLS: Final = (
    "outputs",
    *_FAILURES,
    "reports",
    *_COUNTS,
    "fabricated",
    *_REPORTS_WITH,
    "scored_reports",
    "low_score_reports",
)


def _share(
    name: str, title: str, of: str = "reports", counted: str = "reports", act: bool = False, cell: str = ""
) -> Measure:
    return Measure(
        name, title, counted, 0.0, 1.0, Direction.HIGHER_IS_WORSE, Interval.JEFFREYS,
        numerator=cell or name, denominator=of, ceiling="act" if act else "watch",
    )  # fmt: skip


def _claims(name: str, title: str, act: bool = False) -> Measure:
    return _share(f"{name}_claims", title, "asserted", "positive claims", act, name)


def _produced(cell: str, name: str, title: str) -> Measure:
    return _share(name, title, "outputs", "outputs", cell=cell)


MEASURES: Final = (
    Measure(
        "significant_contradicted",
        "Clinically significant contradicted findings per report",
        "reports",
        0.0,
        float("inf"),
        Direction.HIGHER_IS_WORSE,
        Interval.JEFFREYS,
        numerator="significant_contradicted",
        denominator="reports",
        unit="per report",
    ),
    _share(
        "significant_contradicted_reports", "Reports with a clinically significant contradicted finding", act=True
    ),
    _claims("contradicted", "Findings the reference contradicts, per positive claim", act=True),
    _share("contradicted_reports", "Reports with at least one contradicted finding", act=True),
    _claims("unsupported", "Findings the reference is silent about, per positive claim"),
    _share("unsupported_reports", "Reports with at least one unsupported finding"),
    _claims("unaddressed", "Findings on structures the reference never mentions, per positive claim"),
    _share("unaddressed_reports", "Reports with at least one unaddressed finding"),
    _claims("fabricated", "Contradicted, unsupported or unaddressed findings, per positive claim"),
    _share("fabricated_reports", "Reports with at least one finding the reference does not bear out"),
    _share(
        "omitted_findings",
        "Findings of the reference left out",
        "reference_findings",
        "reference findings",
        cell="omitted",
    ),
    _share("omission_reports", "Reports with at least one omitted finding"),
    _share("significant_omission_reports", "Reports with a clinically significant omission", act=True),
    _share("laterality_reports", "Reports with a finding on the wrong side", act=True),
    _share("low_score_reports", "Reports with an agreement score below one half", "scored_reports"),
    _produced("unparseable", "unparseable_outputs", "Outputs that could not be parsed"),
    _produced("judge_failed", "judge_failed_outputs", "Outputs the judge could not judge"),
    _produced("output_error", "error_outputs", "Outputs that were an error of the system"),
)


@dataclass(frozen=True, slots=True)
class Hallucination:
    """Sums over judged report drafts; one row is one report.

    Awaiting rows are in no cell. A report whose count is null adds to no rate that needs the count.
    """

    name: str = "hallucination"
    version: int = 1
    task: str = "report"
    cells: tuple[str, ...] = CELLS
    measures: tuple[Measure, ...] = MEASURES

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`. Raises JudgedError when a report has more errors than claims."""
        add = Collector(self.cells)
        judged = status_is(batch, "judged")
        add.count("outputs", ~status_is(batch, "awaiting"))
        for failure in _FAILURES:
            add.count(failure, status_is(batch, failure))
        counts = {
            name: numbers(batch, name)
            for name in {*_COUNTS, *(c for used in _REPORTS_WITH.values() for c in used)}
        }
        for name, column in counts.items():
            if (judged & ~np.isfinite(column)).any():
                raise JudgedError(
                    f"A judged report has no count of {name!r}; judge it anew or mark it judge_failed."
                )
        counts["fabricated"] = counts["contradicted"] + counts["unsupported"] + counts["unaddressed"]
        self._check(judged, counts)
        add.count("reports", judged)
        for name in (*_COUNTS, "fabricated"):
            add.sum(name, counts[name], judged)
        for cell, causes in _REPORTS_WITH.items():
            add.count(cell, judged & (sum(counts[cause] for cause in causes) > 0))
        score = numbers(batch, "score")
        add.count("scored_reports", judged & np.isfinite(score))
        add.count("low_score_reports", judged & (score < 0.5))
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Every measure is a ratio of two cells."""
        return shares(self, totals)

    @staticmethod
    def _check(judged: NDArray[np.bool_], counts: dict[str, NDArray[np.float64]]) -> None:
        parts = {
            "fabricated": "asserted",
            "omitted": "reference_findings",
            "significant_contradicted": "contradicted",
            "significant_omitted": "omitted",
        }
        for part, whole in parts.items():
            if (judged & (counts[part] > counts[whole])).any():
                raise JudgedError(
                    f"A judged report counts more {part} than {whole}; a rate needs each error to be one of them."
                )


HALLUCINATION: Final = Hallucination()
