"""Reliability diagram: stated probability against observed frequency, with intervals and counts."""

from collections.abc import Sequence

from reports.dossier import ReliabilityBin
from reports.figures.style import BAND, INK, MAIN, MUTED, Figure, figure_of, records
from reports.numbers import integer, number, with_interval
from reports.text import WORDS

_SIDE = 250


def reliability_figure(bins: Sequence[ReliabilityBin], label: str, name: str) -> Figure:
    """One diagram for the bins of one task, version and item; below it how many outputs each bin holds."""
    import altair as alt

    rows = [
        {
            "confidence": b.confidence, "frequency": b.frequency, "low": b.frequency_low, "high": b.frequency_high,
            "from": b.low, "to": b.high, "n": b.n, "band_low": b.band_low, "band_high": b.band_high,
            "stated": number(b.confidence, "share"), "count": integer(b.n),
            "observed": with_interval(b.frequency, b.frequency_low, b.frequency_high, "share"),
        }
        for b in bins
    ]  # fmt: skip
    unit = alt.Scale(domain=[0, 1])
    percent = alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
    data = records(rows)
    titles = {"stated": WORDS["fig_stated"], "observed": WORDS["fig_observed"], "count": WORDS["fig_count"]}
    pointed = [alt.Tooltip(f"{name}:N", title=title) for name, title in titles.items()]
    x = alt.X("confidence:Q", scale=unit, axis=percent, title=WORDS["fig_stated"])
    y = alt.Y("frequency:Q", scale=unit, axis=percent, title=WORDS["fig_observed"])
    line = (
        alt.Chart(records([{"at": 0.0}, {"at": 1.0}]))
        .mark_line(color=MUTED, strokeDash=[4, 4], strokeWidth=1)
        .encode(x=alt.X("at:Q", scale=unit, axis=percent), y=alt.Y("at:Q", scale=unit, axis=percent))
    )
    binned = alt.Chart(data).encode(x=x, tooltip=pointed)
    bars = binned.mark_rule(color=INK, strokeWidth=1.5).encode(y=alt.Y("low:Q", title=""), y2="high:Q")
    dots = binned.mark_point(filled=True, color=MAIN, size=55, opacity=1).encode(y=y)
    counts = (
        alt.Chart(data)
        .mark_bar(color=BAND, stroke=MUTED, strokeWidth=0.5)
        .encode(
            x=alt.X("from:Q", scale=unit, axis=None),
            x2="to:Q",
            y=alt.Y("n:Q", title=WORDS["fig_count"], axis=alt.Axis(tickCount=2, format="~s")),
            y2=alt.Y2(datum=0),
            tooltip=pointed,
        )
        .properties(width=_SIDE, height=45)
    )
    band = (
        alt.Chart(records([row for row in rows if row["band_low"] is not None]))
        .mark_rect(color=BAND)
        .encode(x=alt.X("from:Q", scale=unit), x2="to:Q", y=alt.Y("band_low:Q", scale=unit), y2="band_high:Q")
    )
    chart = alt.vconcat((band + line + bars + dots).properties(width=_SIDE, height=_SIDE), counts, spacing=8)
    title = f"{label}: {_seen(bins)}"
    said = "; ".join(
        WORDS["fig_bin"].format(
            stated=number(b.confidence, "share"), observed=number(b.frequency, "share"), n=integer(b.n)
        )
        for b in bins
    )
    description = WORDS["fig_reliability"].format(bins=said)
    return figure_of(chart, name, title, description)


def _seen(bins: Sequence[ReliabilityBin]) -> str:
    """What the diagram shows: only bins whose interval leaves the diagonal out count as off it."""
    above = [b for b in bins if b.frequency_high < b.confidence]
    below = [b for b in bins if b.frequency_low > b.confidence]
    total = len(bins)
    if above and not below:
        return WORDS["fig_over"].format(off=len(above), total=total)
    if below and not above:
        return WORDS["fig_under"].format(off=len(below), total=total)
    if above and below:
        return WORDS["fig_both"].format(over=len(above), under=len(below), total=total)
    return WORDS["fig_diagonal"].format(total=total)
