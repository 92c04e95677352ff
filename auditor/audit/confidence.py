"""What stated probabilities are worth: reliability with its band, parts of the Brier score, risk by coverage."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from auditor.settings import Task
from monitors.calibration import CONFIDENCE_CLAIMS, Calibration
from monitors.cross_fit import cross_fitted
from monitors.measurement import Slice
from monitors.monitor import Monitor
from monitors.reliability import calibration_test, consistency_band, corp, has_bins, reliability
from monitors.selection import select
from monitors.selective import Selective, coverage_at_risk, risk_coverage
from monitors.self_consistency import SampleError, self_consistency
from monitors.tally import Tally
from monitors.threshold import SUPPRESS_BELOW, hidden_slices
from reports.dossier import Confidence, Recalibrated, ReliabilityBin, SafeCoverage, Sampled

#: Confidences that are scores, unless the settings declare otherwise: how likely the words are, what the model
#: says of itself, and how little the meanings of several answers scatter, which is no share of anything.
SCORES: Final = frozenset({"sequence", "verbalised", "semantic_entropy"})
_POINTS: Final = 50  # of a risk–coverage curve that are kept
_FEWEST_SAMPLES: Final = 2  # a share of one is yes or no


def states_probability(setting: Task) -> bool:
    """Whether what a task states with its outputs claims to be a probability of being right.

    >>> [states_probability(Task(confidence=name)) for name in (None, "votes", "sequence", "semantic_entropy")]
    [True, True, False, False]
    >>> states_probability(Task(confidence="verbalised", is_probability=True))
    True
    """
    return setting.confidence not in SCORES if setting.is_probability is None else setting.is_probability


def is_stated(monitor: Calibration, setting: Task, judged: pa.Table) -> bool:
    """Whether there can be a confidence that the monitor reads.

    A classifier's score is one. That of claims is read from several drafts of a case, whatever the settings say;
    any other is the entry that they name.
    """
    if monitor in CONFIDENCE_CLAIMS:
        return bool(judged["claims"].null_count < judged.num_rows)
    return monitor.task == "classification" or setting.confidence is not None


def of_source(monitor: Monitor, setting: Task) -> Monitor:
    """The monitor without the measures that its source of confidence has no claim to.

    Claims do not have theirs from the source that the settings name: a share of drafts is a probability.
    """
    if isinstance(monitor, Calibration) and monitor not in CONFIDENCE_CLAIMS and not states_probability(setting):
        return monitor.of_scores()
    return monitor


def bins_of(
    monitor: Calibration, tally: Tally, version: str, item: str, reference: Tally
) -> Iterator[ReliabilityBin]:
    """The bins of one reliability diagram, each with the band that a calibrated system would stay in.

    A score has none: its bins have nothing to come true. A bin of fewer than eleven patients is left out, and the
    next smallest with it where subtracting the others from the whole would tell it.
    """
    if not monitor.is_probability:
        return
    curve = reliability(tally, version=version, item=item, reference=reference)
    bands = consistency_band(tally, version=version, item=item, reference=reference)
    hidden = hidden_slices({f"bin={place}": one.patients for place, one in enumerate(curve)})
    for place, (one, band) in enumerate(zip(curve, bands, strict=True)):
        if f"bin={place}" in hidden:
            continue
        yield ReliabilityBin(
            task=monitor.task,
            version=version,
            item=item,
            low=one.low,
            high=one.high,
            n=one.n,
            confidence=one.confidence,
            frequency=one.frequency,
            frequency_low=one.frequency_low,
            frequency_high=one.frequency_high,
            band_low=band.band_low,
            band_high=band.band_high,
            monitor=monitor.name,
        )


def confidence_of(
    monitor: Calibration, setting: Task, tally: Tally, version: str, item: str, reference: Tally
) -> Confidence | None:
    """What the probabilities of one finding (or of all, item "") are worth; None below eleven patients.

    The risk–coverage curve is that of all findings together: a threshold of trust is set for outputs, so claims
    have none. A score has no parts of a Brier score and no test; a classifier's has no curve either, since nothing
    says which of its scores call a finding present.
    """
    labelled = 0  # the first cell of every calibration monitor
    if tally.patients(select(tally, Slice(), version=version, item=item), (labelled,))[0] < SUPPRESS_BELOW:
        return None
    claimed = monitor.is_probability
    parts = corp(tally, version=version, item=item)
    test = calibration_test(tally, version=version, item=item, reference=reference)
    scored = monitor.task == "classification"
    ordered = not item and (claimed or not scored) and monitor not in CONFIDENCE_CLAIMS
    whole = risk_coverage(tally, version=version) if ordered else None
    return Confidence(
        task=monitor.task,
        version=version,
        item=item,
        n=parts.n,
        brier=parts.brier if claimed else None,
        miscalibration=parts.miscalibration if claimed else None,
        discrimination=parts.discrimination if claimed else None,
        uncertainty=parts.uncertainty if claimed else None,
        p_value=_known(test.p_value) if claimed else None,
        curve=_thinned(whole) if whole else (),
        area=_known(whole.area) if whole else None,
        oracle=_known(whole.oracle) if whole else None,
        safe=_safe(setting, tally, version) if ordered else None,
        sampled=_sampled(monitor, setting, tally, version) if claimed and not item else None,
        monitor=monitor.name,
        is_probability=claimed,
        recalibrated=_recalibrated(tally, version, item),
        safe_present=_safe(setting, tally, version, present=True) if ordered and scored else None,
        own_bins=claimed and not has_bins(reference, item),
    )


def recorded_confidence(one: Mapping[str, Any]) -> Confidence:
    """What `confidence_of` found, from what the audit wrote into its details."""
    return Confidence(
        **{
            **one,
            "curve": tuple((coverage, risk) for coverage, risk in one["curve"]),
            "safe": SafeCoverage(**one["safe"]) if one["safe"] else None,
            "sampled": Sampled(**one["sampled"]) if one["sampled"] else None,
            **{
                name: kind(**one[name])
                for name, kind in (("recalibrated", Recalibrated), ("safe_present", SafeCoverage))
                if one.get(name)  # audits before had none
            },
        }
    )


def _thinned(curve: Selective) -> tuple[tuple[float, float], ...]:
    """(coverage, risk) about every fiftieth of the coverage, the last point always; none of fewer than eleven."""
    kept: list[tuple[float, float]] = []
    for point in curve.points:
        if point.coverage * curve.n < SUPPRESS_BELOW:
            continue
        if not kept or point.coverage - kept[-1][0] >= 1 / _POINTS or point is curve.points[-1]:
            kept.append((point.coverage, point.risk))
    return tuple(kept)


def _safe(setting: Task, tally: Tally, version: str, *, present: bool = False) -> SafeCoverage | None:
    if setting.accepted_risk is None:
        return None
    found = coverage_at_risk(tally, version=version, allowed=setting.accepted_risk, present=present)
    return SafeCoverage(
        accepted_risk=found.allowed,
        sureness=found.confidence_level,
        coverage=found.coverage,
        threshold=_known(found.threshold),
        risk=_known(found.risk),
        risk_high=_known(found.risk_high),
        note=found.note,
    )


def _sampled(monitor: Calibration, setting: Task, tally: Tally, version: str) -> Sampled | None:
    """What few samples make of the confidence; a claim is held against the other drafts, one fewer than all."""
    if setting.samples is None:
        return None
    of_claims = monitor in CONFIDENCE_CLAIMS
    samples = setting.samples - 1 if of_claims else setting.samples
    if samples < _FEWEST_SAMPLES:
        return None
    try:
        found = self_consistency(tally, version=version, samples=samples)
    except SampleError as error:  # the setting does not fit the outputs: said in the report, nothing else is lost
        unlike = f"Some cases do not have {setting.samples} drafts each; name the number that was drawn."
        return Sampled(samples, None, None, unlike if of_claims else str(error))
    stated, corrected = found.error_stated, found.error_corrected
    return Sampled(
        samples,
        _known(stated.value),
        _known(corrected.value),
        "",
        stated_low=_known(stated.low),
        stated_high=_known(stated.high),
        corrected_low=_known(corrected.low),
        corrected_high=_known(corrected.high),
    )


def _recalibrated(tally: Tally, version: str, item: str) -> Recalibrated | None:
    found = cross_fitted(tally, version=version, item=item)
    if math.isnan(found.recalibrated):
        return None
    (saved, saved_low, saved_high), (gained, gained_low, gained_high) = found.saved, found.gained
    return Recalibrated(
        stated=found.stated,
        recalibrated=found.recalibrated,
        constant=found.constant,
        saved=saved,
        saved_low=saved_low,
        saved_high=saved_high,
        gained=gained,
        gained_low=gained_low,
        gained_high=gained_high,
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
