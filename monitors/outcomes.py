"""What a stated probability is held against: the probability, and whether what it speaks of came true.

Of a finding: its label. Of a report: that it has no error that matters. Of one claim of a report: that the
reference bears it out. Of an answer: that it is correct. Of a search: that a true match comes first.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitors.columns import JudgedError, listed, numbers, status_is, unit_interval
from monitors.groups import Floats
from monitors.strata import Ints

#: An error matters that is urgent (weight 1) or actionable (.5): `monitors.error_codes`.
_MATTERS: Final = 0.5


class Stated(NamedTuple):
    """Probabilities in [0, 1] and outcomes 1 or 0, each of shape (n,); NaN where there is none.

    `row` is the row of the table that each belongs to; None where every row has one.
    """

    probability: Floats
    outcome: Floats
    row: Ints | None = None


def _classifier(batch: pa.RecordBatch) -> Stated:
    return Stated(unit_interval(numbers(batch, "probability"), "probability"), numbers(batch, "label"))


def _report(batch: pa.RecordBatch) -> Stated:
    """A report is right without a contradicted or omitted finding, and without a wrong side, that matters.

    A finding on which the reference is silent is no error: nobody knows whether it is there.
    """
    errors = [numbers(batch, name) for name in ("significant_contradicted", "significant_omitted")]
    for one in errors:
        if (one < 0).any():
            raise JudgedError("The judged table counts significant errors of a report; a count is never negative.")
    errors.append(_wrong_sides(batch))
    known = np.logical_and.reduce([status_is(batch, "judged"), *map(np.isfinite, errors)])
    right = np.logical_and.reduce([one == 0 for one in errors])
    return Stated(_confidence(batch), np.where(known, right, np.nan))


def _wrong_sides(batch: pa.RecordBatch) -> Floats:
    """How many errors of side that matter each row has; NaN where its errors are not listed."""
    found, row = listed(batch, "errors")
    side = pc.fill_null(pc.equal(found.field("code"), "LAT"), False)
    matters = pc.fill_null(pc.greater_equal(found.field("weight"), _MATTERS), False)
    counts = np.bincount(row, np.asarray(pc.and_(side, matters)).astype(np.float64), batch.num_rows)
    return np.where(np.asarray(batch.column("errors").is_valid()), counts, np.nan)


def _claims(batch: pa.RecordBatch, *, silent: float) -> Stated:
    """A claim is right that the reference bears out, and wrong that it contradicts or has on the other side.

    Of a claim on which the reference is silent nobody knows. Left out it would flatter a system that invents what
    nobody looks for; taken as right (1) by one monitor and as wrong (0) by another, the truth lies between.
    """
    found, row = listed(batch, "claims")
    missing = pa.scalar(float("nan"))
    stated, right = (
        np.asarray(found.field(name).cast(pa.float64()).fill_null(missing)) for name in ("confidence", "right")
    )
    return Stated(unit_interval(stated, "claims"), np.where(np.isnan(right), silent, right), row)


def _answer(batch: pa.RecordBatch, *, is_open: bool) -> Stated:
    """An answer that was given is right when it was judged correct; an abstention is neither right nor wrong.

    Yes or no and the choice of an option are right by exact match, an open answer by what a judge makes of it: two
    meanings of "right" that are never pooled.
    """
    correct = numbers(batch, "correct")
    given = status_is(batch, "judged") & (numbers(batch, "abstained") != 1)
    asked = (numbers(batch, "closed") == 0) == is_open
    return Stated(_confidence(batch), np.where(given & asked, correct, np.nan))


def _search(batch: pa.RecordBatch) -> Stated:
    """A search is right whose first candidate is a true match; not known where several share the first place."""
    first = numbers(batch, "recall_at_1")
    known = status_is(batch, "judged") & ((first == 0) | (first == 1))
    return Stated(_confidence(batch), np.where(known, first, np.nan))


def _confidence(batch: pa.RecordBatch) -> Floats:
    return unit_interval(numbers(batch, "confidence"), "confidence")


#: Monitor → what its rows state.
OUTCOMES: Final[Mapping[str, Callable[[pa.RecordBatch], Stated]]] = {
    "calibration": _classifier,
    "confidence_report": _report,
    "confidence_claims_silent_right": partial(_claims, silent=1.0),
    "confidence_claims_silent_wrong": partial(_claims, silent=0.0),
    "confidence_vqa": partial(_answer, is_open=False),
    "confidence_open": partial(_answer, is_open=True),
    "confidence_retrieval": _search,
}
