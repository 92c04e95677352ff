"""Gaps as they are printed: by themselves, all groups at once, and as a ratio."""

import inspect
from dataclasses import replace
from typing import Any

import pytest

from monitors import fairness_confounders
from reports.document import Table
from reports.dossier import Confounder, Row, VersusRest
from reports.sections.disparities import worst_groups
from reports.sections.subgroups import subgroups_section
from tests.reports.samples import bare, row, sample

BESIDE = VersusRest(12, True, 0.011, 0.049, 0.002, 0.058, 1.6, 1.24, 2.05)


def gap(versus: VersusRest | None, **changes: Any) -> Row:
    about = {"value": 0.03, "low": 0.001, "high": 0.059, "slice": "sex=F", "contrast": "rest"}
    return row(**{**about, "versus": versus, **changes})


def line(one: Row) -> list[list[str]]:
    """The texts of each cell of the only gap."""
    section = subgroups_section(bare(rows=(one,), current_version="2.1"))
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    ((*cells,),) = table.rows
    return [[getattr(run, "text", "") for run in one] for one in cells]


def test_a_gap_stands_by_itself_and_with_all_others_and_as_a_ratio() -> None:
    _, _, said, ratio, *_ = line(gap(BESIDE))
    assert [one.replace("\u00a0", " ") for one in said] == [
        "+3.0 points [+1.1 to +4.9]",
        "all groups at once [+0.2 to +5.8]",
    ]
    assert ratio == ["1.60 [1.24–2.05]"]


def test_what_is_no_rate_has_no_ratio() -> None:
    no_rate = VersusRest(2, False, 0.011, 0.049, 0.002, 0.058, None, None, None)
    assert line(gap(no_rate))[3] == ["–"]


def test_the_interval_that_a_verdict_rests_on_stands_beneath() -> None:
    _, _, said, *_ = line(gap(BESIDE, status="watch", watch=0.02))
    assert said[2].replace("\u00a0", " ") == "of the verdict [+0.1 to +5.9]"


WIDER = "wider than a 95 % interval, since several groups are compared"


@pytest.mark.parametrize(
    ("value", "said"), [(0.03, ["+3.0 points [+0.1 to +5.9]", WIDER]), (None, ["– (no case)"])]
)
def test_older_audits_have_the_interval_of_the_verdict_alone(value: float | None, said: list[str]) -> None:
    assert line(gap(None, value=value, note="no case"))[2:4] == [said, ["–"]]


def test_beneath_the_table_stands_how_its_intervals_are_made() -> None:
    section = subgroups_section(bare(rows=(gap(BESIDE), gap(BESIDE, slice="sex=M")), current_version="2.1"))
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert table.foot == f"How the intervals are made: {gap(BESIDE).interval}."


def held(note: str) -> str:
    """What is said of a gap that could not be looked at with an attribute alike on both sides."""
    other = Confounder("vendor", None, None, 0.081, None, None, None, note)
    (found,) = sample().worst_groups
    lines, _ = worst_groups(bare(worst_groups=(replace(found, held_equal=(other,)),)))
    return lines[0].held


def test_what_was_refused_is_not_said_to_hardly_meet() -> None:
    met = "vendor: the two sides hardly meet (a side was seen in 12 % of the mix only)"
    assert held("a side was seen in 12 % of the mix only") == met
    refused = "The case mix has 31 strata; at most 24 can be held: name fewer columns."
    assert held(refused) == "vendor: not computed (the case mix has 31 strata; at most 24 can be held)"
    assert held("") == "vendor: not computed (no interval can be given)"
    assert "a side was seen in" in inspect.getsource(fairness_confounders), "by which the two are told apart"
