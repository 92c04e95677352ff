"""The table beside a standardised trend, and the sentence beneath one that is not."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from reports.document import Folded, Table
from reports.figures.trend import trend_figure
from reports.sections.case_mix import mix_blocks
from reports.sections.over_time import trend, trends
from tests.reports.samples import bare, row, sample

_POINTS = sample().trend


def _said(block: Any) -> str:
    return " ".join(run.text for run in block.content)


def _table(block: Any) -> list[list[str]]:
    assert isinstance(block, Folded)
    (table,) = block.blocks
    assert isinstance(table, Table)
    return [[" | ".join(getattr(run, "text", "") for run in cell) for cell in line] for line in table.rows]


def test_every_period_has_crude_standardised_their_difference_and_what_was_seen() -> None:
    crude, _, folded = mix_blocks(sample())
    assert "Not standardised for case mix" in _said(crude) and "no ratio of two sums" in _said(crude)
    assert isinstance(folded, Folded) and "contradicted" in folded.title
    lines = _table(folded)
    assert len(lines) == 12
    first, short, gone = lines[0], lines[8], lines[3]
    assert first[1].startswith("3.7 %") and first[2].startswith("3.3 %") and first[3:] == [
        "+0.4 points", "100.0 %", "15.0 %",
    ]  # fmt: skip
    assert short[2:] == ["insufficient: 72 % of the case mix was seen", "–", "72.0 %", "0.0 %"]
    assert gone[1:] == ["–"] * 5  # fewer than eleven patients
    assert lines[5][5] == "fewer than 11"
    assert "version 2.1" in lines[6][0] and "may still change" in lines[11][0]


def test_without_a_case_mix_there_is_no_table() -> None:
    plain = [replace(p, covered=None, standardised=None, not_standardised="") for p in _POINTS]
    assert list(mix_blocks(bare(trend=tuple(plain)))) == []


def test_the_figure_says_of_the_last_period_that_too_little_was_seen() -> None:
    points = [p for p in _POINTS if p.measure == "contradicted_reports"][:9]
    figure = trend_figure(points, "share", [], [], ["2.0", "2.1"], "t")
    assert figure is not None
    assert figure.note.endswith("Period from 31 Aug: insufficient: 72 % of the case mix was seen.")
    whole = trend_figure(points[:8], "share", [], [], ["2.0", "2.1"], "t")
    assert whole is not None and "difference (crude minus standardised) +0.4 points" in whole.note


def test_the_standardised_line_stops_where_a_period_has_none() -> None:
    start = date(2026, 1, 5)
    points = [
        replace(_POINTS[0], period=start + timedelta(weeks=i), standardised=None if i == 2 else 0.2, covered=0.8)
        for i in range(5)
    ]
    figure = trend_figure(points, "share", [], [], ["2.0"], "t")
    assert figure is not None
    dashed = [part for part in figure.svg.split("<path ") if 'stroke-dasharray="4,3"' in part]
    assert len(dashed) == 1 and dashed[0].count("M") == 2  # a line of two pieces


def test_a_finding_has_a_figure_of_its_own_with_its_name_and_bounds() -> None:
    points = [p for p in _POINTS if p.measure == "contradicted_reports"]
    named = [replace(p, item="Edema") for p in points]
    bounds = (
        row(measure="contradicted_reports", item="Edema", contrast="", slice="all", task="report", watch=0.03),
    )
    dossier = bare(trend=(*points, *named), rows=bounds)
    whole, edema = trends(dossier)
    assert "Edema" in edema.title and "Edema" not in whole.title
    assert "watch" in edema.svg and "watch" not in whole.svg
    assert sum(isinstance(block, Folded) for block in trend(dossier)) == 2
