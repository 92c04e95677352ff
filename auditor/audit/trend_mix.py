"""What a trend would be if each period had the patients of the reference window, or why that is not said."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitors.casemix import CaseMix, CaseMixError
from monitors.levels import Desk
from monitors.measurement import Measure
from monitors.monitor import Monitor
from monitors.standardised import LEAST_COVER, Standardised, standardised
from monitors.stratum_counts import case_mix, counts_of, is_count, is_share, why_not
from monitors.tally import Tally

_NO_REFERENCE = "No reference window is declared, so there is no case mix to hold to."


@dataclass(frozen=True)
class Adjusted:
    """One measure of one period at the case mix of the reference window; `reason` where it could not be made."""

    found: Standardised | None = None
    reason: str = ""

    def details(self) -> dict[str, float | str | None]:
        """What the audit records of it; NaN where too little of the case mix was seen in the period."""
        names = ("standardised", "standardised_low", "standardised_high")
        one = self.found
        if one is None:
            return {**dict.fromkeys((*names, "covered", "outside")), "not_standardised": self.reason}
        values = (one.value, one.low, one.high) if one.sufficient else [math.nan] * len(names)
        seen = (one.covered, one.outside) if one.n else (math.nan, math.nan)
        held = dict(zip((*names, "covered", "outside"), (*values, *seen), strict=True))
        return {**held, "not_standardised": one.note if one.sufficient else _too_little(one)}


#: The settings declare no case mix.
NOT_ASKED = Adjusted()


@dataclass(frozen=True)
class TrendMixes:
    """The case mix of the reference window for each (item, measure), or the sentence why there is none.

    The weights are of the patients of the reference window and not of a model: rows of all versions count.
    """

    columns: tuple[str, ...]
    made: Mapping[tuple[str, str], CaseMix | str]

    @classmethod
    def of(
        cls,
        monitor: Monitor,
        reference: Tally | None,
        columns: Sequence[str],
        wanted: Mapping[str, Sequence[Measure]],
    ) -> "TrendMixes":
        """The mixes of the `wanted` measures of each item. Where one cannot be made, its trend is shown crude."""
        made: dict[tuple[str, str], CaseMix | str] = {}
        for item, measures in wanted.items() if columns else ():
            for one in measures:
                made[item, one.name] = why_not(one) or _NO_REFERENCE
            fit = [one for one in measures if not why_not(one)]
            if reference is None or not fit:
                continue
            for one, counts in zip(fit, counts_of(reference, monitor, fit, columns, item=item), strict=True):
                try:
                    made[item, one.name] = case_mix(counts, columns)
                except CaseMixError as error:
                    made[item, one.name] = str(error)
        return cls(tuple(columns), made)

    def adjusted(self, desk: Desk, item: str, measures: Sequence[Measure]) -> dict[str, Adjusted]:
        """Each of the measures over the tally of a desk, by name."""
        result = {one.name: NOT_ASKED for one in measures}
        held: list[tuple[Measure, CaseMix]] = []
        for one in measures:
            mix = self.made.get((item, one.name), "")
            if isinstance(mix, str):
                result[one.name] = Adjusted(None, mix)
            else:
                held.append((one, mix))
        if not held:
            return result
        fit = [one for one, _ in held]
        every = counts_of(desk.tally, desk.monitor, fit, self.columns, version=desk.version, item=item)
        for (one, mix), counts in zip(held, every, strict=True):
            rate = is_share(one) or is_count(one)  # other means take what patients have in common from themselves
            rho = desk.parents.of(item, desk.monitor.measures.index(one)).rho if rate else math.nan
            result[one.name] = Adjusted(standardised(one, counts, mix, rho))
        return result


def _too_little(one: Standardised) -> str:
    if not one.n:
        return "nothing was measured in this period"
    return (
        f"insufficient: {100 * one.covered:.0f} % of the case mix of the reference window was seen; "
        f"{100 * LEAST_COVER:.0f} % are needed"
    )
