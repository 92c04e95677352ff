"""Drift: distances beside what chance alone would give, and the shares behind the largest."""

from collections.abc import Sequence

from reports.dossier import DriftColumn
from reports.figures.style import BAND, INK, MAIN, MUTED, WARM, Figure, records, to_svg
from reports.numbers import number
from reports.text import WORDS

_PLOT = 190
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
        }
        for c in ordered
    ]  # fmt: skip
    reach = max([0.0, *(max(c.distance, c.null_high) for c in columns)]) or 1.0
    x = alt.Scale(domain=[0, reach * 1.05], nice=False)
    words = [WORDS["not_moved"], WORDS["moved"]]
    base = alt.Chart(records(rows)).encode(
        y=alt.Y(
            "column:N",
            sort=[c.title for c in ordered],
            title=None,
            axis=alt.Axis(domain=False, ticks=False, labelLimit=150, labelPadding=6),
        )
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
    return Figure(title, to_svg(chart, name, title, description), note)


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
        {"category": _category(category), "window": which, "share": share * 100}
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
    return Figure(
        title,
        to_svg(chart, name, title, description),
        f"{note} {WORDS['fig_left_out'].format(count=left_out)}" if left_out else note,
    )


def _category(value: str) -> str:
    return WORDS["not_recorded"] if value == "(missing)" else value
