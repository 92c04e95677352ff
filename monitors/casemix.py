"""Case mix: what the rate would be if the patients were those of the reference window.

A ward may double its error rate while the whole stays flat, because sicker patients moved elsewhere; and the whole
may rise though no ward changed. Crude, standardised and their difference ("explained by case mix") are shown
together. Never standardise over what may itself be the fault (the vendor, in a question about vendors).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitors.groups import Floats

#: One value for each case-mix variable, outermost first.
Stratum = tuple[str, ...]

#: A stratum with fewer reference reports is merged with its like.
SMALLEST_STRATUM: Final = 30
#: More strata than this are no longer case mix but exploration.
MOST_STRATA: Final = 24
#: Fewer events, or non-events, than this: the rate is shrunk to its reference by so many pseudo-reports.
_FEW: Final = 5
_PSEUDO: Final = 20.0
_OTHER: Final = "(other)"


class CaseMixError(ValueError):
    """One clear sentence about strata that cannot be standardised over."""


@dataclass(frozen=True, slots=True)
class CaseMix:
    """The reference window by stratum: how many reports, and the rate that small numbers are shrunk to.

    Strata with fewer than 30 reports are pooled up the tree of `columns`, dropped from the last: the sparse ones
    under one parent become ``(parent, "(other)")``, and that goes up again if it is sparse itself.
    """

    columns: tuple[str, ...]
    n: dict[Stratum, float]
    rates: dict[Stratum, float]

    @classmethod
    def of(cls, counts: Mapping[Stratum, tuple[float, float]], columns: Sequence[str]) -> "CaseMix":
        """From (n, events) by stratum. Raises CaseMixError for an empty reference or more than 24 strata.

        >>> mix = CaseMix.of({("icu",): (400, 40), ("ward",): (600, 18), ("day",): (9, 0)}, ["unit"])
        >>> sorted(mix.n)
        [('(other)',), ('icu',), ('ward',)]
        """
        if any(len(stratum) != len(columns) for stratum in counts):
            raise CaseMixError(f"Every stratum must name a value for each of: {', '.join(columns) or 'nothing'}.")
        merged = {stratum: np.array(cell, float) for stratum, cell in sorted(counts.items()) if cell[0] > 0}
        if not merged:
            raise CaseMixError("The reference window holds no measured report; there is no case mix to hold to.")
        for depth in range(len(columns) - 1, -1, -1):
            merged = _pooled(merged, depth)
        if len(merged) > MOST_STRATA:
            raise CaseMixError(
                f"The case mix has {len(merged)} strata; at most {MOST_STRATA} can be held: name fewer columns."
            )
        total = sum(merged.values(), np.zeros(2))
        overall = float(total[1] / total[0])
        rates = {stratum: shrunk(float(cell[0]), float(cell[1]), overall) for stratum, cell in merged.items()}
        return cls(tuple(columns), {stratum: float(cell[0]) for stratum, cell in merged.items()}, rates)

    def place(self, stratum: Stratum) -> Stratum | None:
        """The stratum of the reference that these cases belong to; None where it never saw their like."""
        for depth in range(len(stratum), -1, -1):
            known = (*stratum[:depth], *[_OTHER] * (len(stratum) - depth))
            if known in self.n:
                return known
        return None


def shrunk(n: float, events: float, target: float, *, counts: bool = False) -> float:
    """The rate, pulled to `target` by 20 pseudo-reports where fewer than five events or non-events speak for it.

    Of mean counts (`counts`) there are no non-events.

    >>> shrunk(100, 0, 0.06)
    0.01
    """
    if (events if counts else min(events, n - events)) >= _FEW:
        return float(events / n)
    return float((events + _PSEUDO * target) / (n + _PSEUDO))


def _pooled(cells: dict[Stratum, Floats], depth: int) -> dict[Stratum, Floats]:
    """Sparse strata under one parent of `depth` values, pooled; the others stay as they are."""
    made: dict[Stratum, Floats] = {}
    for stratum, cell in cells.items():
        sparse = cell[0] < SMALLEST_STRATUM
        name = (*stratum[:depth], *[_OTHER] * (len(stratum) - depth)) if sparse else stratum
        made[name] = made.get(name, np.zeros(2)) + cell
    return made
