"""Figures: deterministic, without colour alone, and drawing only what may be drawn."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date

import pytest

from reports.dossier import DriftColumn, Flow, ReliabilityBin, TrendPoint
from reports.figures.chart import chart_figure
from reports.figures.drift import by_excess, panel_figure, shares_figure
from reports.figures.flow import flow_figure
from reports.figures.forest import forest_figure
from reports.figures.reliability import reliability_figure
from reports.figures.style import Figure
from reports.figures.trend import trend_figure
from tests.reports.samples import row, sample, suppressed

_SVG = "{http://www.w3.org/2000/svg}"


def _texts(figure: Figure) -> list[str]:
    return [element.text or "" for element in ET.fromstring(figure.svg).iter(f"{_SVG}text")]


def _bins(shift: float) -> list[ReliabilityBin]:
    return [
        ReliabilityBin(
            "classification",
            "1",
            "",
            k / 5,
            (k + 1) / 5,
            100.0,
            k / 5 + 0.1,
            k / 5 + 0.1 + shift,
            k / 5 + 0.07 + shift,
            k / 5 + 0.13 + shift,
        )
        for k in range(5)
    ]


def _point(week: int, value: float | None, version: str = "1", mature: bool = True) -> TrendPoint:
    near = None if value is None else (value - 0.01, value + 0.01)
    return TrendPoint(
        "m",
        "Errors",
        "report",
        version,
        "all",
        date(2026, 1, 5 + 7 * week),
        value,
        near and near[0],
        near and near[1],
        90.0,
        mature,
    )


def _trend(points: list[TrendPoint], bounds: list[tuple[str, float]] | None = None) -> Figure:
    figure = trend_figure(points, "share", bounds or [], [(date(2026, 1, 12), "2")], ["1", "2"], "t")
    assert figure is not None
    return figure


@pytest.mark.parametrize(
    "shift, seen",
    [
        (0.0, "holds the diagonal"),
        (-0.05, "says more than comes true in 5 of 5"),
        (0.05, "says less than comes true in 5 of 5"),
    ],
)
def test_reliability_title_says_what_is_seen(shift: float, seen: str) -> None:
    assert seen in reliability_figure(_bins(shift), "Scores", "r").title


def test_reliability_counts_are_bars_from_zero() -> None:
    figure = reliability_figure(_bins(0.0), "Scores", "r")
    bars = re.findall(r'd="M[\d.]+,([\d.]+)h[\d.]+v([\d.]+)h[-\d.]+Z" fill="#d5dbe2"', figure.svg)
    assert sum(abs(float(y) + float(height) - 45.0) < 1e-6 and float(height) > 10 for y, height in bars) == 5


def test_svg_scales_is_labelled_and_is_the_same_each_time() -> None:
    first, second = (reliability_figure(_bins(0.0), "A & <b>", "r").svg for _ in range(2))
    assert first == second
    root = ET.fromstring(first)
    assert "width" not in root.attrib and root.attrib["role"] == "img" and "viewBox" in root.attrib
    title, description = root.find(f"{_SVG}title"), root.find(f"{_SVG}desc")
    assert title is not None and description is not None and (title.text or "").startswith("A & <b>")
    assert "stated 10.0 %, observed 10.0 % of 100" in (description.text or "")
    assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {description.attrib['id']}"


def test_forest_draws_groups_and_only_names_suppressed_ones() -> None:
    groups = [
        row(value=0.2, slice="site=East", status="watch"),
        row(slice="site=West"),
        suppressed(slice="site=North"),
        row(value=None, low=None, high=None, slice="site=South"),
    ]
    figure = forest_figure(row(), groups, "f")
    assert figure is not None
    assert {"site East", "site West"} <= set(_texts(figure)) and "North" not in figure.svg
    assert "Suppressed" in figure.note and "site North" in figure.note and "Not defined: site South" in figure.note
    assert figure.title.endswith("site East differs from the whole") and "Diamond" in figure.note
    assert forest_figure(row(), [suppressed(slice="sex=F")], "f") is None


def test_trend_marks_open_periods_versions_and_bounds() -> None:
    points = [_point(0, 0.05), _point(1, 0.06, "2"), _point(2, 0.07, "2", mature=False)]
    figure = _trend(points, [("watch", 0.04), ("act", 0.09)])
    assert {"watch", "act", "2"} <= set(_texts(figure))
    assert figure.svg.count('fill="white"') == 1, "one open marker"
    assert figure.title == "Errors: 6.0 % [5.0–7.0] in the period from 12 Jan", "no earlier period of this version"
    circles, squares = (re.findall(shape, figure.svg) for shape in (r"A3\.\d+", r"h6\.\d+v6"))
    assert circles and squares, "versions differ by shape"


def test_trend_never_joins_versions_and_leaves_out_undefined() -> None:
    points = [_point(0, 0.05), _point(1, None), _point(2, 0.06, "2"), _point(3, 0.06, "2")]
    figure = _trend(points)
    lines = re.findall(r'<path d="(M[^"]*)" stroke="#0b5c8f" stroke-width="1.5"/>', figure.svg)
    assert sorted(line.count("L") for line in lines) in ([0, 1], [1])
    assert trend_figure([_point(0, None)], "share", [], [], ["1"], "t") is None


def test_trend_whisker_of_a_tiny_week_does_not_flatten_the_rest() -> None:
    wide = TrendPoint("m", "Errors", "report", "1", "all", date(2026, 2, 2), 0.05, 0.0, 1.0, 3.0, True)
    labels = [
        float(text)
        for text in _texts(_trend([_point(0, 0.05), _point(1, 0.06), wide]))
        if re.fullmatch(r"\d+(\.\d+)?", text)
    ]
    assert max(labels) < 20


def test_drift_orders_by_excess_and_says_moved_in_words() -> None:
    columns = sample().drift
    assert [c.column for c in by_excess(columns)][:2] == ["vendor", "length"]
    figure = panel_figure(columns, "d")
    assert figure.title == "2 of 5 columns moved: Vendor, Words in the draft"
    assert _texts(figure).count("moved") == 2 and _texts(figure).count("not moved") == 3


def test_shares_say_the_largest_shift_and_what_is_left_out() -> None:
    names = tuple(f"c{i:02d}" for i in range(15))
    column = DriftColumn("c", "Vendor", 0.2, 0.1, True, "m", names, (0.5, *[0.5 / 14] * 14), (0.3, *[0.05] * 14))
    figure = shares_figure(column, "s")
    assert figure is not None
    assert (
        figure.title == "Vendor: c00 went from 50.0 % to 30.0 %"
        and "3 smaller categories not drawn" in figure.note
    )
    assert shares_figure(DriftColumn("c", "C", 0.0, 0.1, False, "m", (), (), ()), "s") is None


def test_flow_of_nothing_has_no_shares() -> None:
    assert "0  (–)" in flow_figure(Flow("report", "1", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0), "f").svg.replace(
        "\u00a0", " "
    )


def test_a_chart_says_when_it_alarmed_and_since_when() -> None:
    (chart,) = sample().charts
    figure = chart_figure(chart, "c")
    assert figure.title.endswith("alarm once, last in the week of 7 Sep, since about 17 Aug")
    assert "Dashed: the bound, 5.7 %" in figure.note
    quiet = replace(chart, weeks=chart.weeks[:3], lower_is_worse=True)
    figure = chart_figure(quiet, "c")
    assert figure.title.endswith("no rise seen")
    assert figure.note.endswith("Bad outcomes are those the measure does not count.")


def test_a_week_of_few_patients_shows_no_count() -> None:
    (chart,) = sample().charts
    first = chart.weeks[0]
    assert first.n is None
    assert "None" not in chart_figure(chart, "c").svg
