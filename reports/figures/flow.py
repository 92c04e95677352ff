"""From outputs to judgements: how many of each remain."""

from reports.dossier import Flow
from reports.figures.style import FAINT, MAIN, Figure, figure_of, records
from reports.numbers import integer, number
from reports.text import OUTPUTS, WORDS

_PLOT = 110


def flow_figure(flow: Flow, name: str) -> Figure:
    """Three bars on one scale: outputs, those with a reference, those judged."""
    import altair as alt

    noun = OUTPUTS.get(flow.task, ("output", "outputs"))[1]
    steps = [
        (WORDS["fig_all"].format(noun=noun), flow.outputs),
        (WORDS["fig_with_reference"], flow.linked),
        (WORDS["fig_judged"], flow.judged),
    ]
    share = {label: count / flow.outputs if flow.outputs else None for label, count in steps}
    rows = [
        {
            "step": label,
            "count": count,
            "all": flow.outputs,
            "said": f"{integer(count)}  ({number(share[label], 'share')})",
        }
        for label, count in steps
    ]
    order = [label for label, _ in steps]
    scale = alt.Scale(domain=[0, max(flow.outputs, 1)], nice=False)
    base = alt.Chart(records(rows)).encode(
        tooltip=[alt.Tooltip("step:N", title="Step"), alt.Tooltip("said:N", title="Count")],
        y=alt.Y("step:N", sort=order, title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=6)),
    )
    frame = base.mark_bar(color=FAINT, height=16).encode(x=alt.X("all:Q", scale=scale, axis=None))
    bars = base.mark_bar(color=MAIN, height=16).encode(x=alt.X("count:Q", scale=scale, axis=None))
    said = base.mark_text(align="left", dx=6).encode(x=alt.value(_PLOT), text="said:N")
    chart = (frame + bars + said).properties(width=_PLOT, height=78)
    title = WORDS["fig_flow"].format(judged=integer(flow.judged), outputs=integer(flow.outputs), noun=noun)
    description = "; ".join(f"{row['step']}: {row['said']}" for row in rows)
    return figure_of(chart, name, title, description)
