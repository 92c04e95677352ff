"""The Dossier: all that a report needs to know, as plain frozen dataclasses.

Numbers arrive here already suppressed (`Row.suppressed`): a report can only show what it was given. NaN is
never used; an undefined number is None and `note` says why.
"""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class VersusRest:
    """What is said of a gap between a group and everyone else beside the interval of its row, which verdicts take.

    The 95 % interval of this gap by itself goes from `alone_low` to `alone_high`. Those from `joint_low` to
    `joint_high` hold for all `groups` groups of the measure at once: by the correlation of their gaps (`max_t`),
    else by their number. The group's rate over everyone else's is `ratio`, with a 95 % interval of its own; None
    where the measure is no rate or everyone else had no event.
    """

    groups: int
    max_t: bool
    alone_low: float
    alone_high: float
    joint_low: float
    joint_high: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement as it may be shown."""

    measure: str
    title: str
    task: str
    version: str
    item: str  # "" = the task as a whole
    slice: str  # "all", "age=40-64", "age=40-64 & sex=F"
    contrast: str  # "" | "rest" | "reference"
    start: date | None
    end: date | None
    value: float | None
    low: float | None
    high: float | None
    n: float
    counted: str  # "reports", "positive claims", "images"
    events: float | None
    n_eff: float | None
    patients: int
    patients_exact: bool
    resampled: str  # "patients" or "studies" (no patient key)
    unit: str  # "share" (shown as %), "score", "difference", "distance"
    direction: str
    interval: str
    note: str
    suppressed: bool
    status: str = ""  # verdict: ok watch act insufficient stale failed, or "" without a threshold
    reason: str = ""
    watch: float | None = None
    act: float | None = None
    previous: float | None = None  # the value in the audit that this one restates, where it differs
    versus: VersusRest | None = None  # of a gap between a group and everyone else


@dataclass(frozen=True, slots=True)
class Flow:
    """How many outputs there were and how many of them could be judged, for one task."""

    task: str
    version: str
    outputs: int
    linked: int  # with a reference
    judged: int
    awaiting: int
    unparseable: int
    judge_failed: int
    output_error: int
    undated: int
    cases: int
    patients: int
    study_clustered_share: float  # share of cases without a patient key


@dataclass(frozen=True, slots=True)
class Selected:
    """Mature outputs of the whole or of one group: with a reference, judged, reviewed; `lost` have no judgement.

    `lost` are those whose reference never came or whose judge failed. Counts are None where `suppressed`.
    """

    task: str
    version: str
    slice: str
    outputs: int | None = None
    linked: int | None = None
    judged: int | None = None
    lost: int | None = None
    reviewed: int | None = None
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest differences between the groups of one attribute, as fairness reviews ask for them.

    A difference between the extremes of several groups is above zero also where nothing is unfair, so these
    are shown without an interval and never ruled on. None where a group is too small, and `note` says so.
    """

    version: str
    attribute: str
    groups: int
    demographic_parity_difference: float | None  # of the share flagged
    equalized_odds_difference: float | None  # of sensitivity or of the false-positive rate
    note: str
    item: str = ""  # "": all findings pooled, so that the frequent ones decide


@dataclass(frozen=True, slots=True)
class Confounder:
    """A gap (above zero: worse off) with one other attribute alike on both sides; None where they hardly meet."""

    attribute: str
    association: float | None  # Cramér's V of the group with this attribute, and …
    association_by_chance: float | None  # … what unrelated ones would have at this size
    crude: float
    adjusted: float | None
    adjusted_low: float | None
    adjusted_high: float | None
    note: str
    crude_low: float | None = None
    crude_high: float | None = None


@dataclass(frozen=True, slots=True)
class WorstGroup:
    """The group of one attribute that is worst off by one measure, beside the worst of as many equal groups.

    `gap` is to everyone else, positive where the group is worse off. The worst of several groups is worse off than
    the rest also where nothing is unfair: half of the time by `chance_median`, and rarely (5 %) by `chance_high`.
    """

    task: str
    version: str
    measure: str
    title: str
    unit: str
    attribute: str
    slice: str
    groups: int
    gap: float
    chance_median: float
    chance_high: float
    beyond_chance: bool
    held_equal: tuple[Confounder, ...]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bin of a reliability diagram: mean confidence against observed frequency."""

    task: str
    version: str
    item: str
    low: float
    high: float
    n: float
    confidence: float
    frequency: float
    frequency_low: float
    frequency_high: float
    band_low: float | None = None  # where the frequency of a calibrated system lies 95 times of 100
    band_high: float | None = None
    monitor: str = ""  # which questions it is of: open ones have a monitor of their own


@dataclass(frozen=True, slots=True)
class Estimated:
    """A classifier's performance on one finding, estimated from its own scores; and by the labels so far.

    `error` is estimated − realised. None where too few labels of the window came.
    """

    version: str
    item: str
    measure: str
    title: str
    unit: str
    value: float
    low: float | None
    high: float | None
    n: float
    labelled: float
    realised: float | None
    error: float | None
    error_low: float | None
    error_high: float | None


@dataclass(frozen=True, slots=True)
class SafeCoverage:
    """The most outputs that can be trusted so that errors among them stay below the accepted risk.

    `risk_high` bounds the risk with the given sureness; where no threshold holds, the coverage is 0 and `note`
    says why.
    """

    accepted_risk: float
    sureness: float
    coverage: float
    threshold: float | None  # trust what is stated with this confidence or more
    risk: float | None
    risk_high: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Sampled:
    """Confidence that is a share of few answers: root of the unbiased squared calibration error, as stated and
    corrected.
    """

    samples: int
    error_stated: float | None
    error_corrected: float | None
    note: str
    stated_low: float | None = None
    stated_high: float | None = None
    corrected_low: float | None = None
    corrected_high: float | None = None


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """Brier scores: as stated, on a scale learnt from other patients, and with one value said of every output.

    `saved` = stated − recalibrated, `gained` = constant − recalibrated: what the scale buys, and what the order of
    the outputs then is worth.
    """

    stated: float
    recalibrated: float
    constant: float
    saved: float
    saved_low: float
    saved_high: float
    gained: float
    gained_low: float
    gained_high: float


@dataclass(frozen=True, slots=True)
class Confidence:
    """What stated probabilities are worth beside their diagram: shown, never ruled on.

    Brier score = miscalibration − discrimination + uncertainty. `p_value` tests that every bin is calibrated.
    `curve` holds (coverage, risk) from the most confident outputs down; `area` is beneath it and `oracle` that of
    a perfect order. Curve, areas, `safe`, `safe_present` (of findings called present) and `sampled` are of all
    findings together (item ""). Of a score, which claims no probability, the parts and the test are None. Outside
    of classification the item is the name of a further source of confidence, "" the first.
    """

    task: str
    version: str
    item: str
    n: float
    brier: float | None
    miscalibration: float | None
    discrimination: float | None
    uncertainty: float | None
    p_value: float | None
    curve: tuple[tuple[float, float], ...]
    area: float | None
    oracle: float | None
    safe: SafeCoverage | None
    sampled: Sampled | None
    monitor: str = ""  # which questions it is of: open ones have a monitor of their own
    is_probability: bool = True
    recalibrated: Recalibrated | None = None  # None: too few patients to learn a scale from
    safe_present: SafeCoverage | None = None
    own_bins: bool = False  # the reference window has nothing to fix bins by


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One period of a trend. Immature periods may still change and are drawn open.

    `standardised` is the value at the case mix of the reference window. `difference` is crude minus standardised.
    `covered` is the share of that case mix that the period has; below .9 there is no standardised value. `outside`
    is the share of what was counted in the period whose like the reference window never saw, withheld for fewer
    than eleven. `not_standardised` says why there is no standardised value or no interval of it. All are empty
    where the settings declare no case mix. `item` is the finding, "" for the task
    as a whole.
    """

    measure: str
    title: str
    task: str
    version: str
    slice: str
    period: date  # first day of the week or month
    value: float | None
    low: float | None
    high: float | None
    n: float
    mature: bool
    standardised: float | None = None
    standardised_low: float | None = None
    standardised_high: float | None = None
    item: str = ""
    difference: float | None = None
    covered: float | None = None
    outside: float | None = None
    not_standardised: str = ""


@dataclass(frozen=True, slots=True)
class ChartWeek:
    """One sealed week of a chart, one output a patient. Counts of fewer than eleven patients are None."""

    week: date  # its Monday
    n: int | None
    events: int | None  # bad outcomes
    expected: float | None  # of them, at what the chart is held to and this week's case mix
    statistic: float
    alarm: bool
    changed: date | None  # at an alarm: the week in which the change most likely began
    rise: float | None  # … and which rise it looks most like
    low: float | None  # confidence sequence of the rate since the chart began: holds at all weeks at once
    high: float | None
    cusum: float | None = None  # the familiar comparison, on which nothing rests
    cusum_alarm: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """The weekly chart of one stop question and version. It alarms where the statistic reaches the threshold."""

    measure: str
    title: str
    task: str
    version: str
    item: str
    lower_is_worse: bool  # the bad outcomes are then those that the measure does not count
    held_to: str  # where the bound comes from; "" where there is none
    bound: float | None  # rate of bad outcomes that the chart is held to
    baseline: float | None  # the estimate behind it
    threshold: float
    tempered: float  # by how much the evidence is weakened, since weeks scatter beyond chance
    status: str
    reason: str
    weeks: tuple[ChartWeek, ...]
    cusum_limit: float | None = None


@dataclass(frozen=True, slots=True)
class WatchListed:
    """A gap between a group and everyone else that stands out in the newest mature week.

    `asked` gaps were looked at; of those listed about one in ten is chance. `again`: it stood out in the week
    before too, with other outputs.
    """

    version: str
    measure: str
    title: str
    slice: str
    week: date
    gap: float  # group minus the others, in the measure's own direction
    p_value: float | None
    asked: int
    again: bool


@dataclass(frozen=True, slots=True)
class DriftColumn:
    """One column of the drift panel: distance to the reference window against its null band."""

    column: str
    title: str
    distance: float
    null_high: float  # 95 % point of the distance between two samples of one population at this size
    drifted: bool
    method: str
    categories: tuple[str, ...]
    reference_shares: tuple[float, ...]
    window_shares: tuple[float, ...]
    evidently_score: float | None = None
    evidently_method: str = ""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A judged error as a committee may see it. Texts are empty unless the exemplar policy allows them."""

    case: str  # keyed hash, shortened
    code: str  # FAB, OMI, LAT …
    kind: str  # contradicted, unsupported, unaddressed, omitted, laterality …
    finding: str
    significance: str
    draft: str  # the sentence or the span, or ""
    draft_span: tuple[int, int] | None  # the offending part within `draft`
    reference: str
    reference_span: tuple[int, int] | None
    slice: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence that stands in more than half of the drafts, in the lexicon's form; "" where it is withheld."""

    words: str
    share: float
    reference_share: float | None  # of the radiologists' reports of the same cases
    beyond: bool  # they write it less than half as often


@dataclass(frozen=True, slots=True)
class Templates:
    """How alike the drafts of one version are; whatever the image shows, a collapsed system says the same."""

    version: str
    drafts: int
    same_draft: float  # share of the commonest whole draft
    collapsed: bool  # … which is more than half
    sentences: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Movement:
    """How far a distribution moved from the reference window, and how far it may move by chance."""

    distance: float
    chance: float
    moved: bool


@dataclass(frozen=True, slots=True)
class ShiftedRate:
    """A share then and now, and the difference with its 95 % interval; `moved` by a test that shares its error."""

    then: float
    now: float
    change: float
    low: float
    high: float
    moved: bool


@dataclass(frozen=True, slots=True)
class ScoreShift:
    """What lies behind a change of the scores of one finding: a reading, never a verdict.

    `reading` is "none", "label shift", "covariate shift", "both fit", "neither" or "cannot be told". Without
    enough labels all but `scores` and `if_label_shift` are None, and `note` says so.
    """

    version: str
    reference_version: str
    item: str
    reading: str
    scores: Movement
    positives: Movement | None
    negatives: Movement | None
    prevalence: ShiftedRate | None
    relation: ShiftedRate | None  # from the prevalence expected by score (then) to the observed one (now)
    if_label_shift: Estimate | None  # prevalence, if nothing but how many have the finding has changed
    n: float
    labelled: float
    patients: int  # of the smaller window
    note: str


@dataclass(frozen=True, slots=True)
class VersionEffect:
    """The change of one measure from the reference window: `total` = `version` + `patients`.

    `patients` is what patients changed, and all else. The parts are None, and `note` says why, where both versions
    answered too few of the same questions.
    """

    measure: str
    title: str
    unit: str
    counted: str
    item: str
    total: Estimate
    version: Estimate | None
    patients: Estimate | None
    n: float | None  # of the shared questions, as the measure counts
    shared_patients: int | None
    note: str


@dataclass(frozen=True, slots=True)
class VersionSplit:
    """One task after a change of version. Counts are None where fewer than eleven patients are shared."""

    task: str
    old: str
    new: str
    questions: int | None
    patients: int | None
    effects: tuple[VersionEffect, ...]


@dataclass(frozen=True, slots=True)
class Correction:
    """What radiologists' reviews of one sample say of the automatic judge, and the rate they correct.

    The rate is that of reports with a clinically significant fabrication: `process` of the system that made the
    sample's window, `window` among exactly its reports, `powered` the former by PPI++ where there are reviews
    enough. `judge_rate` is the uncorrected share that the judge flags. None: the reviews cannot tell.
    """

    sample: str
    task: str
    version: str
    start: date | None  # the window that the sample was drawn from
    end: date | None
    same_window: bool  # … which is that of the audit
    checked: datetime  # when the last review came in
    blinded: bool
    reviewed: int
    skipped: int
    patients: int
    n_eff: float
    readers: int
    read_twice: int
    readers_differ: int
    flagged: tuple[str, ...]  # the classes of the judge that count as its flag
    judge_rate: float
    process: Estimate
    window: Estimate
    powered: Estimate | None
    agreement: Estimate | None
    sensitivity: Estimate | None
    specificity: Estimate | None
    readers_agreement: Estimate | None  # of two readers with each other, on items that both answered
    readers_kappa: Estimate | None  # Cohen's
    readers_ac1: Estimate | None  # Gwet's
    notes: tuple[str, ...]
    compared: str = ""  # the judge's count that is held against the reviewers' answer; empty: its flag, any error


@dataclass(frozen=True, slots=True)
class FrozenPairs:
    """A judge held against what it first said of a set of pairs that was frozen once and is judged anew weekly.

    `waiting` says why there is no set yet: few (`there` of the `asked` pairs), server (the judge's was in trouble)
    or later (it was frozen after this audit's time). `pairs` are compared, `gone` were erased. Rates and interval
    are of `item`, by `frozen_agreement` and `frozen_moved`; None where they stand for fewer than eleven patients.
    """

    task: str
    asked: int
    week: date  # the Monday of the week in which they were judged anew
    waiting: str = ""
    there: int = 0
    frozen_on: date | None = None
    pairs: int = 0
    gone: int = 0
    judge_first: str = ""  # digests
    judge_now: str = ""
    item: str = ""
    agreement: Estimate | None = None
    moved: Estimate | None = None
    rate_first: float | None = None
    rate_now: float | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers come from."""

    audit: str
    key: str
    config: str
    inputs: str
    segments: int
    last_segment: int
    journal_head: str
    code: str  # product version
    judges: tuple[tuple[str, str], ...]  # (task, judge name and digest)
    monitors: tuple[tuple[str, int], ...]
    seed: int
    restates: str | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything in one audit's report."""

    system: str
    title: str
    owner: str
    intended_use: str
    timezone: str
    versions: tuple[str, ...]
    current_version: str
    start: date | None
    end: date | None
    as_of: datetime
    status: str
    maturity_days: int
    simulated: bool
    flows: tuple[Flow, ...]
    rows: tuple[Row, ...]
    reliability: tuple[ReliabilityBin, ...]
    confidence: tuple[Confidence, ...]
    estimates: tuple[Estimated, ...]
    trend: tuple[TrendPoint, ...]
    version_changes: tuple[tuple[date, str], ...]
    charts: tuple[Chart, ...]
    watch_list: tuple[WatchListed, ...]
    drift: tuple[DriftColumn, ...]
    parity: tuple[Parity, ...]
    worst_groups: tuple[WorstGroup, ...]
    exemplars: tuple[Exemplar, ...]
    exemplar_policy: str
    templates: tuple[Templates, ...]
    corrections: tuple[Correction, ...]
    limits: tuple[str, ...]  # sentences a reader must know
    provenance: Provenance
    selected: tuple[Selected, ...] = ()
    shifts: tuple[ScoreShift, ...] = ()
    version_effects: tuple[VersionSplit, ...] = ()
    frozen: tuple[FrozenPairs, ...] = ()
