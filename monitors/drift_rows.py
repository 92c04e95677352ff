"""What drift says of one column, and how it becomes a measurement."""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from monitors.measurement import Direction, Interval, Measure, Measurement, Window

DISTANCE: Final = Measure(
    "drift_distance",
    "Distance of the distribution to the reference window",
    "outputs",
    0.0,
    1.0,
    Direction.HIGHER_IS_WORSE,
    Interval.NONE,
    floor=50,
    ceiling="watch",
    unit="distance",
)


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column, window against reference window.

    Of categories the shares add to 1; of the words or findings of outputs (`monitors.bag_drift`) they do not.
    """

    column: str
    title: str
    item: str
    distance: float  # Jensen–Shannon distance, base 2, in [0, 1]; of embeddings the MMD
    total_variation: float | None  # in [0, 1]; None where there are no categories that add to 1
    null_high: float
    drifted: bool
    method: str
    categories: tuple[str, ...]
    reference_shares: tuple[float, ...]
    window_shares: tuple[float, ...]
    n_window: float
    n_reference: float
    n_eff_window: float
    n_eff_reference: float
    patients: int
    patients_exact: bool


class Of(NamedTuple):
    """What a distance is a measurement of: its measure, who made it, and of which outputs."""

    measure: Measure
    monitor: str
    monitor_version: int
    task: str
    version: str
    window: Window


def measurement(of: Of, drift: ColumnDrift) -> Measurement:
    """The distance as a measurement; `low` and `high` are its null band, which is no interval of the value."""
    return _row(
        of,
        f"{drift.column}: {drift.item}" if drift.item else drift.column,
        value=drift.distance,
        high=drift.null_high,
        n=drift.n_window,
        n_eff=min(drift.n_eff_window, drift.n_eff_reference),
        patients=(drift.patients, drift.patients_exact),
        deff=drift.n_window / drift.n_eff_window,
        note=f"without any change it would stay below {drift.null_high:.3f} in 95 % of windows",
    )


def refused(of: Of, item: str, why: str, *, n: float, patients: tuple[int, bool]) -> Measurement:
    """No distance, and why; `n` and `patients` are those of the window."""
    nan = math.nan
    return _row(of, item, value=nan, high=nan, n=n, n_eff=nan, patients=patients, deff=nan, note=why)


def _row(
    of: Of,
    item: str,
    *,
    value: float,
    high: float,
    n: float,
    n_eff: float,
    patients: tuple[int, bool],
    deff: float,
    note: str,
) -> Measurement:
    return Measurement(
        measure=of.measure.name,
        monitor=of.monitor,
        monitor_version=of.monitor_version,
        task=of.task,
        version=of.version,
        item=item,
        slice="all",
        contrast="reference",
        window=of.window,
        value=value,
        low=0.0 if math.isfinite(value) else math.nan,
        high=high,
        n=n,
        events=math.nan,
        n_eff=n_eff,
        patients=patients[0],
        patients_exact=patients[1],
        deff=deff,
        interval=Interval.NONE.value,
        note=note,
    )
