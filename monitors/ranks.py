"""Where a true match stands in a ranking, with ties and with lists that end early.

Candidates of equal score are in random order: a system that cannot tell them apart has no claim on the order in
which they happen to be printed. Every value is then an expectation over these orders, not a draw of one.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Place:
    """The first true match stands in a tie of `tied` candidates, `right` of them true, behind `above` others."""

    above: int
    tied: int = 1
    right: int = 1


def place_of(ids: Sequence[str], scores: Sequence[float | None], matches: Collection[str]) -> Place | None:
    """The place of the first true match in a list, best first; None where the list has none.

    Neighbours of exactly equal score are tied. Without scores there are no ties. Candidates that the list leaves
    out are taken as behind all that it has.

    >>> place_of(["a", "b", "c"], [0.9, 0.4, 0.4], {"c"})
    Place(above=1, tied=2, right=1)
    """
    first = next((i for i, one in enumerate(ids) if one in matches), None)
    if first is None:
        return None
    score = scores[first]
    if score is None:
        return Place(first)
    start, end = first, first + 1
    while start > 0 and scores[start - 1] == score:
        start -= 1
    while end < len(ids) and scores[end] == score:
        end += 1
    return Place(start, end - start, sum(one in matches for one in ids[start:end]))


def within(place: Place, k: int) -> float:
    """Probability that the first true match is among the first k: 1 − C(t − r, j)/C(t, j), j = k − above.

    >>> within(Place(above=1, tied=2), 2), within(Place(above=0), 1), within(Place(above=5), 5)
    (0.5, 1.0, 0.0)
    """
    j = min(k - place.above, place.tied)
    if j <= 0:
        return 0.0
    return float(1 - Fraction(math.comb(place.tied - place.right, j), math.comb(place.tied, j)))


def expected_rank(place: Place) -> float:
    """Mean rank of the first true match: above + (t + 1)/(r + 1); the mid-rank where one of the tied is true.

    >>> expected_rank(Place(above=0, tied=3)), expected_rank(Place(above=2))
    (2.0, 3.0)
    """
    return place.above + (place.tied + 1) / (place.right + 1)


def reciprocal_rank(place: Place) -> float:
    """Mean of 1/rank of the first true match: Σ_j P(it is the j-th of the tied)/(above + j).

    It is not one over the mean rank: of two tied candidates it is (1 + ½)/2.

    >>> reciprocal_rank(Place(above=0, tied=2)), reciprocal_rank(Place(above=3))
    (0.75, 0.25)
    """
    terms, none_before = [], 1.0
    for j in range(1, place.tied - place.right + 2):
        here = place.right / (place.tied - j + 1)  # the j-th is true, where none before it was
        terms.append(none_before * here / (place.above + j))
        none_before *= 1 - here
    return math.fsum(terms)


def by_chance(gallery: int, right: int, k: int) -> float:
    """What a random order of the whole gallery reaches at k; k/gallery where one candidate is right.

    >>> by_chance(100, 1, 5), by_chance(3, 1, 5)
    (0.05, 1.0)
    """
    return within(Place(0, gallery, min(right, gallery)), k)
