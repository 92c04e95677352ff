"""What a monitor measures (`Measure`) and one measured number with its uncertainty (`Measurement`)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Direction(StrEnum):
    """Which way is bad."""

    HIGHER_IS_WORSE = "higher is worse"
    LOWER_IS_WORSE = "lower is worse"
    AWAY_FROM_ZERO = "away from zero is worse"


class Interval(StrEnum):
    """How the interval of a measure is made; printed beside every number."""

    JEFFREYS = "Jeffreys on the effective sample size, pooled design effect; exact where there is no event"
    MOVER = "MOVER on the Jeffreys limits of both rates"
    LIMITS = "MOVER on the limits of both sides"
    DIFFERENCE = "MOVER on the limits of both shares, with their correlation over the same patients"
    F1 = "Jeffreys on TP/(TP + FP + FN) and the effective sample size, as F1"
    LOGIT = "logit scale, pooled patient jackknife, t on patients of the rarer class"
    NORMAL = "t, patient jackknife; exact share of none seen where all patients are alike"
    KNOWN = "t, patient jackknife of a number that is known of each case"
    PROBIT = "MOVER on the Jeffreys limits of both rates, on the probit scale"
    LEAN = "half the MOVER difference of both rates, on the probit scale"
    MEAN = "normal on the effective sample size, pooled design effect"
    RECALIBRATION = "pooled patient jackknife of the logistic fit, t on patients of the rarer class"
    Q_HAT = "normal on the unbiased squared calibration error"
    PAIRED = "MOVER on the exact limits of what was won and what was lost on shared cases, effective sample size"
    PAIRED_OTHER = "t, patient jackknife of the difference on shared cases, no narrower than MOVER on both limits"
    REVIEWED = "post-stratified Jeffreys on the reviewed sample"
    NONE = "no interval: shown beside a null band"


@dataclass(frozen=True, slots=True)
class Measure:
    """The declaration of a measure: what it counts, its range, which way is bad, and how sure it can be.

    `numerator` and `denominator` name cells of the tally where the measure is a rate; `parts` names the two
    measures of which it is the mean (MOVER) or the difference (DIFFERENCE), or the sensitivity and specificity of
    which it is made (PROBIT, LEAN); `ceiling` is the gravest verdict that this measure may give by itself.
    """

    name: str
    title: str  # as a person says it: "Reports with at least one contradicted finding"
    counted: str  # the unit of n: "reports", "positive claims", "images"
    low: float
    high: float
    direction: Direction
    interval: Interval
    numerator: str = ""
    denominator: str = ""
    floor: float = 30.0  # effective n below which the interval is shown without a verdict
    ceiling: str = "act"  # act | watch
    unit: str = "share"  # share (printed as %), per report, score, difference, distance
    scope: str = "any"  # any | item (pooling findings means nothing) | whole (no meaning for one finding)
    parts: tuple[str, ...] = ()
    squares: str = ""  # cell of the squared weights, where the numerator sums weights and not events
    tied: bool = False  # an outcome of 0 or 1, but that a tie, whose order is chance, counts as a probability


@dataclass(frozen=True, slots=True)
class Slice:
    """A group of cases, as sorted (attribute, value) pairs; the empty tuple is everything.

    >>> str(Slice((("age", "40-64"), ("sex", "F"))))
    'age=40-64 & sex=F'
    >>> str(Slice())
    'all'
    """

    where: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return " & ".join(f"{name}={value}" for name, value in self.where) or "all"


@dataclass(frozen=True, slots=True)
class Window:
    """Days from `start` to `end`, both included; None is open. Undated rows lie in the open window only."""

    start: date | None = None
    end: date | None = None

    def __str__(self) -> str:
        return f"{self.start or '…'} to {self.end or '…'}" if self.start or self.end else "all time"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number: value, interval and both n, for one measure, version, item, slice and window.

    `value`, `low` and `high` are NaN where undefined, and `note` then says why. `contrast` is empty for a
    level, ``rest`` for slice minus rest, ``reference`` for window minus reference window. Where there is no
    interval (`Interval.NONE`), `low` and `high` are the band that the value stays in without any change.
    """

    measure: str
    monitor: str
    monitor_version: int
    task: str
    version: str  # of the audited system; measurements never pool versions
    item: str  # "" for the task as a whole, else the finding
    slice: str
    contrast: str
    window: Window
    value: float
    low: float
    high: float
    n: float  # what is counted (weighted)
    events: float  # numerator count where there is one, else NaN
    n_eff: float
    patients: int  # what is resampled
    patients_exact: bool  # False: more than the 4,096 that are counted exactly
    deff: float
    interval: str
    note: str = ""
