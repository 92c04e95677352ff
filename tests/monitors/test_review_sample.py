"""Allocation and selection of a review sample."""

import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.judged import judged_schema
from monitors.review_sample import (
    CLASSES,
    PLANNED_RATES,
    ReviewSampleError,
    allocate,
    enough,
    judge_classes,
    rates_shown,
    select,
    unflagged_needed,
)

SIZES = st.dictionaries(st.sampled_from(CLASSES), st.integers(0, 2_000), min_size=1)


@given(SIZES, st.integers(1, 400))
def test_an_allocation_is_whole_and_within_what_there_is(rows: dict[str, int], n: int) -> None:
    total = sum(rows.values())
    if not total:
        with pytest.raises(ReviewSampleError, match="none has been judged"):
            allocate(rows, n)
        return
    given_ = allocate(rows, n)
    assert sum(given_.values()) == min(n, total)
    assert all(0 <= given_[name] <= rows[name] for name in given_)
    assert set(given_) == {name for name, count in rows.items() if count}
    if n >= 5 * len(given_):
        assert all(given_[name] >= min(5, rows[name]) for name in given_)
    rate = sum(PLANNED_RATES[name] * rows[name] for name in given_) / total
    if (rate <= 0.02 and n >= 170) or n >= 200:
        assert given_.get("unflagged", 0) >= min(150, rows.get("unflagged", 0)), (
            "nobody has shown that it is common"
        )
    known = allocate(rows, n, PLANNED_RATES)
    assert sum(known.values()) == min(n, total) and all(known[name] <= rows[name] for name in known)
    asked = enough(rows, n)
    assert asked >= n
    assert allocate(rows, asked).get("unflagged", 0) >= unflagged_needed(rows)
    assert asked == n or allocate(rows, asked - 1).get("unflagged", 0) < unflagged_needed(rows)


def test_an_allocation_has_the_smallest_variance_there_is() -> None:
    rows = {"contradicted": 40, "unsupported": 90, "unflagged": 300}
    n = 40

    def variance(sizes: tuple[int, ...]) -> float:
        spread = {name: PLANNED_RATES[name] * (1 - PLANNED_RATES[name]) for name in rows}
        return sum(rows[name] ** 2 * spread[name] / size for name, size in zip(rows, sizes, strict=True))

    every = ((a, b, n - a - b) for a, b in itertools.product(range(5, n), repeat=2) if n - a - b >= 5 and a <= 40)
    best = min(every, key=variance)
    assert tuple(allocate(rows, n, PLANNED_RATES).values()) == best


def test_rates_that_reviews_have_shown_move_the_allocation() -> None:
    rows = {"contradicted": 500, "unflagged": 4_500}
    planned = allocate(rows, 200, PLANNED_RATES)
    precise = allocate(rows, 200, PLANNED_RATES | {"contradicted": 0.97})
    assert precise["contradicted"] < planned["contradicted"]
    share = 500 * 0.5 / (500 * 0.5 + 4_500 * math.sqrt(0.01 * 0.99))
    assert planned["contradicted"] == pytest.approx(200 * share, abs=1)


def test_a_rare_error_sends_at_least_150_reviews_to_the_unflagged() -> None:
    rows = {"contradicted": 40, "unsupported": 80, "unflagged": 9_880}
    assert allocate(rows, 160)["unflagged"] == 150
    assert sum(allocate(rows, 160).values()) == 160


def test_where_no_review_tells_how_rare_the_error_is_the_unflagged_get_150() -> None:
    rows = {"contradicted": 150, "unsupported": 500, "unflagged": 4_350}
    assert allocate(rows, 200)["unflagged"] == 150, "the planned rate of the whole is 5 %, but nobody has looked"
    assert allocate(rows, 200, {"contradicted": 0.4})["unflagged"] == 150, "… among the unflagged"
    assert allocate(rows, 200, PLANNED_RATES)["unflagged"] < 150, "reviews show 5 %: they go where they teach most"
    # rates that match a true 1.5 % of the whole
    assert allocate(rows, 200, {"contradicted": 0.2, "unsupported": 0.05, "unflagged": 0.005})["unflagged"] >= 150
    assert allocate(rows, 1_000)["unflagged"] == allocate(rows, 1_000, PLANNED_RATES)["unflagged"] > 150


def test_a_small_sample_keeps_a_quarter_for_what_the_judge_flags_and_says_what_would_do() -> None:
    rows = {"contradicted": 500, "unflagged": 4_500}
    assert allocate(rows, 100) == {"contradicted": 25, "unflagged": 75}
    assert (enough(rows, 100), enough(rows, 199), enough(rows, 200)) == (200, 200, 200)
    rare = {"contradicted": 40, "unsupported": 80, "unflagged": 9_880}
    assert (enough(rare, 20), enough(rare, 160)) == (160, 160)
    assert enough({"contradicted": 500, "unflagged": 30}, 10) == 40, "all thirty"
    assert enough(rows, 100, PLANNED_RATES) == 100, "at a rate that reviews have shown nothing more is needed"
    assert enough({"missing": 40}, 10) == 10


def test_reviews_replace_what_was_planned_as_they_grow() -> None:
    assert rates_shown({}) == rates_shown({"unflagged": (0, 0)}) == {}
    shown = rates_shown({"contradicted": (0, 5), "unflagged": (15.0, 1_000), "missing": (2.5, 5)})
    assert shown["contradicted"] == pytest.approx(0.5 / 6)
    assert 0.014 < shown["unflagged"] < 0.015, "a thousand reviews"
    assert shown["missing"] == pytest.approx(3 / 10)
    many = rates_shown({name: (70, 100) for name in CLASSES})
    assert all(0.45 < rate < 0.71 for rate in many.values())


def test_a_sample_of_nothing_is_refused() -> None:
    with pytest.raises(ReviewSampleError, match="larger --n"):
        allocate({"unflagged": 10}, 0)


KEYS = [f"output-{i}" for i in range(300)]
STRATA = ["contradicted" if i % 5 == 0 else "unflagged" for i in range(300)]


def drawn(keys: list[str], strata: list[str], seed: int, **sizes: int) -> list[str]:
    return [keys[row] for row in select(keys, strata, sizes, seed).row]


def test_selection_is_stable_and_nested() -> None:
    first = drawn(KEYS, STRATA, 3, contradicted=20, unflagged=30)
    order = np.random.default_rng(0).permutation(300)
    shuffled = drawn([KEYS[i] for i in order], [STRATA[i] for i in order], 3, contradicted=20, unflagged=30)
    assert shuffled == first, "the order of rows does not matter, nor does that of the sheet follow it"
    assert set(first) <= set(drawn(KEYS, STRATA, 3, contradicted=40, unflagged=60))
    assert set(first) != set(drawn(KEYS, STRATA, 4, contradicted=20, unflagged=30))
    assert STRATA[KEYS.index(first[0])] in CLASSES


def test_probabilities_are_those_with_which_rows_are_drawn() -> None:
    sizes = {"contradicted": 20, "unflagged": 30}
    times = np.zeros(300)
    for seed in range(400):
        chosen = select(KEYS, STRATA, sizes, seed)
        times[chosen.row] += 1
        assert set(chosen.probability.tolist()) == {20 / 60, 30 / 240}
    for name, rate in (("contradicted", 20 / 60), ("unflagged", 30 / 240)):
        inside = times[[stratum == name for stratum in STRATA]] / 400
        assert inside.mean() == pytest.approx(rate)
        assert abs(inside - rate).max() < 4.5 * math.sqrt(rate * (1 - rate) / 400)


def test_the_order_of_a_sample_tells_no_stratum() -> None:
    places = []
    for seed in range(200):
        chosen = select(KEYS, STRATA, {"contradicted": 30, "unflagged": 30}, seed)
        places.append(np.mean([place for place, row in enumerate(chosen.row) if STRATA[row] == "contradicted"]))
    assert np.mean(places) == pytest.approx(29.5, abs=1.0)


def judged(*rows: tuple[str, int | None, int | None, int | None]) -> pa.Table:
    """(status, contradicted, unsupported, unaddressed) as a judged table; other columns do not matter here."""
    names = ("status", "contradicted", "unsupported", "unaddressed")
    schema = pa.schema([judged_schema("report").field(name) for name in names])
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=schema)


def test_classes_are_what_the_judge_said() -> None:
    table = judged(
        ("judged", 1, 1, 0),
        ("judged", 0, 2, 0),
        ("judged", 0, 0, 1),
        ("judged", 0, 0, 0),
        ("judge_failed", None, None, None),
        ("unparseable", None, None, None),
        ("awaiting", None, None, None),
        ("output_error", None, None, None),
    )
    said = ["contradicted", "unsupported", "unsupported", "unflagged", "missing", "missing", "", ""]
    assert judge_classes(table).tolist() == said
    assert judge_classes(pa.concat_tables([table, table])).tolist() == said * 2
    assert judge_classes(table.slice(0, 0)).tolist() == []
