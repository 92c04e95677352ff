"""Marks on a time axis: what happened beside the measurements, each a letter on a line of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from reports.figures.style import INK, MUTED, records
from reports.numbers import day

if TYPE_CHECKING:
    import altair as alt


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened on a day; the page around the figure says what its letter stands for."""

    day: date
    letter: str
    said: str


def within(marks: Sequence[Mark], first: date) -> list[Mark]:
    """One mark a day and letter, none before the first day that is drawn: the axis keeps its start."""
    found: dict[tuple[date, str], list[str]] = {}
    for one in sorted(marks, key=lambda one: (one.day, one.letter, one.said)):
        if one.day >= first:
            found.setdefault((one.day, one.letter), []).append(one.said)
    return [Mark(at, letter, "; ".join(said)) for (at, letter), said in found.items()]


def mark_layers(marks: Sequence[Mark], height: int) -> "list[alt.Chart]":
    """A dotted line and a letter at the foot of the plot for each mark."""
    import altair as alt

    if not marks:
        return []
    rows = [
        {"at": one.day.isoformat(), "letter": one.letter, "when": day(one.day), "said": one.said} for one in marks
    ]
    base = alt.Chart(records(rows)).encode(
        x=alt.X("at:T", scale=alt.Scale(type="utc")),
        tooltip=[alt.Tooltip("when:N", title="On"), alt.Tooltip("said:N", title="What")],
    )
    letters = base.mark_text(baseline="bottom", align="left", dx=2, fontWeight="bold", color=INK)
    return [
        base.mark_rule(color=MUTED, strokeDash=[1, 2]),
        letters.encode(y=alt.value(height - 2), text="letter:N"),
    ]


def described(marks: Sequence[Mark]) -> str:
    """The marks in words, for the description of a figure."""
    return "".join(f"; {day(one.day)}, {one.letter}: {one.said}" for one in marks)
