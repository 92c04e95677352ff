"""Spans of days whose tallies are added up once and kept: 1, 8 and 64 weeks, each from a Monday.

A window is a few spans and the days that are left at its ends; a day that changes touches three spans.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Final

#: Days in a span, each a multiple of the one before.
LENGTHS: Final = (7, 56, 448)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """So many days from one Monday on."""

    length: int
    first: date

    @classmethod
    def around(cls, day: date, length: int) -> "Span":
        """The span of a length that a day lies in.

        >>> Span.around(date(2026, 1, 7), 7)
        Span(length=7, first=datetime.date(2026, 1, 5))
        """
        # the first day of the calendar that Python counts from is a Monday
        return cls(length, date.fromordinal((day.toordinal() - 1) // length * length + 1))

    @property
    def last(self) -> date:
        return self.first + timedelta(days=self.length - 1)


#: What a window is put together from; None stands for the undated rows.
Piece = Span | date | None


def spans_of(days: Iterable[date | None]) -> dict[Span, tuple[date, ...]]:
    """The days in each span that ended before the newest day, shorter spans first.

    A span that has no more days than a shorter one in it is left out.
    """
    dated = sorted(day for day in days if day is not None)
    found = {}
    for length, shorter in zip(LENGTHS, (1, *LENGTHS), strict=False):
        for span, inside in groupby(dated, key=lambda day, length=length: Span.around(day, length)):  # type: ignore[misc]
            held = tuple(inside)
            apart = Span.around(held[0], shorter) != Span.around(held[-1], shorter)
            if apart and span.last < dated[-1]:
                found[span] = held
    return found


def pieces_of(days: Sequence[date], spans: Mapping[Span, tuple[date, ...]]) -> list[Span | date]:
    """Some days in a row (ascending) as few spans as possible, and the days that are left."""
    pieces: list[Span | date] = []
    at = 0
    while at < len(days):
        around = (Span.around(days[at], length) for length in reversed(LENGTHS))
        whole = (one for one in around if one in spans and spans[one] == tuple(days[at : at + len(spans[one])]))
        span = next(whole, None)
        pieces.append(days[at] if span is None else span)
        at += 1 if span is None else len(spans[span])
    return pieces
