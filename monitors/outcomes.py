"""What a stated probability is held against: by row the probability, and whether what it speaks of came true.

Of a finding: its label. Of a report: that it has no error that matters. Of an answer: that it is correct.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitors.columns import JudgedError, numbers, status_is, unit_interval
from monitors.groups import Floats

#: An error matters that is urgent (weight 1) or actionable (.5): `monitors.error_codes`.
_MATTERS: Final = 0.5


def _classifier(batch: pa.RecordBatch) -> tuple[Floats, Floats]:
    return unit_interval(numbers(batch, "probability"), "probability"), numbers(batch, "label")


def _report(batch: pa.RecordBatch) -> tuple[Floats, Floats]:
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
    return _confidence(batch), np.where(known, right, np.nan)


def _wrong_sides(batch: pa.RecordBatch) -> Floats:
    """How many errors of side that matter each row has; NaN where its errors are not listed."""
    if "errors" not in batch.schema.names:
        raise JudgedError("The judged table has no column 'errors'; its schema is monitors.judged.judged_schema.")
    lists = batch.column("errors")
    found = lists.flatten()
    side = pc.fill_null(pc.equal(found.field("code"), "LAT"), False)
    matters = pc.fill_null(pc.greater_equal(found.field("weight"), _MATTERS), False)
    row = np.repeat(np.arange(len(lists)), np.asarray(pc.fill_null(pc.list_value_length(lists), 0)))
    counts = np.bincount(row, np.asarray(pc.and_(side, matters)).astype(np.float64), len(lists))
    return np.where(np.asarray(lists.is_valid()), counts, np.nan)


def _answer(batch: pa.RecordBatch, *, is_open: bool) -> tuple[Floats, Floats]:
    """An answer that was given is right when it was judged correct; an abstention is neither right nor wrong.

    Yes or no and the choice of an option are right by exact match, an open answer by what a judge makes of it: two
    meanings of "right" that are never pooled.
    """
    correct = numbers(batch, "correct")
    given = status_is(batch, "judged") & (numbers(batch, "abstained") != 1)
    asked = (numbers(batch, "closed") == 0) == is_open
    return _confidence(batch), np.where(given & asked, correct, np.nan)


def _confidence(batch: pa.RecordBatch) -> Floats:
    return unit_interval(numbers(batch, "confidence"), "confidence")


#: Monitor → probability in [0, 1] and outcome 1 or 0, each of shape (rows,); NaN where there is none.
OUTCOMES: Final[Mapping[str, Callable[[pa.RecordBatch], tuple[Floats, Floats]]]] = {
    "calibration": _classifier,
    "confidence_report": _report,
    "confidence_vqa": partial(_answer, is_open=False),
    "confidence_open": partial(_answer, is_open=True),
}
