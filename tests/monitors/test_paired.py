"""Changes on questions that two versions both answered: what few differences support, and how often they hold."""

import math

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import poisson

from monitors import frame
from monitors.error_codes import ERROR_CODES
from monitors.judged import GRID
from monitors.measurement import Interval, Measurement, Slice, Window
from monitors.monitor import Monitor
from monitors.paired import Pairs
from monitors.performance import PERFORMANCE
from monitors.tally import Tally
from monitors.vqa import VQA_PERFORMANCE as VQA
from monitors.won_and_lost import Moves, by_group, weighted_count
from tests.monitors.population import STRATA, classifications, cluster_sizes, reports, risks
from tests.monitors.test_frame import NORTH, as_version, named
from tests.monitors.test_version_effect import answers

_FEW = ("version", "item")


def changes(
    monitor: Monitor, old: pa.Table, new: pa.Table, *, item: str = "", where: Slice | None = None
) -> list[Measurement]:
    """The changes from version v1 to version v2 of the same questions."""
    both = pa.concat_tables([as_version(old, "v1"), as_version(new, "v2")])
    strata = STRATA if "site" in both.column_names else _FEW
    tally = Tally.of(monitor, both, strata)
    return frame.changes(
        monitor, tally, tally, [where or Slice()], version="v2", items=[item], window=Window(),
        reference_version="v1", pairs=Pairs(monitor, both, strata, old="v1", new="v2"),
    )  # fmt: skip


def accuracy(owner: np.ndarray, old: np.ndarray, new: np.ndarray) -> Measurement:
    return named(changes(VQA, answers(owner, "v1", old), answers(owner, "v2", new)), "accuracy")


def replaced(table: pa.Table, name: str, values: np.ndarray) -> pa.Table:
    kind = table.schema.field(name)
    column = pa.array(values, from_pandas=True).cast(kind.type)
    return table.set_column(table.column_names.index(name), kind, column)


@pytest.mark.parametrize("n", [40, 100, 300])
def test_nothing_seen_among_n_has_an_exact_upper_limit(n: int) -> None:
    right = np.arange(n) % 2 == 0
    row = accuracy(np.arange(n), right, right)
    assert row.value == 0
    # of so many, none is seen in 2.5 %; some patients share a group
    assert row.high == pytest.approx(-math.log(0.025) / n, rel=0.1)
    assert row.low == -row.high
    assert row.interval == Interval.PAIRED.value


def test_limits_of_whole_events_are_the_exact_ones_of_poisson() -> None:
    for k in (1, 4, 20):
        low, high = weighted_count(k, k, 1)
        assert poisson.cdf(k, high) == pytest.approx(0.025)
        assert poisson.sf(k - 1, low) == pytest.approx(0.025)


def test_losses_of_one_patient_tell_less_than_those_of_many() -> None:
    owner = np.repeat(np.arange(60), 6)
    right = np.arange(360) % 2 == 0
    one, many = right.copy(), right.copy()
    one[:6], many[:360:120] = False, False
    lost, spread = accuracy(owner, right, one), accuracy(owner, right, many)
    assert lost.value == spread.value == pytest.approx(-3 / 360)
    assert lost.low < 1.3 * spread.low


@pytest.mark.parametrize("item", ["", "Nodule"])
def test_a_change_is_what_was_won_minus_what_was_lost(item: str) -> None:
    """Of every ratio, whatever either version counts; with versions swapped it is the same the other way round."""
    rng = np.random.default_rng(1)
    old = classifications(rng, 150)
    decision = np.array(old["decision"].to_pylist(), float)
    turned = np.where(rng.uniform(size=len(decision)) < 0.1, 1 - decision, decision)
    new = replaced(old, "decision", turned)
    both = pa.concat_tables([as_version(old, "v1"), as_version(new, "v2")])
    pairs = Pairs(PERFORMANCE, both, STRATA, old="v1", new="v2")
    there, back = changes(PERFORMANCE, old, new, item=item), changes(PERFORMANCE, new, old, item=item)
    for name in ("sensitivity", "specificity", "ppv", "npv", "flagged"):
        one = next(m for m in PERFORMANCE.measures if m.name == name)
        moves = pairs.of(Slice(), item).moves(one)
        assert moves is not None
        assert moves.value == pytest.approx(named(there, name).value, abs=1e-4)
    for name in ("ppv", "f1", "balanced_accuracy"):
        row, mirrored = named(there, name), named(back, name)
        assert row.low < row.value < row.high
        assert (row.low, row.high) == pytest.approx((-mirrored.high, -mirrored.low))
        assert row.interval == Interval.PAIRED.value


def test_areas_of_versions_that_hardly_differ_have_no_interval() -> None:
    rng = np.random.default_rng(2)
    old = classifications(rng, 150)
    few = replaced(old, "probability", np.where(np.arange(old.num_rows) < 3, 0.5, old["probability"].to_numpy()))
    row = named(changes(PERFORMANCE, old, few, item="Effusion"), "auroc")
    assert math.isnan(row.low) and math.isnan(row.high)
    assert "differ in fewer than 10 patients" in row.note
    noise = rng.uniform(0, 0.3, old.num_rows)
    many = replaced(old, "probability", 0.7 * old["probability"].to_numpy() + noise)
    row = named(changes(PERFORMANCE, old, many, item="Effusion"), "auroc")
    assert row.low < row.value < row.high
    assert row.interval == Interval.PAIRED_OTHER.value


def test_counts_of_errors_have_limits_where_no_report_differs() -> None:
    table = reports(np.random.default_rng(3), 200)
    for name in ("weighted_all", "draft_words"):
        row = named(changes(ERROR_CODES, table, table), name)
        assert row.value == 0
        assert row.high == -row.low > 0.01 if name == "weighted_all" else math.isnan(row.low)
    north = named(changes(ERROR_CODES, table, table, where=NORTH), "weighted_all")
    assert north.high > named(changes(ERROR_CODES, table, table), "weighted_all").high


def test_drafts_of_one_case_are_one_question() -> None:
    """Three drafts that say the same as the one of the other version: nothing differs."""
    one = answers(np.arange(30), "v1", np.arange(30) % 3 > 0)
    third = replaced(one, "weight", np.full(30, GRID // 3))
    both = pa.concat_tables([one, *[as_version(third, "v2")] * 3])
    paired = Pairs(VQA, both, _FEW, old="v1", new="v2").of(Slice(), "")
    assert len(paired.group) == 30
    assert not paired.moved.any()
    moves = paired.moves(VQA.measures[0])
    assert moves is not None and not moves.parts.any()


def test_other_versions_are_left_out() -> None:
    one = answers(np.arange(30), "v1", np.arange(30) % 3 > 0)
    two = pa.concat_tables([one, as_version(one, "v2")])
    three = pa.concat_tables([two, as_version(one, "v0")])
    made, alone = (Pairs(VQA, table, _FEW, old="v1", new="v2").of(Slice(), "") for table in (three, two))
    assert np.array_equal(made.before, alone.before) and np.array_equal(made.after, alone.after)


class Shared:
    """Shared questions of which some answers were lost and some won, alike within patients (`rho`)."""

    def __init__(self, seed: int, patients: int, lost: float, won: float, rho: float) -> None:
        rng = np.random.default_rng((seed, patients))
        owner = np.repeat(np.arange(patients), cluster_sizes(rng, patients) if rho else 1)
        u, group = rng.uniform(size=len(owner)), rng.integers(0, 256, patients)[owner]
        falls, rises = (risks(rng, patients, rate, rho)[owner] for rate in (lost, won))
        parts = np.where(u < falls, -1.0, np.where(u > 1 - rises, 1.0, 0.0))
        self.moves = Moves(parts, group, by_group(np.ones(len(owner)), group))
        self.rho, self.truth = rho, won - lost

    @property
    def limits(self) -> tuple[float, float]:
        _, low, high = self.moves.limits(self.moves.rho(self.rho), 0.05)
        return low, high


@pytest.mark.parametrize("rho", [0.0, 0.3])
@pytest.mark.parametrize("patients", [40, 100, 300])
def test_changes_are_covered_and_no_loss_is_called_harmless(patients: int, rho: float) -> None:
    """Losses just as large as the margin are called "not worse" in hardly more than 2.5 %."""
    for lost, won in ((0.0, 0.0), (0.02, 0.0), (0.06, 0.0), (0.04, 0.02)):
        made = [Shared(seed, patients, lost, won, rho) for seed in range(150)]
        covered = [one.limits[0] <= one.truth <= one.limits[1] for one in made]
        harmless = [one.limits[0] > one.truth for one in made]
        assert np.mean(covered) >= 0.92  # of 150: .95 and less by chance than in 1 of 20 cells
        assert np.mean(harmless) <= 0.055
