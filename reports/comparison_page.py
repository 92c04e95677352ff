"""A Comparison as one HTML page that opens offline."""

from collections.abc import Sequence
from typing import Final

from reports.comparison import ComparedMeasure, Comparison
from reports.comparison_text import COMPARISON
from reports.html import environment, printable

#: Gravest first; what decides nothing comes last.
_ORDER: Final = ("worse", "insufficient", "undecided", "not worse", "better", "")
_ICONS: Final = {"worse": "act", "insufficient": "insufficient", "undecided": "watch", "ok": "ok"}
_LISTED: Final = 30


def render(comparison: Comparison) -> str:
    """The page of one comparison; the same comparison always gives the same bytes."""
    shown: Comparison = printable(comparison)
    chosen = [one for one in by_gravity(shown.measures) if not one.suppressed and one.value is not None]
    return (
        environment()
        .get_template("comparison.html")
        .render(
            d=shown,
            c=COMPARISON,
            status=_ICONS[shown.status],
            answer=COMPARISON[f"answer_{shown.status}"].format(old=shown.old, new=shown.new),
            deciding=[one for one in chosen if one.status],
            whole=[one for one in chosen if not one.status and one.slice == "all" and not one.item],
            parts=[one for one in chosen if not one.status and (one.slice != "all" or one.item)],
            hidden=sum(one.suppressed for one in shown.measures),
            listed=_LISTED,
        )
    )


def by_gravity(measures: Sequence[ComparedMeasure]) -> list[ComparedMeasure]:
    """Those that decide first, the gravest of them first."""
    return sorted(measures, key=lambda one: (_ORDER.index(one.status), one.task, one.measure, one.item, one.slice))
