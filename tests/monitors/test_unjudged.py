"""What the unjudged do to a verdict: bounds against every way they could be, and each rule by itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.catalogue import CATALOGUE, measure_named
from monitors.measurement import Measurement
from monitors.threshold import UNNAMED, Bound, Status, Verdict, decide
from monitors.unjudged import Counted, comparable, of_every_output, weigh, worst_case
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
        "Only 80 % of the outputs could be judged; over all of them it may lie anywhere from 0.8 to 22.4 %, "
        f"so {UNNAMED}."
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
    assert found.status is Status.INSUFFICIENT and f"settle it; {UNNAMED}." in found.reason


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
    assert apart.reason.endswith(f"cannot be compared; {UNNAMED}.")
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


def test_each_kind_of_question_is_weighed_by_itself() -> None:
    """Nine hundred yes/no questions judged, half of a hundred open ones not."""
    whole = ("vqa", "1", "all")
    of = {"answered": 950.0, "closed_answered": 900.0, "open_answered": 50.0}
    accounted = {whole: Counted(1000, 950, of)}

    def said(name: str, value: float, bound: Bound) -> Verdict:
        measure = measure_named(name)
        one = a_row(name, value, task="vqa", monitor="vqa_performance")
        return weigh(decide(one, measure, bound), one, measure, bound, accounted)

    asked = Bound(watch=0.85)
    unknown = said("accuracy_open", 0.95, asked)
    assert unknown.status is Status.INSUFFICIENT
    assert unknown.reason == (
        "Only 50 % of the outputs that may belong here could be judged; "
        f"over all of them it may lie anywhere from 47.0 to 98.0 %, so {UNNAMED}."
    )
    assert said("accuracy_open", 0.95, Bound(watch=0.4)).status is Status.OK  # 47 % at the least
    assert said("accuracy", 0.95, asked).status is Status.OK
    assert said("accuracy_closed", 0.95, asked).status is Status.OK  # 900 of 950 at the least
    assert said("yes_sensitivity", 0.95, asked).status is Status.OK  # of yes/no questions asked: not known here


def test_the_declined_do_not_stand_in_for_the_unjudged() -> None:
    """Eight in ten questions are declined: those unjudged may be most of what was answered."""
    counted = Counted(1000, 910, {"answered": 110.0})
    assert counted.within(measure_named("accuracy")).share == pytest.approx(110 / 200)
    assert counted.within(measure_named("contradicted_reports")) == counted
    assert Counted(10, 10, {"answered": 0.0}).within(measure_named("accuracy")).share == 1  # nothing to hold


def test_what_reviews_corrected_speaks_of_what_was_judged() -> None:
    """Awaiting reports are in no sample of reviews: four in ten say nothing of the other six."""
    rate = a_row("corrected_fabrication", 0.02, monitor="reviews")
    assert ruled(rate, {WHOLE: 0.95}).status is Status.OK
    assert ruled(rate, {WHOLE: 0.4}).status is Status.INSUFFICIENT
    grave = a_row("corrected_fabrication", 0.5, monitor="reviews")
    assert ruled(grave, {WHOLE: 0.4}).status is Status.ACT  # 19.6 % at the least


def test_a_change_needs_as_much_of_the_reference_window() -> None:
    change = a_row("contradicted_reports", 0.01, contrast="reference", interval="MOVER")
    measure, asked = measure_named("contradicted_reports"), Bound(watch=0.05)

    def said(now: float, then: float) -> Verdict:
        sides = [{WHOLE: Counted(1000, round(1000 * share))} for share in (now, then)]
        return weigh(decide(change, measure, asked), change, measure, asked, *sides)

    assert said(0.99, 0.95).status is said(0.92, 0.97).status is Status.OK
    apart = said(0.99, 0.92)
    assert apart.status is Status.INSUFFICIENT
    assert apart.reason == (
        "99 % of the outputs of this window were judged, 92 % of those of the reference window: "
        f"so different parts cannot be compared; {UNNAMED}."
    )
    assert said(0.91, 0.88).reason.startswith("Only 88 % of the outputs could be judged")
    alone = weigh(decide(change, measure, asked), change, measure, asked, {WHOLE: Counted(1000, 990)})
    assert alone.status is Status.OK  # an older audit recorded nothing of the window before


def test_gaps_of_the_watch_list_go_by_the_same_rule() -> None:
    rate, flagged = measure_named("contradicted_reports"), measure_named("error_outputs")
    whole = Counted(1100, 1050)
    assert comparable(rate, {"all": whole, "site=a": Counted(100, 97)}, "site=a")
    assert not comparable(rate, {"all": whole, "site=a": Counted(100, 85)}, "site=a")
    assert not comparable(rate, {"all": Counted(1100, 970), "site=a": Counted(100, 85)}, "site=a")  # both too few
    assert comparable(flagged, {"all": whole, "site=a": Counted(100, 10)}, "site=a")
    opened = {
        "all": Counted(1100, 1050, {"open_answered": 200.0}),
        "sex=F": Counted(500, 490, {"open_answered": 20.0}),
    }
    assert comparable(measure_named("accuracy"), opened, "sex=F")
    assert not comparable(measure_named("accuracy_open"), opened, "sex=F")
