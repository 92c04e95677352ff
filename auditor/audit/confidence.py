"""What stated probabilities are worth: reliability with its band, parts of the Brier score, risk by coverage."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from auditor.settings import Task
from monitors.measurement import Slice
from monitors.reliability import calibration_test, consistency_band, corp, reliability
from monitors.selection import select
from monitors.selective import Selective, coverage_at_risk, risk_coverage
from monitors.self_consistency import SampleError, self_consistency
from monitors.tally import Tally
from monitors.threshold import SUPPRESS_BELOW
from reports.dossier import Confidence, ReliabilityBin, SafeCoverage, Sampled

_POINTS: Final = 50  # of a risk–coverage curve that are kept


def bins_of(task: str, tally: Tally, version: str, item: str, reference: Tally) -> Iterator[ReliabilityBin]:
    """The bins of one reliability diagram, each with the band that a calibrated system would stay in."""
    curve = reliability(tally, version=version, item=item, reference=reference)
    bands = consistency_band(tally, version=version, item=item, reference=reference)
    for one, band in zip(curve, bands, strict=True):
        yield ReliabilityBin(
            task=task,
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
        )


def confidence_of(
    task: str, setting: Task, tally: Tally, version: str, item: str, reference: Tally
) -> Confidence | None:
    """What the probabilities of one finding (or of all, item "") are worth; None below eleven patients.

    The risk–coverage curve is that of all findings together: a threshold of trust is set for outputs.
    """
    labelled = 0  # the first cell of every calibration monitor
    if tally.patients(select(tally, Slice(), version=version, item=item), (labelled,))[0] < SUPPRESS_BELOW:
        return None
    parts = corp(tally, version=version, item=item)
    test = calibration_test(tally, version=version, item=item, reference=reference)
    whole = risk_coverage(tally, version=version) if not item else None
    return Confidence(
        task=task,
        version=version,
        item=item,
        n=parts.n,
        brier=parts.brier,
        miscalibration=parts.miscalibration,
        discrimination=parts.discrimination,
        uncertainty=parts.uncertainty,
        p_value=_known(test.p_value),
        curve=_thinned(whole) if whole else (),
        area=_known(whole.area) if whole else None,
        oracle=_known(whole.oracle) if whole else None,
        safe=_safe(setting, tally, version) if not item else None,
        sampled=_sampled(setting, tally, version) if not item else None,
    )


def recorded_confidence(one: Mapping[str, Any]) -> Confidence:
    """What `confidence_of` found, from what the audit wrote into its details."""
    return Confidence(
        **{
            **one,
            "curve": tuple((coverage, risk) for coverage, risk in one["curve"]),
            "safe": SafeCoverage(**one["safe"]) if one["safe"] else None,
            "sampled": Sampled(**one["sampled"]) if one["sampled"] else None,
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


def _safe(setting: Task, tally: Tally, version: str) -> SafeCoverage | None:
    if setting.accepted_risk is None:
        return None
    found = coverage_at_risk(tally, version=version, allowed=setting.accepted_risk)
    return SafeCoverage(
        accepted_risk=found.allowed,
        sureness=found.confidence_level,
        coverage=found.coverage,
        threshold=_known(found.threshold),
        risk=_known(found.risk),
        risk_high=_known(found.risk_high),
        note=found.note,
    )


def _sampled(setting: Task, tally: Tally, version: str) -> Sampled | None:
    if setting.samples is None:
        return None
    try:
        found = self_consistency(tally, version=version, samples=setting.samples)
    except SampleError as error:  # the setting does not fit the outputs: said in the report, nothing else is lost
        return Sampled(setting.samples, None, None, str(error))
    return Sampled(setting.samples, found.error_stated, found.error_corrected, "")


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
