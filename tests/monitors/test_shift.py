"""What changed between two windows of scores, against row-by-row computations and simulated hospitals."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from monitors import shift as shifts
from monitors.columns import LOGIT_BINS, logit_bin
from monitors.groups import assign
from monitors.label_shift import if_label_shift
from monitors.scores import SCORES
from monitors.tally import Tally, TallyError
from tests.monitors.test_estimation import scored, tally

_FINDING = "Nodule"


def read(window: Tally, reference: Tally, seed: int = 0) -> shifts.Shift:
    found = shifts.shift(window, reference, version="v1", item=_FINDING, seed=seed)
    assert found is not None
    return found


class Rows:
    """A table as plain arrays."""

    def __init__(self, table: pa.Table) -> None:
        self.group = assign(table["subject_id"], 0)[0]
        self.bin = logit_bin(table["probability"].to_numpy())
        self.label = table["label"].to_numpy().astype(int)
        self.flag = table["decision"].to_numpy().astype(int)


def expected_by_rows(now: Rows, then: Rows, place: np.ndarray, without: int = -1) -> tuple[float, float]:
    """Observed minus expected share of positives and its slope, row by row and without one patient group."""
    kept, before = now.group != without, then.group != without
    rate = {b: then.label[before & (place[then.bin] == b)].mean() for b in set(place[then.bin[before]])}
    bins = place[now.bin[kept]]
    apart = now.label[kept] - np.array([rate[b] for b in bins])
    return float(apart.mean()), float((apart * ((bins + 0.5) / 20 - 0.5)).mean())


def test_every_number_is_one_of_the_rows() -> None:
    window, reference = scored(2, 500, prevalence=0.3), scored(1, 1200)
    made = read(tally(window), tally(reference))
    now, then = Rows(window), Rows(reference)
    place = shifts.coarse_bins(tally(reference).group_totals().sum(axis=0))
    for found, chosen in (
        (made.scores, [np.ones_like(now.label, bool), np.ones_like(then.label, bool)]),
        (made.positives, [now.label == 1, then.label == 1]),
        (made.negatives, [now.label == 0, then.label == 0]),
    ):
        shares = [
            np.bincount(place[side.bin[rows]] // 2, minlength=10)
            for side, rows in zip((now, then), chosen, strict=True)
        ]
        assert found is not None
        assert found.distance == pytest.approx(jensenshannon(*shares, base=2))
    assert made.prevalence is not None and made.relation is not None
    assert made.prevalence.now == pytest.approx(now.label.mean())
    assert made.prevalence.then == pytest.approx(then.label.mean())
    total = np.array(expected_by_rows(now, then, place))
    groups = np.unique(np.r_[now.group, then.group])
    left = np.array([expected_by_rows(now, then, place, g) for g in groups])
    away = left - left.mean(axis=0)
    V = (len(groups) - 1) / len(groups) * away.T @ away
    assert made.relation.value == pytest.approx(total[0])
    assert made.relation.high - made.relation.low == pytest.approx(2 * 1.959964 * np.sqrt(V[0, 0]))
    events = min(len(np.unique(side.group[side.label == 1])) for side in (now, then))
    p = stats.f.sf(total @ np.linalg.inv(V) @ total * (events - 2) / (2 * (events - 1)), 2, events - 2)
    assert made.relation.moved == (p < 0.05 / 3)
    assert (made.n, made.labelled) == (len(now.label), len(now.label))


def test_how_many_have_it_by_decisions_alone() -> None:
    window, reference = scored(2, 800, prevalence=0.35, labelled=0.0), scored(1, 1500)
    made = read(tally(window), tally(reference))
    then, flagged = Rows(reference), window["decision"].to_numpy().mean()
    tpr, fpr = then.flag[then.label == 1].mean(), then.flag[then.label == 0].mean()
    assert made.if_label_shift is not None
    value, low, high = made.if_label_shift
    assert value == pytest.approx((flagged - fpr) / (tpr - fpr))
    assert low < 0.35 < high
    assert (made.reading, made.prevalence, made.labelled) == ("cannot be told", None, 0)
    assert "labelled positives in this window" in made.note
    # decisions that follow a coin say nothing about how many have the finding
    coin = np.random.default_rng(0).integers(0, 2, reference.num_rows)
    at = reference.schema.get_field_index("decision")
    blind = reference.set_column(at, reference.schema.field(at), pa.array(coin, reference.schema.field(at).type))
    assert if_label_shift(tally(window).group_totals(), tally(blind).group_totals()) is None


def test_how_many_have_it_is_covered() -> None:
    """Over label shift in 30 windows; 200 and more in the notes of docs/manual/intervals.md."""
    hit = 0
    for seed in range(30):
        made = read(tally(scored(100 + seed, 400, prevalence=0.35)), tally(scored(500 + seed, 900)))
        assert made.if_label_shift is not None
        hit += made.if_label_shift[1] <= 0.35 <= made.if_label_shift[2]
    assert hit >= 26


@pytest.mark.parametrize(
    ("changes", "reading", "least"),
    [
        ({}, "none", 22),
        ({"prevalence": 0.4}, "label shift", 20),
        ({"inputs": 0.9}, "covariate shift", 20),
        ({"relation": 1.2}, "neither", 20),
    ],
)
def test_each_change_is_read_as_what_it_is(changes: dict[str, float], reading: str, least: int) -> None:
    """24 windows of 600 patients, who repeat, against 3 reference windows of 1,500."""
    references = [tally(scored(1000 + i, 1500)) for i in range(3)]
    found = Counter(read(tally(scored(2000 + i, 600, **changes)), references[i % 3], i).reading for i in range(24))
    assert found[reading] >= least, found


def test_bins_hold_positives_and_negatives_in_equal_parts() -> None:
    totals = tally(scored(1, 3000)).group_totals().sum(axis=0)
    place = shifts.coarse_bins(totals)
    assert (np.diff(place) >= 0).all() and set(place) == set(range(20))
    events, every = SCORES.block(totals, "event"), SCORES.block(totals, "labelled")
    weight = events / events.sum() + (every - events) / (every - events).sum()
    assert np.abs(np.bincount(place, weight) / 2 - 0.05).max() < 0.03
    assert (shifts.coarse_bins(np.zeros(len(SCORES.cells))) == np.zeros(LOGIT_BINS)).all()


def test_the_same_rows_have_not_moved_and_other_tallies_are_refused() -> None:
    same = tally(scored(1, 600))
    made = read(same, same)
    assert (made.reading, made.scores.distance, made.scores.moved) == ("none", 0.0, False)
    assert made.relation is not None and not made.relation.moved
    assert shifts.shift(same, same, version="v2", item=_FINDING) is None
    with pytest.raises(TallyError, match="one seed"):
        shifts.shift(same, Tally.of(SCORES, scored(1, 20), ("version", "item"), 5), version="v1", item=_FINDING)
