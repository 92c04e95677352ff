"""Gaps of all groups at once in an audit: recorded beside every gap that may be shown, and beside nothing else."""

import math

import pytest

from auditor.audit.run import Result
from auditor.audit.trending import asked_measures
from monitors import intervals
from tests.auditor.audit.test_disparities import uneven
from tests.auditor.small_hospital import LATER, Site

__all__ = ["uneven"]


def test_every_gap_with_an_interval_has_them_and_nothing_else_does(site: Site, first: Result) -> None:
    rows = site.dossier(first.audit).rows
    assert not [row for row in rows if row.versus and (row.contrast != "rest" or row.suppressed)]
    asked = asked_measures(site.settings, "classification")
    gaps = [
        row
        for row in rows
        if row.contrast == "rest" and not row.suppressed and row.low is not None
        if not row.item or row.measure in asked
    ]
    assert {bool(row.item) for row in gaps} == {True, False}
    assert gaps and not [(row.measure, row.slice, row.item) for row in gaps if not row.versus]


def test_at_once_is_never_narrower_and_verdicts_keep_their_own(uneven: Site) -> None:
    rows = uneven.dossier(uneven.audit(LATER).audit).rows
    women = next(
        row
        for row in rows
        if (row.measure, row.slice, row.contrast, row.version) == ("contradicted_reports", "sex=F", "rest", "3")
    )
    beside = women.versus
    assert beside is not None and women.value is not None and women.low is not None and women.high is not None
    # two sexes and two sites; few men have an error, so their number widens it and not their correlation
    assert beside.groups == 4 and not beside.max_t
    assert beside.joint_low < beside.alone_low < women.value < beside.alone_high < beside.joint_high
    assert (beside.joint_low, beside.joint_high) == pytest.approx((women.low, women.high), abs=0.005)
    shares = {
        row.slice: row.value
        for row in rows
        if (row.measure, row.contrast, row.version) == (women.measure, "", "3")
    }
    women_share, men_share = shares["sex=F"], shares["sex=M"]
    assert beside.ratio is not None and beside.ratio_low is not None and beside.ratio_high is not None
    assert women_share is not None and men_share is not None
    assert beside.ratio == pytest.approx(women_share / men_share)
    assert 1 < beside.ratio_low < beside.ratio < beside.ratio_high < math.inf
    # the verdict's interval is that of 5 % over all four groups
    width = (women.high - women.low) / (beside.alone_high - beside.alone_low)
    assert width == pytest.approx(intervals.z_of(0.05 / 4) / intervals.z_of(0.05), rel=0.05)
