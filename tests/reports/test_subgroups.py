"""Gaps as they are printed: by themselves, all groups at once, and as a ratio."""

from typing import Any

import pytest

from reports.document import Table
from reports.dossier import Row, VersusRest
from reports.sections.subgroups import subgroups_section
from tests.reports.samples import bare, row

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
    assert said == ["+3.0 points [+1.1 to +4.9]", "all groups at once [+0.2 to +5.8]"]
    assert ratio == ["1.60 [1.24–2.05]"]


def test_what_is_no_rate_has_no_ratio() -> None:
    no_rate = VersusRest(2, False, 0.011, 0.049, 0.002, 0.058, None, None, None)
    assert line(gap(no_rate))[3] == ["–"]


@pytest.mark.parametrize(("value", "said"), [(0.03, "+3.0 points [+0.1 to +5.9]"), (None, "– (no case)")])
def test_older_audits_have_the_interval_of_the_verdict_alone(value: float | None, said: str) -> None:
    assert line(gap(None, value=value, note="no case"))[2:4] == [[said], ["–"]]
