"""Levels where a jackknife sees nothing: patients all alike, many patients, findings the reference has not."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy import stats

from monitors import frame
from monitors.calibration import CALIBRATION
from monitors.editing import EDITING
from monitors.groups import GROUPS
from monitors.level import Level
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice, Window
from monitors.monitor import Monitor
from monitors.performance import PERFORMANCE
from monitors.retrieval import RETRIEVAL
from monitors.tally import Tally
from monitors.yes_no import YES_NO
from tests.monitors.population import FINDINGS, STRATA, answers, classifications, reports, searches


def levels(
    monitor: Monitor, table: pa.Table, item: str = "", parent: pa.Table | None = None
) -> dict[str, Measurement]:
    of = Tally.of(monitor, table, STRATA)
    desk = Desk(monitor, of, "v1", None if parent is None else Tally.of(monitor, parent, STRATA))
    rows = frame.measure(desk, [Slice()], items=[item], window=Window())
    return {row.measure: row for row in rows}


def replaced(table: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.column_names.index(name), field, pa.array(values, field.type))


def one_each(table: pa.Table) -> pa.Table:
    """Every row of a patient of its own."""
    return replaced(table, "subject_id", [f"p{i}" for i in range(table.num_rows)])


def test_drafts_of_which_none_was_changed_do_not_prove_that_none_ever_will_be() -> None:
    table = one_each(reports(np.random.default_rng(1), 60))
    table = table.filter(pc.equal(table["status"], "judged"))
    found = levels(EDITING, replaced(table, "edited", [0.0] * table.num_rows))["edit_distance"]
    assert found.value == found.low == 0.0
    assert found.high == pytest.approx(stats.binomtest(0, table.num_rows).proportion_ci(0.95).high)


def test_searches_that_all_found_their_match_first_have_the_limits_of_their_recall() -> None:
    table = one_each(searches(np.random.default_rng(2), 60))
    table = table.filter(pc.and_(pc.equal(table["status"], "judged"), pc.greater_equal(table["listed"], 10)))
    for name in ("reciprocal_rank", "reciprocal_rank_high", "recall_at_1"):
        table = replaced(table, name, [1.0] * table.num_rows)
    found = levels(RETRIEVAL, table)
    assert (found["mrr"].low, found["mrr"].high) == pytest.approx((found["recall_at_1"].low, 1.0))
    assert found["mrr"].low < 1
    # what a random order would reach is known, not estimated: here it is the same for every search
    assert found["chance_at_1"].low == found["chance_at_1"].high == pytest.approx(1 / 500, abs=2**-20)


def test_answers_that_are_all_right_have_a_limit_on_every_statistic() -> None:
    table = one_each(answers(np.random.default_rng(3), 90))
    table = replaced(table, "answered_yes", table["truth_yes"].to_pylist())
    found = levels(YES_NO, table)
    assert found["yes_f1"].low < found["yes_f1"].high == 1
    assert found["yes_bias"].low < 0 < found["yes_bias"].high
    assert found["d_prime"].high - found["d_prime"].low > 2
    assert found["criterion"].high - found["criterion"].low > 1
    # by hand: z of the Jeffreys limits of both rates, combined in quadrature
    z, sides = NormalDist().inv_cdf, [found[name] for name in ("yes_sensitivity", "yes_specificity")]
    below = []
    for side in sides:
        assert side.value == 1
        n = side.n
        low = stats.beta.ppf(0.025, n / side.deff + 0.5, 0.5)
        below.append(z((n + 0.5) / (n + 1)) - z(low))
    assert found["d_prime"].low == pytest.approx(found["d_prime"].value - math.hypot(*below), abs=0.05)


def test_where_nothing_absent_was_asked_about_there_is_no_d_prime_and_it_says_why() -> None:
    table = answers(np.random.default_rng(4), 100)
    truth = [None if t is None else 1 for t in table["truth_yes"].to_pylist()]
    found = levels(YES_NO, replaced(table, "truth_yes", truth))["d_prime"]
    assert math.isnan(found.value)
    assert found.note == "nothing asked of one kind, present or absent"


def test_the_effective_size_of_an_area_is_its_patients_and_not_its_groups() -> None:
    table = one_each(classifications(np.random.default_rng(5), 1_500))
    item = FINDINGS[0]
    found = levels(PERFORMANCE, table, item)["auroc"]
    mine = table.filter(pc.equal(table["item"].cast(pa.string()), item))
    known = mine.filter(pc.and_(pc.is_valid(mine["label"]), pc.is_valid(mine["probability"])))
    positives = int(pc.sum(known["label"]).as_py())
    assert GROUPS < found.n_eff == min(positives, known.num_rows - positives)


def test_a_finding_that_the_reference_has_not_is_binned_by_its_own_window() -> None:
    rng = np.random.default_rng(6)
    table, item = classifications(rng, 600), FINDINGS[0]
    others = classifications(rng, 600)
    others = others.filter(pc.not_equal(others["item"].cast(pa.string()), item))
    alone, held = (levels(CALIBRATION, table, item, parent)["calibration_error"] for parent in (None, others))
    assert (held.value, held.low, held.high, held.note) == (alone.value, alone.low, alone.high, alone.note)
    assert held.n > 0
    assert "no reference window" in held.note


def test_a_gap_has_the_sizes_of_its_weaker_side() -> None:
    """n, events, effective n and design effect are of one side, so that they agree with each other."""
    table = reports(np.random.default_rng(7), 900)
    desk = Desk(EDITING, Tally.of(EDITING, table, STRATA), "v1")
    north = Slice((("site", "north"),))
    (level,) = [m for m in frame.measure(desk, [north], items=[""], window=Window()) if m.measure == "acceptance"]
    (gap,) = [m for m in frame.gaps(desk, [north], items=[""], window=Window()) if m.measure == "acceptance"]
    rest = desk.level(desk.cuts.rest(north, ""), [m.name for m in EDITING.measures].index("acceptance"), "")
    sides: list[Measurement | Level] = [level, rest]
    weaker = min(sides, key=lambda side: side.n_eff)
    assert (gap.n, gap.events, gap.n_eff, gap.deff) == (weaker.n, weaker.events, weaker.n_eff, weaker.deff)
    assert gap.n_eff == pytest.approx(gap.n / gap.deff)
    assert gap.patients == min(level.patients, rest.patients)
