"""Early warning: a classifier's performance by its own scores, beside what the labels said so far."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from monitors.estimation import NOTE, backtest, estimate
from monitors.scores import SCORES
from monitors.tally import Tally
from monitors.threshold import SUPPRESS_BELOW
from reports.dossier import Estimated

_TITLES: Final = {measure.name: (measure.title, measure.unit) for measure in SCORES.measures}


def estimates_of(
    tally: Tally, reference: Tally, version: str, reference_version: str, items: Sequence[str]
) -> Iterator[Estimated]:
    """The estimates of every finding in one window, from the map of the reference window.

    Each has its error beside it where enough labels of the window came. Findings that cannot be estimated, or of
    fewer than eleven patients, are left out.
    """
    for item in items:
        backtests = backtest(tally, reference, version=version, item=item, reference_version=reference_version)
        found = {one.measure: one for one in backtests}
        for one in estimate(tally, reference, version=version, item=item, reference_version=reference_version):
            if one.note != NOTE or math.isnan(one.value) or one.patients < SUPPRESS_BELOW:
                continue
            title, unit = _TITLES[one.measure]
            came = found.get(one.measure)
            yield Estimated(
                version=version,
                item=item,
                measure=one.measure,
                title=title,
                unit=unit,
                value=one.value,
                low=_known(one.low),
                high=_known(one.high),
                n=one.n,
                labelled=came.n_labelled if came else 0.0,
                realised=came.realised if came else None,
                error=came.error if came else None,
                error_low=came.error_low if came else None,
                error_high=came.error_high if came else None,
            )


def recorded_estimate(one: Mapping[str, Any]) -> Estimated:
    """An estimate from what the audit wrote into its details."""
    return Estimated(**one)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
