"""Risk against coverage: how wrong the outputs are that one would trust, the most confident first."""

from reports.dossier import Confidence
from reports.figures.style import INK, MAIN, MUTED, WARM, WIDTH, Figure, figure_of, records
from reports.numbers import number
from reports.text import WORDS

_HEIGHT = 190


def selective_figure(one: Confidence, label: str, name: str) -> Figure:
    """The curve of one task and version, with the accepted risk and the coverage that keeps below it."""
    import altair as alt

    rows = [
        {
            "coverage": coverage,
            "risk": risk,
            "trusted": number(coverage, "share"),
            "wrong": number(risk, "share"),
        }
        for coverage, risk in one.curve
    ]
    top = max(max(risk for _, risk in one.curve), one.safe.accepted_risk if one.safe else 0.0) * 1.1 or 0.01
    percent = alt.Axis(format=".0%", tickCount=5)
    x = alt.X("coverage:Q", scale=alt.Scale(domain=[0, 1]), axis=percent, title=WORDS["fig_trusted"])
    scale = alt.Scale(domain=[0, top], nice=True)
    y = alt.Y("risk:Q", scale=scale, axis=alt.Axis(format="~%", tickCount=5), title=WORDS["fig_wrong"])
    layers = [alt.Chart(records(rows)).mark_line(color=MAIN, strokeWidth=1.5, interpolate="step").encode(x=x, y=y)]
    whole = alt.Chart(records(rows[-1:])).mark_point(filled=True, color=INK, size=45, opacity=1)
    layers.append(whole.encode(x=x, y=y))
    if one.safe is not None:
        accepted = alt.Chart(records([{"risk": one.safe.accepted_risk}]))
        layers.append(accepted.mark_rule(color=WARM, strokeDash=[4, 3]).encode(y=y))
        if one.safe.threshold is not None:
            kept = alt.Chart(records([{"coverage": one.safe.coverage}]))
            layers.append(kept.mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x=x))
    titles = {"trusted": WORDS["fig_trusted"], "wrong": WORDS["fig_wrong"]}
    found = (
        alt.Chart(records(rows))
        .mark_point(size=120, opacity=0, filled=True)
        .encode(x=x, y=y, tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in titles.items()])
    )
    chart = alt.layer(*layers).properties(width=WIDTH - 60, height=_HEIGHT)
    risk_of_all = one.curve[-1][1]
    half = next(risk for coverage, risk in one.curve if coverage >= 0.5)
    title = WORDS["fig_half"].format(label=label, half=number(half, "share"), all=number(risk_of_all, "share"))
    description = "; ".join(
        WORDS["fig_risk"].format(coverage=number(coverage, "share"), risk=number(risk, "share"))
        for coverage, risk in one.curve[::5]
    )
    note = ""
    if one.safe is not None:
        note = WORDS["fig_accepted"].format(risk=number(one.safe.accepted_risk, "share"))
        if one.safe.threshold is not None:
            note += f" {WORDS['fig_safe']}"
    return figure_of(chart, name, title, description, note, pointed=[found])
