"""Over time: charts and trends of a system, with versions, changed rules and alerts on the time axis."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from auditor.rules.named import SAID
from auditor.rules.register import Change
from auditor.store import tables as t
from dashboards.names import about
from dashboards.place import Place
from reports.document import Block
from reports.dossier import Dossier
from reports.figures.marks import Mark
from reports.sections.over_time import trend, watching

ALERT: Final = "A"
RULE: Final = "R"


@dataclass(frozen=True)
class Event:
    """An alert that was opened or a rule that was changed; `measure` is what it is about."""

    mark: Mark
    measure: str
    href: str  # "" where no page tells more


def events(place: Place, dossier: Dossier) -> tuple[Event, ...]:
    """What had happened to the system by the time of the audit, the newest first."""
    zone = ZoneInfo(dossier.timezone)
    found = [*_alerts(place, dossier, zone), *_rules(place, dossier, zone)]
    until = _day(dossier.as_of, zone)
    return tuple(sorted((one for one in found if one.mark.day <= until), key=_newest_first))


def _newest_first(one: Event) -> tuple[int, str, str]:
    return -one.mark.day.toordinal(), one.mark.letter, one.mark.said


def _day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def _alerts(place: Place, dossier: Dossier, zone: ZoneInfo) -> Iterator[Event]:
    rows = place.ledger.read(sa.select(t.alerts).where(t.alerts.c.system == dossier.system))
    for row in rows:
        said = f"alert opened: {about(row)}"
        href = f"/alerts/{quote(row['id'], safe='')}"
        yield Event(Mark(_day(row["opened_at"], zone), ALERT, said), row["measure"], href)


def _rules(place: Place, dossier: Dossier, zone: ZoneInfo) -> Iterator[Event]:
    """Changes of rules; the rules that a system began with are none."""
    query = sa.select(t.thresholds).where(t.thresholds.c.system == dossier.system).order_by(t.thresholds.c.seq)
    rows = place.ledger.read(query)
    measures = {row.measure for row in dossier.rows} | {one.measure for one in dossier.charts}
    before: dict[str, Mapping[str, Any]] = {}
    begun = {(row["name"], row["valid_from"]) for row in rows}
    for row in rows:
        name = row["name"]
        about = next((word for word in name.replace(",", " ").split() if word in measures), "")
        old = before.get(name)
        if row["after_seeing"] if old is None else _decisive(old) != _decisive(row["content"]):
            why = f" ({row['reason'].rstrip('.')})" if row["reason"] else ""
            said = f"rule changed: {Change(name, old, row['content']).words}{why}"
            yield Event(Mark(_day(row["valid_from"], zone), RULE, said), about, "")
        if row["retired_at"] is not None and (name, row["retired_at"]) not in begun:
            said = f"rule no longer applied: {name}"
            yield Event(Mark(_day(row["retired_at"], zone), RULE, said), about, "")
        before[name] = row["content"]


def _decisive(content: Mapping[str, Any]) -> dict[str, Any]:
    """What of a rule decides verdicts: other words for the same rule are no change of it."""
    return {name: value for name, value in content.items() if name not in SAID}


def blocks(dossier: Dossier, happened: Sequence[Event]) -> Iterator[Block]:
    """The charts with the watch list, then the trends: the reports' own, with what happened meanwhile."""
    marks: dict[str, list[Mark]] = {}
    for one in happened:
        marks.setdefault(one.measure, []).append(one.mark)
    yield from watching(dossier, marks)
    yield from trend(dossier, marks)
