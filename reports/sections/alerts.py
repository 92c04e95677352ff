"""Section 11: alerts and incidents: what is open, how good alerts were, and false alarms against their budget."""

from collections.abc import Iterator, Sequence

from reports.briefing import AlertFigures, Briefing, Decided, OpenAlert
from reports.document import Badge, Block, Cell, Heading, Run, Section, Table, cell, paragraph
from reports.numbers import day, integer
from reports.sections.tables import heads
from reports.text import WORDS


def alerts(briefing: Briefing | None) -> Section:
    """Everything that somebody must answer."""
    blocks = list(_blocks(briefing)) if briefing is not None else [paragraph(WORDS["no_briefing"])]
    return Section("alerts", WORDS["alerts"], tuple(blocks), 11)


def _blocks(briefing: Briefing) -> Iterator[Block]:
    if briefing.alerts:
        yield alert_table(briefing.alerts, asked=False)
    else:
        yield paragraph(WORDS["no_alerts"])
    yield Heading(WORDS["decided"])
    if briefing.decided:
        yield decided_table(briefing.decided)
    else:
        yield paragraph(WORDS["no_decided"])
    yield Heading(WORDS["alert_figures"])
    budget = WORDS["alarm_budget"].format(budget=f"{briefing.alarms_a_year:g}", false=_false(briefing.figures))
    yield paragraph(budget)
    if briefing.figures:
        yield Table(
            heads=heads("alert_figures_heads"),
            rows=tuple(_figures(one) for one in briefing.figures),
            numeric=(1, 2, 3, 4, 5),
            widths=(1.2, 0.9, 0.9, 2.2, 1.6, 1.6),
        )


def _false(figures: Sequence[AlertFigures]) -> str:
    return integer(sum(one.false for one in figures if one.severity == "act"))


def _figures(one: AlertFigures) -> tuple[Cell, ...]:
    share = WORDS["absent_text"]
    if one.precision is not None:
        value, low, high = (100 * v for v in (one.precision.value, one.precision.low, one.precision.high))
        share = WORDS["alert_precision"].format(
            true=one.true, judged=one.true + one.false, share=f"{value:.0f} % [{low:.0f}–{high:.0f}]"
        )
    return (
        (Badge(one.severity),),
        cell(integer(one.opened)),
        cell(integer(one.resolved)),
        cell(share),
        cell(_hours(one.hours_to_acknowledge)),
        cell(_hours(one.hours_to_resolve)),
    )


def _hours(value: float | None) -> str:
    """
    >>> _hours(3.26), _hours(70.0), _hours(None)
    ('3.3 hours', '2.9 days', '–')
    """
    if value is None:
        return WORDS["absent_text"]
    return (
        WORDS["hours"].format(count=f"{value:.1f}")
        if value < 48
        else WORDS["days"].format(count=f"{value / 24:.1f}")
    )


def alert_table(rows: Sequence[OpenAlert], *, asked: bool) -> Table:
    """Open alerts; `asked` says what the committee is asked for instead of who works on it."""
    return Table(
        heads=heads("asked_heads" if asked else "alert_heads"),
        rows=tuple(
            (
                (Badge(one.severity),),
                cell(one.title, one.what if not asked else "", style="strong"),
                _why(one) if asked else cell(_reason(one), one.cause),
                cell(_asks(one)) if asked else cell(WORDS[f"state_{one.state}"], one.alert),
                (Run(one.owner or WORDS["no_owner"]), *_due(one)),
            )
            for one in rows
        ),
        widths=(0.9, 1.6, 3.7, 1.7, 1.7),
    )


def _reason(one: OpenAlert) -> str:
    """What was found when the alert was opened: the newest number stands in the verdict."""
    return WORDS["when_opened"].format(day=day(one.opened.date()), reason=one.reason)


def _asks(one: OpenAlert) -> str:
    return WORDS[f"asks_{one.asks}"] if one.asks else WORDS["asks"]


def _why(one: OpenAlert) -> Cell:
    cause = (Run(one.cause, "next"),) if one.cause else ()
    return (Run(f"{one.what[:1].upper()}{one.what[1:]}", "strong"), Run(_reason(one), "next"), *cause)


def _due(one: OpenAlert) -> Cell:
    if one.due is None:
        return ()
    said = WORDS["overdue" if one.overdue else "due"].format(day=day(one.due.date()))
    return (Run(said, "alarm" if one.overdue else "next"),)


def decided_table(rows: Sequence[Decided]) -> Table:
    """Earlier decisions and what became of them."""
    return Table(
        heads=heads("decided_heads"),
        rows=tuple(
            (
                cell(one.title, one.incident, style="strong"),
                cell(one.decision or WORDS["undecided"], one.note),
                cell(one.owner or WORDS["no_owner"], day(one.due) if one.due else ""),
                cell(WORDS[f"decided_{one.state}"], one.follow_up),
            )
            for one in rows
        ),
        widths=(2.4, 2.6, 1.6, 1.6),
    )
