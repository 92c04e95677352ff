"""How far a judge has moved: against the plain difference of its shares, by hand, and by simulation."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors import frame
from monitors.intervals import jeffreys, mover
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice, Window
from monitors.movement import MOVED
from monitors.tally import Tally
from tests.monitors.population import judged_twice
from tests.monitors.test_agreement import STRATA, pairs_table

ITEM = "contradicted"


def measured(table: pa.Table) -> dict[str, Measurement]:
    tally = Tally.of(MOVED, table, STRATA)
    found = frame.measure(Desk(MOVED, tally, "v1"), [Slice()], items=[ITEM], window=Window())
    return {m.measure: m for m in found}


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40))
def test_it_is_the_share_of_yes_now_minus_at_first(pairs: list[tuple[int, int]]) -> None:
    found = measured(pairs_table(pairs))
    before, now = (np.mean([pair[side] for pair in pairs]) for side in (0, 1))
    moved = found["frozen_moved"]
    assert moved.value == pytest.approx(now - before, abs=1e-12)
    assert moved.low <= moved.value <= moved.high
    assert moved.value == found["frozen_raised"].value - found["frozen_cleared"].value


@pytest.mark.parametrize(("raised", "cleared", "n"), [(0, 0, 200), (3, 0, 100), (12, 4, 300)])
def test_of_single_patients_it_is_mover_on_both_jeffreys_intervals(raised: int, cleared: int, n: int) -> None:
    rest = n - raised - cleared
    found = measured(pairs_table([(0, 1)] * raised + [(1, 0)] * cleared + [(0, 0)] * rest))["frozen_moved"]
    low, high = mover(
        (raised / n, *jeffreys(raised, n)),
        (cleared / n, *jeffreys(cleared, n)),
        -np.sqrt(raised * cleared / ((n - raised) * (n - cleared))),
    )
    # several patients share one of 256 groups, so their correlation is an estimate
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.004)
    assert found.high > found.low


def test_where_nothing_changed_the_limits_are_those_of_no_event() -> None:
    found = measured(pairs_table([(1, 1)] * 60 + [(0, 0)] * 140))["frozen_moved"]
    bound = jeffreys(0, 200)[1]
    assert (found.value, found.low, found.high) == (0.0, -bound, bound)


def test_a_missing_judgement_is_in_no_number() -> None:
    found = measured(pairs_table([(1, None)] * 9 + [(None, 1)] * 9 + [(0, 1)] * 20 + [(1, 1)] * 20))
    assert (found["frozen_moved"].n, found["frozen_moved"].value) == (40, 0.5)


@pytest.mark.parametrize(("noise", "rho"), [(0.005, 0.3), (0.1, 0.3)])
def test_its_interval_covers_when_patients_repeat(noise: float, rho: float) -> None:
    """120 patients, about 217 pairs. 100 runs: a true 95 % gives below 88 % in .2 %."""
    runs, held = 100, 0
    truth = noise * (1 - 2 * 0.2)
    for run in range(runs):
        table = judged_twice(np.random.default_rng([run, 77]), 120, 0.2, noise, rho)
        found = measured(table)["frozen_moved"]
        held += found.low <= truth <= found.high
    assert held >= 0.88 * runs
