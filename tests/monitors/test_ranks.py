"""Ranks with ties, against every order that the ties allow."""

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.ranks import Place, by_chance, expected_rank, place_of, reciprocal_rank, within

K = (1, 2, 3, 5, 10)


def orders(ids: list[str], scores: list[float]) -> list[list[str]]:
    """Every list that puts the same scores in the same places."""
    groups = [
        list(group) for _, group in itertools.groupby(zip(scores, ids, strict=True), key=lambda pair: pair[0])
    ]
    mixed = [list(itertools.permutations([one for _, one in group])) for group in groups]
    return [list(itertools.chain(*parts)) for parts in itertools.product(*mixed)]


def rank(order: list[str], matches: set[str]) -> int | None:
    return next((i for i, one in enumerate(order, start=1) if one in matches), None)


@st.composite
def rankings(draw: st.DrawFn) -> tuple[list[str], list[float], set[str]]:
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    scores = [float(-place) for place, size in enumerate(sizes) for _ in range(size)]
    ids = [f"c{i}" for i in range(len(scores))]
    return ids, scores, draw(st.sets(st.sampled_from(ids), min_size=1))


@settings(max_examples=150, deadline=None)
@given(rankings())
def test_ties_are_the_mean_over_every_order(made: tuple[list[str], list[float], set[str]]) -> None:
    ids, scores, matches = made
    ranks = [rank(order, matches) for order in orders(ids, scores)]
    found = [one for one in ranks if one is not None]
    assert len(found) == len(ranks)
    place = place_of(ids, scores, matches)
    assert place is not None
    assert expected_rank(place) == pytest.approx(sum(found) / len(found), abs=1e-12)
    mean = sum((Fraction(1, one) for one in found), Fraction()) / len(found)
    assert reciprocal_rank(place) == pytest.approx(float(mean), abs=1e-12)
    for k in K:
        assert within(place, k) == pytest.approx(sum(one <= k for one in found) / len(found), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.data())
def test_chance_is_a_random_order_of_the_whole_gallery(gallery: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(1, gallery))
    draws = list(itertools.permutations(range(gallery)))
    for k in K:
        hits = sum(any(one < right for one in order[:k]) for order in draws)
        assert by_chance(gallery, right, k) == pytest.approx(hits / len(draws), abs=1e-12)


@given(st.integers(0, 50), st.integers(1, 200), st.data())
def test_values_lie_in_range_and_agree_with_each_other(above: int, tied: int, data: st.DataObject) -> None:
    place = Place(above, tied, data.draw(st.integers(1, tied)))
    hits = [within(place, k) for k in range(above + tied + 2)]
    assert hits == sorted(hits) and hits[0] == 0.0 and hits[-1] == 1.0
    # E[1/rank] and E[rank] from the distribution that recall gives
    steps = [(k, b - a) for k, (a, b) in enumerate(itertools.pairwise(hits), start=1)]
    assert reciprocal_rank(place) == pytest.approx(sum(p / k for k, p in steps), abs=1e-9)
    assert expected_rank(place) == pytest.approx(sum(p * k for k, p in steps), abs=1e-7)
    assert 1 / expected_rank(place) <= reciprocal_rank(place) + 1e-12  # Jensen


def test_one_untied_match_is_plain_arithmetic() -> None:
    assert place_of(["a", "b", "c"], [None, None, None], {"c"}) == Place(2)
    assert place_of(["a", "b"], [0.5, 0.5], {"x"}) is None
    assert place_of([], [], {"x"}) is None
    for r in range(1, 30):
        assert reciprocal_rank(Place(r - 1)) == 1 / r and expected_rank(Place(r - 1)) == r
        assert [within(Place(r - 1), k) for k in K] == [float(r <= k) for k in K]


def test_a_tie_of_everything_in_a_large_gallery_is_chance() -> None:
    ids = [str(i) for i in range(10_000)]
    place = place_of(ids, [1.0] * len(ids), {"7"})
    assert place == Place(0, 10_000, 1)
    assert within(place, 5) == by_chance(10_000, 1, 5) == 5 / 10_000
    harmonic = math.fsum(1 / k for k in range(1, 10_001)) / 10_000
    assert reciprocal_rank(place) == pytest.approx(harmonic, rel=1e-9)
