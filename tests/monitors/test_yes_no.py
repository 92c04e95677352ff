"""Yes/no questions as a detection task, against scikit-learn, a plain count and simulation."""

import math
from statistics import NormalDist

import numpy as np
import pyarrow.compute as pc
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from monitors import frame
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice, Window
from monitors.tally import Tally
from monitors.yes_no import YES_NO, signal_detection
from tests.monitors.population import STRATA, answers


def measured(seed: int, patients: int, **faults: float) -> tuple[dict[str, Measurement], np.ndarray, np.ndarray]:
    table = answers(np.random.default_rng(seed), patients, **faults)
    tally = Tally.of(YES_NO, table, STRATA)
    rows = frame.measure(Desk(YES_NO, tally, "v1"), [Slice()], items=[""], window=Window())
    asked = table.filter(
        pc.and_(
            pc.equal(table["status"], "judged"),
            pc.and_(pc.equal(table["closed"], 1), pc.equal(table["abstained"], 0)),
        )
    )
    asked = asked.filter(pc.and_(pc.is_valid(asked["answered_yes"]), pc.is_valid(asked["truth_yes"])))
    said, truth = (asked[name].to_numpy() for name in ("answered_yes", "truth_yes"))
    return {row.measure: row for row in rows}, said, truth


def test_rates_agree_with_scikit_learn() -> None:
    made, said, truth = measured(3, 300)
    assert made["yes_sensitivity"].value == pytest.approx(recall_score(truth, said))
    assert made["yes_specificity"].value == pytest.approx(recall_score(truth, said, pos_label=0))
    assert made["yes_precision"].value == pytest.approx(precision_score(truth, said))
    assert made["yes_f1"].value == pytest.approx(f1_score(truth, said))
    assert made["yes_ratio"].value == pytest.approx(said.mean())
    assert made["yes_ratio"].n == len(said)


def test_d_prime_and_criterion_agree_with_the_formula() -> None:
    made, said, truth = measured(5, 300)
    z = NormalDist().inv_cdf
    hit = z((said[truth == 1].sum() + 0.5) / ((truth == 1).sum() + 1))
    alarm = z((said[truth == 0].sum() + 0.5) / ((truth == 0).sum() + 1))
    assert made["d_prime"].value == pytest.approx(hit - alarm)
    assert made["criterion"].value == pytest.approx(-(hit + alarm) / 2)
    assert made["d_prime"].low < made["d_prime"].value < made["d_prime"].high


def test_the_interval_of_d_prime_covers_the_truth() -> None:
    """A system with known hit and false-alarm rates, over 300 populations."""
    truth = 2 * NormalDist().inv_cdf(0.9)  # right nine times in ten, whatever the truth
    covered = 0
    for seed in range(300):
        made, _, _ = measured(seed, 150)
        covered += made["d_prime"].low <= truth <= made["d_prime"].high
    assert covered / 300 >= 0.91


def test_a_lean_to_yes_moves_the_criterion_and_leaves_d_prime() -> None:
    fair = signal_detection(*(np.array(x) for x in (841.0, 1000.0, 159.0, 1000.0)))
    leaning = signal_detection(*(np.array(x) for x in (977.0, 1000.0, 500.0, 1000.0)))
    assert float(leaning[0]) == pytest.approx(float(fair[0]), abs=0.02)
    assert float(fair[1]) == pytest.approx(0, abs=1e-9)
    assert float(leaning[1]) == pytest.approx(-1, abs=0.02)


@pytest.mark.parametrize("present, absent", [(0.0, 10.0), (10.0, 0.0), (0.0, 0.0)])
def test_one_kind_of_question_alone_gives_nothing(present: float, absent: float) -> None:
    d, c = signal_detection(np.array(present), np.array(present), np.array(0.0), np.array(absent))
    assert math.isnan(d)
    assert math.isnan(c)
