"""The chart of a stop question: what was seen week by week, and how strongly it speaks for a rise."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports.dossier import Chart
from reports.figures.marks import Mark, described, mark_layers, within
from reports.figures.style import BAND, INK, MAIN, MUTED, WARM, WIDTH, Figure, figure_of, records
from reports.numbers import NONE, day, integer, item_name, number, short
from reports.text import WORDS

if TYPE_CHECKING:
    import altair as alt

_RATES, _STATISTIC, _CUSUM = 130, 90, 50
_LOWEST = 0.01  # below, a statistic says nothing and would only stretch the axis


def chart_figure(chart: Chart, name: str, marks: Sequence[Mark] = ()) -> Figure:
    """Weekly rates with what the chart is held to, above the statistic with its threshold (log scale).

    A band holds the rate since the chart began, at all weeks at once. A diamond is an alarm; the dashed line
    before it is the week in which the change most likely began. `marks` are what happened meanwhile.
    """
    import altair as alt

    axis = alt.Axis(format="%-d %b", tickCount=6, labelOverlap=True, grid=False)
    x = alt.X("week:T", title=None, scale=alt.Scale(type="utc"), axis=axis)
    shown = within(marks, chart.weeks[0].week)
    rows = _weeks(chart)
    rates = alt.layer(*_rates(rows, x), *_changes(chart), *mark_layers(shown, _RATES))
    climb = alt.layer(*_statistic(rows, x, chart.threshold), *_changes(chart))
    sizes = [(rates, _RATES), (climb, _STATISTIC)]
    if chart.cusum_limit is not None:
        sizes.append((alt.layer(*_cusum(rows, x, chart.cusum_limit)), _CUSUM))
    both = alt.vconcat(*(part.properties(width=WIDTH - 60, height=height) for part, height in sizes), spacing=6)
    title = f"{_label(chart)}: {_seen(chart)}"
    description = _description(chart) + described(shown)
    return figure_of(both, name, title, description, _note(chart), zoom=True)


def _weeks(chart: Chart) -> list[dict[str, Any]]:
    return [
        {
            "week": one.week.isoformat(),
            "rate": one.events / one.n if one.n and one.events is not None else None,
            "expected": one.expected / one.n if one.n and one.expected is not None else None,
            "low": one.low,
            "high": one.high,
            "statistic": max(one.statistic, _LOWEST),
            "alarm": "yes" if one.alarm else "no",
            "of": day(one.week),
            "said": number(one.events / one.n, "share") if one.n and one.events is not None else NONE,
            "counted": NONE if one.n is None else f"{integer(one.events or 0)} of {integer(one.n)}",
            "strength": f"{one.statistic:.3g}",
            "cusum": one.cusum,
            "over": "yes" if one.cusum_alarm else "no",
        }
        for one in chart.weeks
    ]


def _rates(rows: list[dict[str, Any]], x: "alt.X") -> "list[alt.Chart]":
    import altair as alt

    data = alt.Chart(records(rows))
    seen = [row[key] for row in rows for key in ("rate", "expected", "high") if row[key] is not None]
    scale = alt.Scale(domain=[0, min(1.0, 1.05 * max(seen, default=1.0))], nice=True)
    axis = alt.Axis(format="~%", tickCount=4)
    band = data.mark_area(color=BAND).encode(x=x, y=alt.Y("low:Q", scale=scale, axis=axis, title=""), y2="high:Q")
    bound = data.mark_line(color=MUTED, strokeDash=[4, 3], interpolate="step")
    line, dots = data.mark_line(color=MAIN, strokeWidth=1), data.mark_point(filled=True, color=MAIN, size=28)
    return [
        band,
        bound.encode(x=x, y=alt.Y("expected:Q", scale=scale)),
        line.encode(x=x, y=alt.Y("rate:Q", scale=scale)),
        dots.encode(
            x=x,
            y=alt.Y("rate:Q", scale=scale, title=WORDS["fig_bad"]),
            opacity=alt.value(1),
            tooltip=_pointed(),
        ),
    ]


def _statistic(rows: list[dict[str, Any]], x: "alt.X", threshold: float) -> "list[alt.Chart]":
    import altair as alt

    data = alt.Chart(records(rows))
    top = 2 * max([threshold, *(row["statistic"] for row in rows)])
    scale = alt.Scale(type="log", domain=[_LOWEST, top], nice=False, clamp=True)
    axis = alt.Axis(values=[0.01, 0.1, 1, 10, 100, 1000], format="~g", grid=False)
    names = ["no", "yes"]
    shape = alt.Shape("alarm:N", scale=alt.Scale(domain=names, range=["circle", "diamond"]), legend=None)
    color = alt.Color("alarm:N", scale=alt.Scale(domain=names, range=[INK, WARM]), legend=None)
    limit = alt.Chart(records([{"at": threshold}])).mark_rule(color=WARM, strokeDash=[4, 3])
    return [
        limit.encode(y=alt.Y("at:Q", scale=scale, axis=axis)),
        data.mark_line(color=INK, strokeWidth=1.5).encode(x=x, y=alt.Y("statistic:Q", scale=scale, title="Chart")),
        data.mark_point(filled=True, size=50).encode(
            x=x,
            y=alt.Y("statistic:Q", scale=scale),
            shape=shape,
            color=color,
            opacity=alt.value(1),
            tooltip=_pointed(),
        ),
    ]


def _cusum(rows: list[dict[str, Any]], x: "alt.X", limit: float) -> "list[alt.Chart]":
    """The familiar comparison, quiet in colour: nothing rests on it. Open diamonds: it would have alarmed."""
    import altair as alt

    data = alt.Chart(records(rows))
    top = 1.1 * max([limit, *(row["cusum"] for row in rows if row["cusum"] is not None)])
    scale, axis = alt.Scale(domain=[0, top], nice=False), alt.Axis(tickCount=2, grid=False)
    y = alt.Y("cusum:Q", scale=scale, title="CUSUM", axis=axis)
    bound = alt.Chart(records([{"at": limit}])).mark_rule(color=MUTED, strokeDash=[4, 3])
    over = data.transform_filter("datum.over === 'yes'").mark_point(color=MUTED, shape="diamond", size=45)
    return [
        bound.encode(y=alt.Y("at:Q", scale=scale)),
        data.mark_line(color=MUTED, strokeWidth=1).encode(x=x, y=y),
        over.encode(x=x, y=y),
    ]


def _pointed() -> "list[alt.Tooltip]":
    import altair as alt

    titles = {"of": "Week of", "said": "Rate", "counted": "Counted", "strength": "Chart", "alarm": "Alarm"}
    return [alt.Tooltip(f"{name}:N", title=title) for name, title in titles.items()]


def _changes(chart: Chart) -> "list[alt.Chart]":
    import altair as alt

    weeks = [{"changed": one.changed.isoformat()} for one in chart.weeks if one.changed]
    if not weeks:
        return []
    line = alt.Chart(records(weeks)).mark_rule(color=WARM, strokeDash=[2, 3])
    return [line.encode(x=alt.X("changed:T", title=None, scale=alt.Scale(type="utc")))]


def _label(chart: Chart) -> str:
    what = f", {item_name(chart.item)}" if chart.item else ""
    return WORDS["fig_chart_of"].format(what=f"{chart.title}{what}", version=chart.version)


def _seen(chart: Chart) -> str:
    alarms = [one for one in chart.weeks if one.alarm]
    if not alarms:
        return WORDS["fig_no_rise"]
    last = alarms[-1]
    since = WORDS["fig_since"].format(day=short(last.changed)) if last.changed else ""
    return WORDS["fig_alarm"].format(times=_times(len(alarms)), day=short(last.week), since=since)


def _times(count: int) -> str:
    return WORDS["fig_once"] if count == 1 else WORDS["fig_times"].format(count=count)


def _description(chart: Chart) -> str:
    return "; ".join(
        WORDS["fig_week"].format(day=short(one.week), events=one.events, n=one.n, statistic=f"{one.statistic:.2g}")
        for one in chart.weeks
        if one.n is not None
    )


def _note(chart: Chart) -> str:
    note = WORDS["fig_chart_note"].format(bound=number(chart.bound, "share"))
    if chart.cusum_limit is not None:
        note = f"{note} {WORDS['fig_cusum'].format(said=_cusum_said(chart))}"
    return f"{note} {WORDS['fig_chart_bad']}" if chart.lower_is_worse else note


def _cusum_said(chart: Chart) -> str:
    over = [one for one in chart.weeks if one.cusum_alarm]
    if not over:
        return WORDS["fig_cusum_none"]
    return WORDS["fig_cusum_alarm"].format(times=_times(len(over)), day=short(over[0].week))
