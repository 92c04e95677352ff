"""What the unjudged do to a verdict: bounds against every way they could be, and each rule by itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.catalogue import CATALOGUE, measure_named
from monitors.measurement import Measurement
from monitors.threshold import Bound, Status, Verdict, decide
from monitors.unjudged import Counted, of_every_output, weigh, worst_case
from tests.auditor.audit.test_verdict_rules import a_row

RATE = measure_named("contradicted_reports")
ASKED = Bound(watch=0.05, act=0.1)
WHOLE = ("report", "1", "all")


def ruled(one: Measurement, shares: dict[tuple[str, str, str], float], bound: Bound = ASKED) -> Verdict:
    measure = measure_named(one.measure)
    accounted = {key: Counted(1000, round(1000 * share)) for key, share in shares.items()}
    return weigh(decide(one, measure, bound), one, measure, bound, accounted)


@given(st.integers(1, 40), st.integers(0, 40), st.data())
def test_no_outcome_of_the_unjudged_lies_outside(judged: int, others: int, data: st.DataObject) -> None:
    events, of_others = data.draw(st.integers(0, judged)), data.draw(st.integers(0, others))
    everyone = judged + others
    low, high = worst_case(events / judged, events / judged, judged / everyone)
    assert low - 1e-9 <= (events + of_others) / everyone <= high + 1e-9
    assert low == pytest.approx(events / everyone) and high == pytest.approx((events + others) / everyone)


@pytest.mark.parametrize("value", [0.02, 0.07, 0.2])
def test_nine_in_ten_are_enough(value: float) -> None:
    one = a_row("contradicted_reports", value)
    assert ruled(one, {WHOLE: 0.9}) == ruled(one, {}) == decide(one, RATE, ASKED)


def test_fewer_leave_only_what_stands_whatever_they_are() -> None:
    quiet, grave = a_row("contradicted_reports", 0.02), a_row("contradicted_reports", 0.2)
    said = ruled(quiet, {WHOLE: 0.8})
    assert said.status is Status.INSUFFICIENT
    assert said.reason == (
        "Only 80 % of the outputs could be judged; over all of them it may lie anywhere from 0.8 to 22.4 %."
    )
    said = ruled(grave, {WHOLE: 0.8})  # 15.2 % of all if the others were right
    assert said.status is Status.ACT and said.reason.endswith("but whatever the others are, that stands.")
    assert ruled(grave, {WHOLE: 0.5}).status is Status.INSUFFICIENT  # 9.5 %
    assert ruled(quiet, {WHOLE: 0.89}, Bound(watch=0.2, act=0.3)).status is Status.OK  # 13.7 % at most


def test_what_is_no_share_of_all_outputs_cannot_be_bounded() -> None:
    claims = replace(a_row("contradicted_claims", 0.2), n=5000.0)
    assert not of_every_output(measure_named("contradicted_claims"))
    assert ruled(claims, {WHOLE: 0.8}).status is Status.INSUFFICIENT
    area = a_row("auroc", 0.9, monitor="performance", task="classification")
    found = ruled(area, {("classification", "1", "all"): 0.85}, Bound(watch=0.7, act=0.6))
    assert found.status is Status.INSUFFICIENT and "settle it" in found.reason


def test_what_needs_no_reference_is_left_alone() -> None:
    failed = a_row("error_outputs", 0.02)
    assert ruled(failed, {WHOLE: 0.1}) == decide(failed, measure_named("error_outputs"), ASKED)


def test_a_group_is_compared_where_as_much_of_the_others_was_judged() -> None:
    gap = a_row("contradicted_reports", 0.02, slice="site=a", contrast="rest", interval="MOVER")
    asked, measure = Bound(watch=0.05), measure_named("contradicted_reports")

    def said(mine: Counted, whole: Counted) -> Verdict:
        accounted = {WHOLE: whole, ("report", "1", "site=a"): mine, ("vqa", "1", "site=a"): Counted(10, 1)}
        return weigh(decide(gap, measure, asked), gap, measure, asked, accounted)

    assert said(Counted(100, 99), Counted(1100, 1099 - 50)).status is Status.OK  # 95 % of the others
    apart = said(Counted(100, 99), Counted(1100, 1099 - 70))
    assert apart.status is Status.INSUFFICIENT
    assert apart.reason.startswith("99 % of the outputs of this group were judged, 93 % of the others: ")
    assert said(Counted(100, 91), Counted(1100, 1091)).status is Status.INSUFFICIENT  # 91 and 100 %
    assert said(Counted(1100, 1000), Counted(1100, 1000)).status is Status.OK  # there are no others


def test_every_measure_is_told_apart() -> None:
    """A measure is a share of all outputs only if its denominator counts each judged output once."""
    names = {one.name for monitor in CATALOGUE for one in monitor.measures if of_every_output(one)}
    assert {"contradicted_reports", "severity_reports", "accuracy", "recall_at_5"} <= names
    assert not names & {
        "contradicted_claims",
        "sensitivity",
        "auroc",
        "unparseable_outputs",
        "drift_distance",
        "mrr",
    }


def test_the_bias_that_it_guards_against() -> None:
    """One in ten unlinked, and all of those wrong: 5 % of the judged are 14.5 % of all."""
    rng = np.random.default_rng(0)
    wrong = rng.uniform(size=20_000) < 0.05
    linked = rng.uniform(size=20_000) < 0.9
    wrong[~linked] = True
    low, high = worst_case(wrong[linked].mean(), wrong[linked].mean(), linked.mean())
    assert low < wrong.mean() <= high + 1e-9
    assert wrong[linked].mean() == pytest.approx(0.05, abs=0.006)
