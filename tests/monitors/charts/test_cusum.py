"""The CUSUM against its definition and its run length against simulation."""

import math

import numpy as np
import pytest

from monitors.charts.cusum import CusumError, beside, cusum, limit_of, run_length


def test_the_path_is_the_climb_above_its_lowest_point_and_restarts_at_an_alarm() -> None:
    rng = np.random.default_rng(17)
    n = np.full(200, 50.0)
    k = rng.binomial(50, 0.1, 200).astype(float)
    path, alarms = cusum(n, k, 0.08, 0.16)
    walk = np.cumsum(k * math.log(2) + (n - k) * math.log(0.84 / 0.92))
    lowest = np.minimum(0, np.minimum.accumulate(walk))
    assert path == pytest.approx(walk - lowest)
    assert not alarms.any()
    path, alarms = cusum(n, k, 0.08, 0.16, limit=3.0)
    first = int(alarms.argmax())
    again, _ = cusum(n[first + 1 :], k[first + 1 :], 0.08, 0.16, limit=3.0)
    assert path[first] >= 3
    assert path[first + 1 :] == pytest.approx(again)


def test_the_run_length_is_that_of_simulated_charts() -> None:
    rng = np.random.default_rng(18)
    for limit, rate in ((2.0, 0.08), (4.0, 0.16)):
        steps = rng.binomial(50, rate, (2000, 1500))
        moves = steps * math.log(2) + (50 - steps) * math.log(0.84 / 0.92)
        s, length = np.zeros(2000), np.full(2000, 1500)
        for t in range(1500):
            s = np.maximum(0, s + moves[:, t])
            length[s >= limit] = np.minimum(length[s >= limit], t + 1)
        error = length.std() / math.sqrt(2000)
        assert run_length(limit, 50, 0.08, 0.16, rate) == pytest.approx(length.mean(), abs=4 * error)


def test_a_limit_gives_the_weeks_asked_for() -> None:
    limit = limit_of(520, 50, 0.08, 0.16)
    # the sums lie on few values, so that the mean run length climbs in steps: the first step above is taken
    assert 520 <= run_length(limit, 50, 0.08, 0.16, 0.08) < 560
    assert run_length(0.97 * limit, 50, 0.08, 0.16, 0.08) < 520
    assert run_length(limit, 50, 0.08, 0.16, 0.16) < 8


def test_rates_in_the_wrong_order_are_refused() -> None:
    for p0, p1 in ((0.1, 0.1), (0.2, 0.1), (0.0, 0.1), (0.5, 1.0)):
        with pytest.raises(CusumError):
            cusum(np.ones(1), np.ones(1), p0, p1)
    with pytest.raises(CusumError):
        limit_of(0.5, 50, 0.05, 0.1)


def test_beside_a_chart_it_looks_for_a_doubling_of_the_rate_as_given() -> None:
    n, events = np.array([50.0, 0, 48, 52, 50, 50]), np.array([4.0, 0, 4, 12, 14, 4])
    found = beside(n, events, 0.08, 520)
    assert found is not None
    path, alarms, limit = found
    assert limit == limit_of(520, 50, 0.08, 0.16)
    again = cusum(n, events, 0.08, 0.16, limit)
    assert np.array_equal(path, again[0]) and np.array_equal(alarms, again[1]) and alarms[3]
    assert beside(n, events, 0.5, 520) is None and beside(0 * n, 0 * n, 0.08, 520) is None
