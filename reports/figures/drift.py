"""Drift: distances beside what chance alone would give, and the shares behind the largest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from reports.dossier import DriftColumn
from reports.figures.style import BAND, INK, MAIN, MUTED, WARM, WIDTH, Figure, figure_of, records
from reports.numbers import day, number
from reports.text import WORDS

_PLOT = 172
_HISTORY = 150
_MOST_CATEGORIES = 12
_MOST_COLUMNS = 15  # further ones are in the table


def by_excess(columns: Sequence[DriftColumn]) -> list[DriftColumn]:
    """The columns that moved first, then by how many times the chance band they lie out."""
    return sorted(columns, key=lambda c: (not c.drifted, -c.distance / max(c.null_high, 1e-12), c.title))


def panel_figure(columns: Sequence[DriftColumn], name: str) -> Figure:
    """One line a column: grey bar = chance band, mark = distance; a filled diamond has moved."""
    import altair as alt

    ordered = by_excess(columns)[:_MOST_COLUMNS]
    rows = [
        {
            "column": c.title, "distance": c.distance, "null": c.null_high,
            "moved": WORDS["moved"] if c.drifted else WORDS["not_moved"],
            "far": number(c.distance, "distance"), "chance": number(c.null_high, "distance"),
        }
        for c in ordered
    ]  # fmt: skip
    reach = max([0.0, *(max(c.distance, c.null_high) for c in columns)]) or 1.0
    x = alt.Scale(domain=[0, reach * 1.05], nice=False)
    words = [WORDS["not_moved"], WORDS["moved"]]
    titles = {
        "column": WORDS["column"],
        "far": WORDS["distance"],
        "chance": WORDS["null"],
        "moved": WORDS["moved_by"],
    }
    base = alt.Chart(records(rows)).encode(
        tooltip=[alt.Tooltip(f"{field}:N", title=title) for field, title in titles.items()],
        y=alt.Y(
            "column:N",
            sort=[c.title for c in ordered],
            title=None,
            axis=alt.Axis(domain=False, ticks=False, labelLimit=172, labelPadding=6),
        ),
    )
    band = base.mark_bar(color=BAND, height=14).encode(
        x=alt.X("null:Q", scale=x, title=WORDS["distance"], axis=alt.Axis(tickCount=4))
    )
    marks = base.mark_point(size=70, strokeWidth=1.5, opacity=1).encode(
        x=alt.X("distance:Q", scale=x),
        shape=alt.Shape("moved:N", scale=alt.Scale(domain=words, range=["circle", "diamond"]), legend=None),
        color=alt.Color("moved:N", scale=alt.Scale(domain=words, range=[MAIN, WARM]), legend=None),
        fill=alt.condition(f"datum.moved == '{WORDS['moved']}'", alt.value(WARM), alt.value("white")),
    )
    said = base.mark_text(align="left").encode(x=alt.value(_PLOT + 10), text="moved:N")
    chart = (band + marks + said).properties(width=_PLOT, height=22 * len(rows) + 6)
    moved = [c.title for c in by_excess(columns) if c.drifted]
    title = WORDS["fig_moved"].format(moved=len(moved), all=len(columns))
    title += WORDS["fig_moved_names"].format(names=", ".join(moved[:3])) if moved else ""
    description = "; ".join(
        WORDS["fig_distance"].format(
            title=c.title, distance=number(c.distance, "distance"), chance=number(c.null_high, "distance")
        )
        for c in ordered
    )
    hidden = len(columns) - len(ordered)
    note = WORDS["drift_rest"].format(count=hidden) if hidden else ""
    return figure_of(chart, name, title, description, note)


def shares_figure(column: DriftColumn, name: str) -> Figure | None:
    """Shares of each category in the reference window (open) and in this window (filled)."""
    import altair as alt

    triples = list(zip(column.categories, column.reference_shares, column.window_shares, strict=False))
    if not triples:
        return None
    largest = sorted(triples, key=lambda t: -max(t[1], t[2]))[:_MOST_CATEGORIES]
    shown = [triple for triple in triples if triple in largest]
    windows = ["reference", "this window"]
    rows = [
        {"category": _category(category), "window": which, "share": share * 100, "said": number(share, "share")}
        for category, before, now in shown
        for which, share in zip(windows, (before, now), strict=True)
    ]
    order = [_category(category) for category, _, _ in shown]
    chart = (
        alt.Chart(records(rows))
        .mark_bar(stroke=INK, strokeWidth=0.8)
        .encode(
            y=alt.Y("category:N", sort=order, title=None, axis=alt.Axis(ticks=False, labelLimit=110)),
            yOffset=alt.YOffset("window:N", sort=windows),
            x=alt.X("share:Q", title="%", axis=alt.Axis(tickCount=4)),
            tooltip=[
                # a title goes into an expression of Vega: never one of the data's own words
                alt.Tooltip("category:N", title="Category"),
                alt.Tooltip("window:N", title=WORDS["window"]),
                alt.Tooltip("said:N", title="Share"),
            ],
            fill=alt.Fill("window:N", scale=alt.Scale(domain=windows, range=["white", MUTED]), legend=None),
        )
        .properties(width=240, height=26 * len(shown))
    )
    before, now, category = max(((b, n, c) for c, b, n in shown), key=lambda t: abs(t[0] - t[1]))
    title = WORDS["fig_went"].format(
        title=column.title,
        category=_category(category),
        before=number(before, "share"),
        now=number(now, "share"),
    )
    description = "; ".join(
        WORDS["fig_share"].format(category=_category(c), before=number(b, "share"), now=number(n, "share"))
        for c, b, n in shown
    )
    left_out = len(triples) - len(shown)
    note = WORDS["fig_windows"]
    if left_out:
        note = f"{note} {WORDS['fig_left_out'].format(count=left_out)}"
    return figure_of(chart, name, title, description, note)


def _category(value: str) -> str:
    return WORDS["not_recorded"] if value == "(missing)" else value


@dataclass(frozen=True, slots=True)
class Measured:
    """The distance of a column in one audit, as it was recorded; `at` is the last day of its window."""

    at: date
    distance: float
    null_high: float
    drifted: bool


def history_figure(title: str, points: Sequence[Measured], name: str) -> Figure:
    """The distance of one column, audit by audit, above the band of chance."""
    import altair as alt

    rows = [
        {
            "at": one.at.isoformat(), "distance": one.distance, "null": one.null_high, "until": day(one.at),
            "far": number(one.distance, "distance"), "chance": number(one.null_high, "distance"),
            "moved": WORDS["moved"] if one.drifted else WORDS["not_moved"],
        }
        for one in points
    ]  # fmt: skip
    words = [WORDS["not_moved"], WORDS["moved"]]
    axis = alt.Axis(format="%-d %b %Y", tickCount=5, labelOverlap=True, grid=False)
    x = alt.X("at:T", title=None, scale=alt.Scale(type="utc"), axis=axis)
    y = alt.Y("distance:Q", title=WORDS["distance"], scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=4))
    base = alt.Chart(records(rows)).encode(x=x)
    names = {"until": "Until", "far": WORDS["distance"], "chance": WORDS["null"], "moved": WORDS["moved_by"]}
    layers = [
        base.mark_area(color=BAND, interpolate="step").encode(y=alt.Y("null:Q"), y2=alt.datum(0)),
        base.mark_line(color=MAIN, strokeWidth=1.5).encode(y=y),
        base.mark_point(size=55, opacity=1, filled=True).encode(
            y=y,
            shape=alt.Shape("moved:N", scale=alt.Scale(domain=words, range=["circle", "diamond"]), legend=None),
            color=alt.Color("moved:N", scale=alt.Scale(domain=words, range=[MAIN, WARM]), legend=None),
            tooltip=[alt.Tooltip(f"{field}:N", title=said) for field, said in names.items()],
        ),
    ]
    chart = alt.layer(*layers).properties(width=WIDTH - 60, height=_HISTORY)
    moved = sum(one.drifted for one in points)
    seen = f"{title}: beyond chance in {moved} of {len(rows)} audits"
    description = "; ".join(f"{row['until']}: {row['far']}, by chance up to {row['chance']}" for row in rows)
    note = "Grey: what chance alone gives, 95 times of 100. Diamond: moved."
    return figure_of(chart, name, seen, description, note, zoom=True)
