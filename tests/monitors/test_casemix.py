"""Direct standardisation: by hand, by simulation, and where it must not pretend."""

import math
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from monitors.casemix import CaseMix, CaseMixError
from monitors.groups import mean_cluster_size
from monitors.hallucination import HALLUCINATION
from monitors.intervals import jeffreys
from monitors.measurement import Interval, Measure
from monitors.sealed import design_of_groups
from monitors.standardised import standardise
from monitors.stratum_counts import GroupCounts, case_mix, group_counts
from monitors.tally import Tally
from tests.monitors.population import STRATA, cluster_sizes, reports, risks

MEASURE = next(m for m in HALLUCINATION.measures if m.name == "contradicted_reports")
UNITS = CaseMix.of({("icu",): (400, 40), ("ward",): (600, 18)}, ["unit"])


def spread(cells: dict[tuple[str, ...], tuple[int, int]]) -> GroupCounts:
    """Every report of a patient of its own, the events first."""
    n, events = np.zeros((256, len(cells))), np.zeros((256, len(cells)))
    for i, (size, hits) in enumerate(cells.values()):
        np.add.at(n[:, i], np.arange(size) % 256, 1)
        np.add.at(events[:, i], np.arange(hits) * 7 % 256, 1)
    return GroupCounts(tuple(cells), n, events)


def drawn(rng: np.random.Generator, n: int, rho: float, share: list[float], rates: list[float]) -> GroupCounts:
    """Patients with several reports each, in strata of their own."""
    patients = int(n / 1.8)
    sizes, stratum = cluster_sizes(rng, patients), rng.choice(len(share), p=share, size=patients)
    risk = np.zeros(patients)
    for s, rate in enumerate(rates):
        risk[stratum == s] = risks(rng, int((stratum == s).sum()), rate, rho)
    group, made = rng.integers(256, size=patients), np.zeros((2, 256, len(share)))
    np.add.at(made[0], (group, stratum), sizes)
    np.add.at(made[1], (group, stratum), rng.binomial(sizes, risk))
    return GroupCounts(tuple((str(s),) for s in range(len(share))), made[0], made[1])


def test_masking_shows_in_the_standardised_rate_alone() -> None:
    """Ward × 1.8 while intensive care falls from 40 to 15 %: crude 5.8 → 6.1 %, standardised → 7.2 %."""
    made = standardise(spread({("icu",): (300, 30), ("ward",): (1700, 92)}), UNITS, 0.0)
    assert made.crude == pytest.approx(122 / 2000)
    assert made.value == pytest.approx(0.4 * 0.1 + 0.6 * 92 / 1700)
    assert made.explained == pytest.approx(made.crude - made.value)
    assert (made.covered, made.outside, made.sufficient) == (1.0, 0.0, True)
    before = standardise(spread({("icu",): (800, 80), ("ward",): (1200, 36)}), UNITS, 0.0)
    assert before.crude == pytest.approx(before.value) == pytest.approx(0.058)
    assert made.value - before.value > 4 * (made.crude - before.crude)


def test_independent_patients_have_the_variance_and_interval_of_the_formula() -> None:
    made = standardise(spread({("icu",): (300, 30), ("ward",): (1700, 92)}), UNITS, 0.0)
    w, p, n = np.array([0.4, 0.6]), np.array([0.1, 92 / 1700]), np.array([300, 1700])
    variance = float((w**2 * p * (1 - p) / n).sum())
    # events lie in groups of their own as chance would not have them: the jackknife stays near the formula
    assert variance <= made.variance < 1.3 * variance
    assert made.n_eff == pytest.approx(made.value * (1 - made.value) / made.variance)
    assert (made.low, made.high) == pytest.approx(jeffreys(made.value * made.n_eff, made.n_eff))


def test_alike_patients_cost_by_their_cluster_sizes() -> None:
    n = np.zeros((256, 1))
    n[:40, 0] = 10
    events = np.zeros((256, 1))
    events[:20, 0] = 1
    window = GroupCounts((("icu",),), n, events)
    mix = CaseMix.of({("icu",): (400, 20)}, ["unit"])
    loose, tight = (standardise(window, mix, rho) for rho in (0.0, 0.4))
    size = (40 * 100 - 400**2 / 256) / (400 * 255 / 256)
    assert tight.variance == pytest.approx(0.05 * 0.95 * (1 + 0.4 * (size - 1)) / 400)
    assert tight.high - tight.low > loose.high - loose.low
    assert standardise(window, mix, math.nan).variance == pytest.approx(0.05 * 0.95 * size / 400)


def test_the_reference_standardised_to_itself_is_crude() -> None:
    rng = np.random.default_rng(19)
    tally = Tally.of(HALLUCINATION, reports(rng, patients=600), STRATA)
    counts = group_counts(tally, HALLUCINATION, MEASURE, ["site", "sex"], version="v1")
    made = standardise(counts, case_mix(counts, ["site", "sex"]), 0.1)
    assert made.value == pytest.approx(made.crude)
    assert made.explained == pytest.approx(0, abs=1e-12)
    assert made.covered == pytest.approx(1)
    assert made.outside == 0


def test_group_counts_are_those_of_the_rows() -> None:
    table = reports(np.random.default_rng(20), patients=300)
    tally = Tally.of(HALLUCINATION, table, STRATA)
    counts = group_counts(tally, HALLUCINATION, MEASURE, ["site", "sex"], version="v1")
    assert counts.n.shape == counts.events.shape == (256, 6)
    judged = table.filter(pc.equal(table["status"].cast("string"), "judged")).to_pylist()
    for i, (site, sex) in enumerate(counts.strata):
        rows = [r for r in judged if (r["site"], r["sex"]) == (site, sex)]
        assert counts.n[:, i].sum() == len(rows)
        assert counts.events[:, i].sum() == sum(r["contradicted"] > 0 for r in rows)


def test_sparse_strata_are_pooled_up_the_tree() -> None:
    counts: dict[Any, tuple[float, float]] = {
        ("icu", "portable"): (200, 20),
        ("icu", "ap"): (20, 1),
        ("icu", "pa"): (15, 1),
        ("ward", "pa"): (300, 9),
        ("ward", "ap"): (10, 0),
        ("day", "pa"): (5, 0),
    }
    mix = CaseMix.of(counts, ["unit", "view"])
    assert mix.n == {
        ("icu", "portable"): 200,
        ("icu", "(other)"): 35,
        ("ward", "pa"): 300,
        ("(other)", "(other)"): 15,
    }
    assert mix.place(("icu", "lateral")) == ("icu", "(other)")
    assert mix.place(("ward", "lateral")) == ("(other)", "(other)")
    assert mix.place(("ward", "pa")) == ("ward", "pa")
    assert UNITS.place(("day",)) is None


def test_the_weight_of_an_empty_stratum_goes_to_its_nearest_siblings_and_is_not_covered() -> None:
    reference = CaseMix.of(
        {("icu", "ap"): (300, 30), ("icu", "pa"): (100, 8), ("ward", "ap"): (200, 6), ("ward", "pa"): (400, 8)},
        ["unit", "view"],
    )
    window: dict[tuple[str, ...], tuple[int, int]] = {
        ("icu", "ap"): (100, 20),
        ("ward", "ap"): (100, 5),
        ("ward", "pa"): (100, 8),
    }
    made = standardise(spread(window), reference, 0.0)
    assert made.value == pytest.approx(0.4 * 0.20 + 0.2 * 0.05 + 0.4 * 0.08)
    assert made.covered == pytest.approx(0.9)
    assert made.sufficient
    alone = standardise(spread({("icu", "ap"): (100, 20)}), reference, 0.0)
    assert alone.value == pytest.approx(0.20)
    assert alone.covered == pytest.approx(0.3)
    assert not alone.sufficient


def test_cases_the_reference_never_saw_are_outside_and_in_the_crude_rate_only() -> None:
    made = standardise(spread({("icu",): (100, 10), ("ward",): (100, 3), ("day",): (50, 20)}), UNITS, 0.0)
    assert made.outside == pytest.approx(0.2)
    assert made.crude == pytest.approx(33 / 250)
    assert made.value == pytest.approx(0.4 * 0.1 + 0.6 * 0.03)
    only = standardise(spread({("day",): (50, 20)}), UNITS, 0.0)
    assert math.isnan(only.value)
    assert (only.outside, only.covered, only.sufficient) == (1.0, 0.0, False)


def test_a_window_without_events_is_not_known_to_be_free_of_them() -> None:
    made = standardise(spread({("icu",): (40, 0), ("ward",): (60, 0)}), UNITS, 0.0)
    assert (made.value, made.low) == (0.0, 0.0)
    assert 0.01 < made.high < 0.1
    assert 0 < made.n_eff <= 100


@pytest.mark.parametrize(("rho", "n"), [(0.0, 4000), (0.3, 1000), (0.15, 200)])
def test_the_interval_covers_the_standardised_rate_where_the_crude_rate_is_off(rho: float, n: int) -> None:
    rng = np.random.default_rng(21)
    rates, now = [0.10, 0.03], [0.15, 0.85]
    covered = above = 0
    crude = []
    runs = 300
    for _ in range(runs):
        reference = drawn(rng, 5000, rho, [0.4, 0.6], rates)
        mix = case_mix(reference, ["unit"])
        own = design_of_groups(np.stack([reference.n.sum(axis=1), reference.events.sum(axis=1)], axis=1)).rho
        made = standardise(drawn(rng, n, rho, now, rates), mix, own)
        truth = (0.10 * mix.n["0",] + 0.03 * mix.n["1",]) / sum(mix.n.values())
        covered += made.low <= truth <= made.high
        above += truth > made.high
        crude.append(made.crude - truth)
    assert covered / runs >= 0.93
    assert above / runs <= 0.04
    assert np.mean(crude) == pytest.approx(0.0405 - 0.058, abs=0.002)  # what the change of patients explains


def test_what_cannot_be_standardised_is_refused() -> None:
    tally = Tally.of(HALLUCINATION, reports(np.random.default_rng(22)), STRATA)
    with pytest.raises(CaseMixError, match="not stratified by 'age'"):
        group_counts(tally, HALLUCINATION, MEASURE, ["age"], version="v1")
    area = Measure(**{name: getattr(MEASURE, name) for name in MEASURE.__slots__} | {"interval": Interval.LOGIT})
    with pytest.raises(CaseMixError, match="no ratio of two sums"):
        group_counts(tally, HALLUCINATION, area, ["site"], version="v1")
    assert group_counts(tally, HALLUCINATION, MEASURE, ["site"], version="v9").strata == ()
    with pytest.raises(CaseMixError, match="no measured report"):
        CaseMix.of({("a",): (0, 0)}, ["unit"])
    with pytest.raises(CaseMixError, match="25 strata"):
        CaseMix.of({(str(i),): (40, 2) for i in range(25)}, ["unit"])
    with pytest.raises(CaseMixError, match="a value for each"):
        CaseMix.of({("a", "b"): (40, 2)}, ["unit"])


def test_not_a_single_event_anywhere_has_an_interval() -> None:
    """Neither the reference nor the window has one: the variance is 0 and the patients still count."""
    n = np.zeros((256, 1))
    n[:100] = 2.0
    counts = GroupCounts((("icu",),), n, np.zeros((256, 1)))
    found = standardise(counts, CaseMix.of({("icu",): (500, 0)}, ["unit"]), rho=0.3)
    assert (found.value, found.low) == (0.0, 0.0)
    cost = 1 + 0.3 * (mean_cluster_size(n[:, 0]) - 1)
    assert found.n_eff == pytest.approx(200 / cost)
    assert found.high == pytest.approx(jeffreys(0, 200 / cost)[1])
