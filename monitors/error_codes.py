"""Every kind of error in report drafts, plain and weighted by what it matters, per report and per positive claim.

What the hallucination monitor has already (fabricated and omitted findings, reports with a wrong side) stands here
by its weight only. Beside them: how long drafts and references are and of how much references speak, since who
writes less errs less and is silent about more.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.columns import Collector, JudgedError, listed, numbers, shares, status_is
from monitors.groups import Floats
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions

#: Code of the judge → the name of its measures, one such error, and several.
CODES: Final[dict[str, tuple[str, str, str]]] = {
    "FAB": ("fabricated", "a finding that the reference does not bear out", "Findings not borne out"),
    "OMI": ("omitted", "an omitted finding", "Omitted findings"),
    "LAT": ("laterality", "a wrong side", "Wrong sides"),
    "LOC": ("location", "a wrong place", "Wrong places"),
    "SEV": ("severity", "a wrong severity", "Wrong severities"),
    "CER": ("certainty", "a wrong certainty", "Wrong certainties"),
    "TMP": ("temporal", "a wrong course over time", "Wrong courses over time"),
    "PRI": ("phantom_prior", "an invented earlier examination", "Invented earlier examinations"),
    "NUM": ("number", "a wrong measurement", "Wrong measurements"),
    "NUMFAB": ("invented_number", "an invented measurement", "Invented measurements"),
    "DEV": ("device", "a wrong device or tip", "Wrong devices or tips"),
    "OVR": ("overreading", "a finding named with another exactness", "Findings named with another exactness"),
    "CON": ("contradiction", "a contradiction in itself", "Contradictions in themselves"),
    "REP": ("repetition", "a sentence said twice", "Sentences said twice"),
}
#: What the hallucination monitor counts under other names.
_REPORTS_ELSEWHERE: Final = ("FAB", "OMI", "LAT")
_CLAIMS_ELSEWHERE: Final = ("FAB", "OMI")
_ALL: Final = "all"
_KINDS: Final = ("", "_reports", "_weight", "_square")


def _reports(name: str, one: str) -> Measure:
    return Measure(
        f"{name}_reports", f"Reports with {one}", "reports", 0, 1, Direction.HIGHER_IS_WORSE, Interval.JEFFREYS,
        numerator=f"{name}_reports", denominator="reports", ceiling="watch",
    )  # fmt: skip


def _per(code: str) -> tuple[str, str, str]:
    """Denominator, what it counts, and the unit of a rate by claim."""
    if code == "OMI":
        return "reference_findings", "reference findings", "per finding"
    return "asserted", "positive claims", "per positive claim"


def _claims(code: str, name: str, several: str) -> Measure:
    of, counted, unit = _per(code)
    return Measure(
        f"{name}_claims", f"{several}, {unit}", counted, 0, float("inf"), Direction.HIGHER_IS_WORSE,
        Interval.JEFFREYS, numerator=name, denominator=of, ceiling="watch", unit=unit,
    )  # fmt: skip


def _weighted(name: str, several: str, code: str = "") -> Measure:
    """By report, or where a code is given by claim."""
    of, counted, unit = _per(code) if code else ("reports", "reports", "per report")
    return Measure(
        f"weighted_{name}_claims" if code else f"weighted_{name}",
        f"{several}, weighted, {unit}", counted, 0, float("inf"),
        Direction.HIGHER_IS_WORSE, Interval.JEFFREYS, numerator=f"{name}_weight", denominator=of,
        squares=f"{name}_square", ceiling="watch", unit=unit,
    )  # fmt: skip


def _length(name: str, title: str, unit: str = "words", denominator: str = "reports") -> Measure:
    return Measure(
        name, title, "reports", 0, float("inf"), Direction.HIGHER_IS_WORSE, Interval.NORMAL, numerator=name,
        denominator=denominator, floor=50, ceiling="watch", unit=unit,
    )  # fmt: skip


def _measures() -> tuple[Measure, ...]:
    made = [_weighted(_ALL, "All errors")]
    for code, (name, one, several) in CODES.items():
        made += [] if code in _REPORTS_ELSEWHERE else [_reports(name, one)]
        made += [] if code in _CLAIMS_ELSEWHERE else [_claims(code, name, several)]
        made += [_weighted(name, several), _weighted(name, several, code)]
    made += [_length("draft_words", "Words of a draft"), _length("reference_words", "Words of a reference report")]
    about = "Structures and classes of device that a reference report speaks of"
    made.append(_length("reference_structures", about, "structures", "reports_with_structures"))
    return tuple(made)


@dataclass(frozen=True, slots=True)
class ErrorCodes:
    """Sums over judged report drafts; one row is one report.

    An error weighs 1 (urgent), .5 (actionable), .25 (not actionable) or .1 (benign). `…_square` sums the squares
    of what a report's errors of one kind weigh together: of those the interval of a weighted rate is made.
    """

    name: str = "error_codes"
    version: int = 2
    task: str = "report"
    cells: tuple[str, ...] = (
        *("reports", "asserted", "reference_findings", "draft_words", "reference_words"),
        *("reference_structures", "reports_with_structures"),  # a judge may not know them
        *(f"{_ALL}{kind}" for kind in _KINDS[2:]),
        *(f"{name}{kind}" for name, *_ in CODES.values() for kind in _KINDS),
    )
    measures: tuple[Measure, ...] = _measures()

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`. Raises JudgedError for an unknown code or a weight beyond (0, 1]."""
        add, judged = Collector(self.cells), status_is(batch, "judged")
        add.count("reports", judged)
        for cell, column in (("asserted", "asserted"), ("reference_findings", "reference_findings"),
                             ("draft_words", "length"), ("reference_words", "reference_length"),
                             ("reference_structures", "addressed")):  # fmt: skip
            values = numbers(batch, column)
            add.sum(cell, np.nan_to_num(values), judged & np.isfinite(values))
        add.count("reports_with_structures", judged & np.isfinite(numbers(batch, "addressed")))
        counts, weights = _by_code(batch)
        every = weights.sum(axis=1)
        add.sum(f"{_ALL}_weight", every, judged)
        add.sum(f"{_ALL}_square", every**2, judged)
        for k, (name, *_) in enumerate(CODES.values()):
            rows = judged & (counts[:, k] > 0)
            add.sum(name, counts[:, k], rows)
            add.count(f"{name}_reports", rows)
            add.sum(f"{name}_weight", weights[:, k], rows)
            add.sum(f"{name}_square", weights[:, k] ** 2, rows)
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Every measure is a ratio of two cells."""
        return shares(self, totals)


def _by_code(batch: pa.RecordBatch) -> tuple[Floats, Floats]:
    """How many errors of each code a row has, and what they weigh together: both (rows, codes)."""
    found, row = listed(batch, "errors")
    code = np.asarray(pc.fill_null(pc.index_in(found.field("code"), value_set=pa.array(list(CODES))), -1))
    weight = np.asarray(found.field("weight").fill_null(float("nan")).to_numpy(zero_copy_only=False), float)
    if (code < 0).any() or not ((weight > 0) & (weight <= 1)).all():
        raise JudgedError(
            "A row of the judged table has an error with an unknown code, or a weight beyond (0, 1]."
        )
    place = row * len(CODES) + code
    size, shape = batch.num_rows * len(CODES), (batch.num_rows, len(CODES))
    counts, weights = (np.bincount(place, w, size).reshape(shape) for w in (np.ones(len(place)), weight))
    return counts, weights


ERROR_CODES: Final = ErrorCodes()
