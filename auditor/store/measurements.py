"""A `Measurement` as a row of the ledger and back; what is undefined (NaN) is NULL there, never zero."""

import math
from collections.abc import Mapping
from typing import Any, Final

from monitors.measurement import Measurement, Window

_PLAIN: Final = (
    "measure",
    "monitor",
    "monitor_version",
    "task",
    "version",
    "item",
    "slice",
    "contrast",
    "patients",
    "patients_exact",
    "interval",
    "note",
)
_REAL: Final = ("value", "low", "high", "n", "events", "n_eff", "deff")


def measurement_row(audit: str, number: int, measurement: Measurement) -> dict[str, Any]:
    """The row of one measurement; `number` is its place in its audit."""
    row: dict[str, Any] = {name: getattr(measurement, name) for name in (*_PLAIN, *_REAL)}
    window = measurement.window
    return {"audit": audit, "number": number, "window_start": window.start, "window_end": window.end, **row}


def measurement_of(row: Mapping[str, Any]) -> Measurement:
    """The measurement of a row."""
    fields: dict[str, Any] = {name: math.nan if row[name] is None else row[name] for name in _REAL}
    fields.update((name, row[name]) for name in _PLAIN)
    window = Window(row["window_start"], row["window_end"])
    return Measurement(window=window, **fields)
