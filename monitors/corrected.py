"""The rate that reviews correct, as a measure that a bound may name."""

import math
from typing import Final

from monitors.measurement import Direction, Interval, Measure, Measurement, Window

#: Reports with a clinically significant fabrication as radiologists see them: the rate of the system (process).
CORRECTED: Final = Measure(
    "corrected_fabrication",
    "Reports with a clinically significant fabrication, corrected by reviews: the system (process)",
    "reviewed reports", 0, 1, Direction.HIGHER_IS_WORSE, Interval.REVIEWED,
)  # fmt: skip


def measurement(
    value: float,
    low: float,
    high: float,
    *,
    reviewed: float,
    n_eff: float,
    patients: int,
    version: str,
    window: Window,
) -> Measurement:
    """A corrected rate (see `monitors.adjudication.corrected_rate`) of one version and window."""
    return Measurement(
        measure=CORRECTED.name,
        monitor="reviews",
        monitor_version=1,
        task="report",
        version=version,
        item="",
        slice="all",
        contrast="",
        window=window,
        value=value,
        low=low,
        high=high,
        n=reviewed,
        events=math.nan,  # reviews are weighted by stratum: a plain count of them would mislead
        n_eff=n_eff,
        patients=patients,
        patients_exact=True,
        deff=reviewed / n_eff if n_eff > 0 else math.nan,
        interval=Interval.REVIEWED.value,
    )
