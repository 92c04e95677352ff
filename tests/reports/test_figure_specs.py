"""Specifications of figures: valid, offline, the same drawing, nothing withheld, and in no report."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import altair as alt
import pytest
import vl_convert

from reports import confidence, html
from reports.dossier import TrendPoint
from reports.export_json import dumps
from reports.figures.chart import chart_figure
from reports.figures.drift import Measured, history_figure, panel_figure, shares_figure
from reports.figures.flow import flow_figure
from reports.figures.forest import forest_figure
from reports.figures.marks import Mark
from reports.figures.reliability import reliability_figure
from reports.figures.style import Figure
from reports.figures.trend import trend_figure
from tests.reports.samples import row, sample, suppressed

_MARKS = [
    Mark(date(2026, 8, 12), "A", "alert opened"),
    Mark(date(2026, 8, 12), "A", "another <b>"),
    Mark(date(2020, 1, 1), "R", "long ago"),
]
_SECRET = 0.98765


def _trend(marks: list[Mark] | None = None, **changes: Any) -> Figure:
    d = sample()
    points = [replace(p, **changes) for p in d.trend if p.measure == "contradicted_reports"]
    bounds = [("watch", 0.06), ("act", 0.09)]
    figure = trend_figure(points, "share", bounds, d.version_changes, ["2.0", "2.1"], "t", marks or [])
    assert figure is not None
    return figure


def _history() -> Figure:
    points = [Measured(date(2026, month, 28), 0.02 * month, 0.05, month > 2) for month in range(1, 7)]
    return history_figure("Vendor", points, "h")


def _figures() -> dict[str, Figure | None]:
    d = sample()
    groups = [row(slice=f"site={name}", value=0.04 + 0.01 * i) for i, name in enumerate(("North", "South"))]
    pooled = [one for one in d.reliability if not one.item]
    return {
        "trend": _trend(_MARKS),
        "chart": chart_figure(d.charts[0], "c", _MARKS),
        "forest": forest_figure(row(), groups, "f"),
        "reliability": reliability_figure(pooled, "Scores", "r"),
        "selective": confidence.figures(d)[0],
        "panel": panel_figure(d.drift, "p"),
        "shares": shares_figure(d.drift[0], "s"),
        "history": _history(),
        "flow": flow_figure(d.flows[0], "w"),
    }


FIGURES = _figures()


def _spec(figure: Figure | None) -> dict[str, Any]:
    assert figure is not None
    found: dict[str, Any] = json.loads(figure.spec)
    return found


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from _walk(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _walk(inner)


@pytest.mark.parametrize("name", FIGURES)
def test_every_specification_is_valid_and_complete(name: str) -> None:
    spec = _spec(FIGURES[name])
    alt.Chart.from_dict(spec, validate=True)
    compiled = vl_convert.vegalite_to_vega(spec)
    assert all(
        "values" in one or "source" in one for one in compiled["data"] if not one["name"].endswith("_store")
    )
    assert not any("url" in node for node in _walk(spec)), "nothing is fetched"
    assert spec["config"]["font"] == "Source Sans 3"
    assert any("tooltip" in node for node in _walk(spec)), "pointing at it tells the numbers"


@pytest.mark.parametrize("name", ["forest", "reliability", "panel", "shares", "flow"])
def test_what_is_for_screens_changes_no_drawing(name: str) -> None:
    spec = _spec(FIGURES[name])
    with_tooltips = vl_convert.vegalite_to_svg(spec)
    for node in _walk(spec):
        node.pop("tooltip", None)
    renumbered = re.compile(r"(clip|gradient|pattern)_?\d+")
    assert renumbered.sub("", vl_convert.vegalite_to_svg(spec)) == renumbered.sub("", with_tooltips)


@pytest.mark.parametrize("name, plots", [("trend", 1), ("chart", 3), ("history", 1)])
def test_time_can_be_moved_in_every_plot_and_days_are_days_everywhere(name: str, plots: int) -> None:
    spec = _spec(FIGURES[name])
    (zoom,) = spec["params"]
    assert len(zoom["views"]) == plots and "ctrlKey" in zoom["select"]["zoom"]
    named = [node["name"] for node in _walk(spec) if str(node.get("name", "")).startswith("timed")]
    assert sorted(named) == sorted(zoom["views"])
    timed = [
        node["x"]
        for node in _walk(spec)
        if isinstance(node.get("x"), dict) and node["x"].get("type") == "temporal"
    ]
    assert timed and all(x["scale"]["type"] == "utc" for x in timed)


def test_a_suppressed_group_is_in_no_specification() -> None:
    hidden = [
        suppressed(slice="site=Hidden"),
        row(slice="site=Held", value=_SECRET, low=_SECRET, high=_SECRET, suppressed=True),
    ]
    figure = forest_figure(row(), [row(slice="site=North"), *hidden], "f")
    assert figure is not None
    assert "Hidden" not in figure.spec and "Held" not in figure.spec and "9876" not in figure.spec
    assert "site Hidden" in figure.note


def test_a_period_without_a_value_is_in_no_specification() -> None:
    d = sample()
    points = [p for p in d.trend if p.measure == "contradicted_reports"]
    empty = [p for p in points if p.value is None]
    assert empty
    days = {node["period"] for node in _walk(_spec(_trend())) if "period" in node and "value" in node}
    assert not days & {p.period.isoformat() for p in empty}
    few = replace(d.charts[0].weeks[0], n=None, events=None, expected=None, low=None, high=None)
    chart = replace(d.charts[0], weeks=(few, *d.charts[0].weeks[1:]))
    first = next(
        node for node in _walk(_spec(chart_figure(chart, "c"))) if node.get("week") == few.week.isoformat()
    )
    assert (first["rate"], first["said"], first["counted"]) == (None, "–", "–")


def test_marks_are_drawn_once_a_day_and_only_where_asked() -> None:
    assert _trend().svg == _trend([]).svg
    marked = _trend(_MARKS)
    assert marked.svg.count(">A<") == 1 and ">R<" not in marked.svg, "what came before the first week is left out"
    assert "alert opened; another &lt;b&gt;" in marked.svg and "long ago" not in marked.svg
    assert "12 August 2026, A: alert opened" in marked.described


def test_the_history_says_how_often_a_column_had_moved() -> None:
    assert _history().title == "Vendor: beyond chance in 4 of 6 audits"
    assert "28 June 2026: 0.120, by chance up to 0.050" in _history().described


def test_hostile_words_stay_words() -> None:
    hostile = "</script><script>alert(1)</script>'\"]}) \\1 {{ 7*7 }}"
    shares: dict[str, Any] = {"reference_shares": (0.5, 0.5), "window_shares": (0.4, 0.6)}
    column = replace(sample().drift[0], title=hostile, categories=(hostile, "b"), **shares)
    for figure in (
        shares_figure(column, "s"),
        panel_figure([column], "p"),
        history_figure(hostile, [Measured(date(2026, 1, 1), 0.1, 0.1, False)], "h"),
        _trend([Mark(date(2026, 8, 12), "A", hostile)], version=hostile),
    ):
        spec = _spec(figure)
        alt.Chart.from_dict(spec, validate=True)
        compiled = json.dumps(vl_convert.vegalite_to_vega(spec))
        told = [one for one in re.findall(r'"signal": "((?:[^"\\]|\\.)*)"', compiled) if "alert(1)" in one]
        assert told == [], "no word of the data is part of an expression"
        vl_convert.vegalite_to_svg(spec)
    figure = forest_figure(None, [row(slice=f"site={hostile}")], "f")
    assert figure is not None
    assert any(node.get("group") == f"site {hostile}" for node in _walk(_spec(figure))), "as data it is whole"
    alt.Chart.from_dict(_spec(figure), validate=True)
    assert "<script>" not in figure.svg


def test_no_report_holds_a_specification() -> None:
    d = sample()
    assert "vega" not in html.render(d).lower()
    assert "vega" not in dumps(d).lower()


def test_a_point_of_few_patients_keeps_its_place_empty() -> None:
    gone = TrendPoint("m", "Errors", "report", "1", "all", date(2026, 1, 5), None, None, None, 0.0, True)
    assert trend_figure([gone], "share", [], [], ["1"], "t", _MARKS) is None
