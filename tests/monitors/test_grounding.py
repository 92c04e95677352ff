"""Grounding and consistency against counts by hand."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors import frame, intervals
from monitors.consistency import CONSISTENCY, semantic_entropy
from monitors.grounding import GROUNDING
from monitors.levels import Desk
from monitors.measurement import Interval, Measurement, Slice, Window
from monitors.tally import Tally
from tests.monitors.population import TABLES

STRATA = ("version", "item")


def measured(monitor: object, seed: int = 3, patients: int = 300, **more: float) -> dict[str, Measurement]:
    table = TABLES["probe"](np.random.default_rng(seed), patients, **more)
    tally = Tally.of(monitor, table, STRATA)  # type: ignore[arg-type]
    rows = frame.measure(Desk(monitor, tally, "v1"), [Slice()], items=[""], window=Window())  # type: ignore[arg-type]
    return {row.measure: row for row in rows}


def test_every_share_is_that_of_its_rows() -> None:
    table = TABLES["probe"](np.random.default_rng(3), 300).to_pandas()
    found = measured(GROUNDING) | measured(CONSISTENCY)
    blank = table[(table.probe == "blank") & table.right.notna() & table.probed_right.notna()]
    closed, opened = blank[blank.closed == 1], blank[blank.closed == 0]

    def balanced(column: str) -> float:
        return float(closed.groupby("truth_yes")[column].mean().mean())

    assert found["shown_right"].value == pytest.approx(balanced("right"))
    assert found["blank_right"].value == pytest.approx(balanced("probed_right"))
    assert found["image_gain"].value == pytest.approx(balanced("right") - balanced("probed_right"))
    gain = opened.right.mean() - opened.probed_right.mean()
    assert found["open_image_gain"].value == pytest.approx(gain)
    assert found["no_image_share"].value == pytest.approx(blank.probed_right.sum() / blank.right.sum())
    swapped = table[table.probe == "swapped"]
    opposite = swapped[swapped.opposite == 1]
    assert found["unchanged_opposite"].value == pytest.approx(opposite.same.mean())
    assert found["unchanged_swapped"].value == pytest.approx(swapped.same.mean())
    telling = swapped[((swapped.opposite == 1) | (swapped.closed == 0)) & swapped.probed_right.notna()]
    expected = telling.donor_right.mean() - telling.probed_right.mean()
    assert found["source_following"].value == pytest.approx(expected)
    assert found["side_unchanged_flipped"].value == pytest.approx(table[table.probe == "flipped"].same_side.mean())
    words = table[table.probe == "paraphrase"]
    assert found["paraphrase_agreement"].value == pytest.approx(words.same.mean())
    samples = table[table.probe == "samples"]
    assert found["semantic_entropy"].value == pytest.approx(samples.entropy.mean(), abs=1e-5)
    premises = table[table.probe == "false premise"]
    assert found["false_premise_rejected"].value == pytest.approx(premises.rejected.mean())
    other = table[table.probe == "out_of_scope"]
    assert found["unchanged_out_of_scope"].value == pytest.approx(other.same.mean())
    assert found["abstains_out_of_scope"].value == pytest.approx(other.abstained.mean())
    reordered = table[table.probe == "option order"]
    assert found["same_option_reordered"].value == pytest.approx(reordered.same.mean())
    replaced = table[table.probe == "none of the above"]
    assert found["none_of_the_above_chosen"].value == pytest.approx(replaced.rejected.mean())


def test_the_limits_of_a_gain_are_movers() -> None:
    found = measured(GROUNDING)
    gain, shown, blank = (found[name] for name in ("open_image_gain", "open_shown_right", "open_blank_right"))
    assert gain.interval == Interval.DIFFERENCE.value
    one, other = ((m.value, m.low, m.high) for m in (shown, blank))
    alone, together = intervals.mover(one, other, 0.0), intervals.mover(one, other, 0.9)
    assert alone[0] - 1e-9 <= gain.low <= together[0] + 0.05
    assert gain.low < gain.value < gain.high


def test_the_gain_of_questions_asked_twice_covers_its_truth() -> None:
    """Both answers hang on the patient: MOVER with their correlation covers 93 of 100, above its floor."""
    truth = measured(GROUNDING, seed=0, patients=60_000)["image_gain"].value
    hits = 0
    for seed in range(1, 301):
        one = measured(GROUNDING, seed=seed, patients=400)["image_gain"]
        hits += one.low <= truth <= one.high
    assert hits / 300 >= 0.93


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30))
def test_semantic_entropy(meanings: list[int]) -> None:
    entropy, agreeing = semantic_entropy(meanings)
    counts = np.bincount(meanings)
    p = counts[counts > 0] / len(meanings)
    assert entropy == pytest.approx(-(p * np.log(p)).sum() / math.log(len(meanings)), abs=1e-12)
    assert agreeing == p.max()
    assert (entropy == 0) == (agreeing == 1)


def test_one_answer_has_no_entropy() -> None:
    assert all(math.isnan(value) for value in semantic_entropy(["yes"]))


@pytest.mark.parametrize(("blind", "better"), [(0.1, lambda v: v > 0.3), (1.0, lambda v: abs(v) < 0.1)])
def test_a_blind_model_gains_nothing(blind: float, better: Callable[[float], bool]) -> None:
    assert better(measured(GROUNDING, patients=800, blind=blind)["image_gain"].value)
