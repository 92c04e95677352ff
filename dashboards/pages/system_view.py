"""What every page of a system begins with: which audit and which version are looked at, and what stands above."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, urlencode

import sqlalchemy as sa
from starlette.exceptions import HTTPException

from auditor.alerts.trouble import settings_in_force
from auditor.audit.dossier import dossier_of
from auditor.store import tables as t
from dashboards.place import Place
from reports.dossier import Dossier
from reports.html import printable
from reports.numbers import days
from reports.text import words_of

#: The tabs, by their names in the address.
TABS: Final = {
    "overview": "Overview",
    "time": "Over time",
    "measures": "Measures",
    "calibration": "Calibration",
    "subgroups": "Subgroups",
    "drift": "Drift",
    "probes": "Probes",
    "versions": "Versions",
    "unmeasured": "Not measured",
}
_LISTED: Final = 60  # audits to choose from; older ones are reached by their address


@dataclass(frozen=True)
class ColumnKey:
    """What tells a column of drift from others: tasks share attributes, and scores are of one finding each."""

    task: str
    column: str
    item: str


@dataclass(frozen=True)
class View:
    """One audit of a system as it is looked at. `dossier` puts the version that was asked for first."""

    system: str
    audits: Sequence[sa.RowMapping]  # newest first
    audit: sa.RowMapping
    dossier: Dossier
    in_use: str  # the version that the audit's verdict is of
    report: str  # the newest issued, "" for none
    alerts: int  # open

    @property
    def newest(self) -> bool:
        return bool(self.audit["id"] == self.audits[0]["id"])

    @property
    def listed(self) -> Sequence[sa.RowMapping]:
        """The audits to choose from."""
        shown = self.audits[:_LISTED]
        return shown if any(one["id"] == self.audit["id"] for one in shown) else [*shown, self.audit]

    @property
    def window(self) -> str:
        return days(self.dossier.start, self.dossier.end)

    def named(self, audit: sa.RowMapping) -> str:
        """An audit in a list to choose from."""
        window = days(audit["window_start"], audit["window_end"])
        return f"{window}: {words_of(audit['status']).word}, as of {audit['as_of']:%-d %b %Y %H:%M} UTC"

    def link(self, section: str) -> str:
        """The address of a tab of the same audit and version."""
        version = "" if self.dossier.current_version == self.in_use else self.dossier.current_version
        return self._address("", section=section, audit=self._audit, version=version)

    def newest_address(self, section: str) -> str:
        return self._address("", section=section if section != "overview" else "")

    def at(self, audit: str, section: str) -> str:
        """A tab of another audit."""
        return self._address("", section=section, audit=audit)

    def of_version(self, version: str) -> str:
        return self._address("", audit=self._audit, version=version if version != self.in_use else "")

    def column(self, key: ColumnKey, audit: str) -> str:
        """A column of the drift of an audit."""
        rest = f"/drift/{quote(key.column, safe='')}"
        return self._address(rest, task=key.task, item=key.item, audit=audit)

    def evidently(self, task: str) -> str:
        return self._address(f"/evidently/{quote(self.audit['id'], safe='')}/{quote(task, safe='')}")

    @property
    def comparing(self) -> str:
        return self._address("/compare")

    def compared(self, old: str, new: str) -> str:
        return self._address("/compare", old=old, new=new)

    @property
    def _audit(self) -> str:
        return "" if self.newest else str(self.audit["id"])

    def _address(self, rest: str, **query: str) -> str:
        asked = urlencode({name: value for name, value in query.items() if value})
        return f"/systems/{quote(self.system, safe='')}{rest}" + (f"?{asked}" if asked else "")


def not_there(what: str) -> HTTPException:
    """A page that is not there; the name that was asked for is not repeated."""
    return HTTPException(404, f"There is no such {what}.")


def viewed(place: Place, system: str, audit: str, version: str) -> View:
    """The audit of this name, else the newest. Raises 404 where there is no such system, audit or version."""
    audits = _audits(place, system)
    if not audits:
        raise not_there("system" if not known(place, system) else "audit")
    row = audits[0] if not audit else next((one for one in audits if one["id"] == audit), None)
    if row is None:
        raise not_there("audit")
    dossier = dossier_as_shown(place, system, row["id"])
    in_use = dossier.current_version
    if version and version != in_use:
        if version not in dossier.versions:
            raise not_there("version in the window of this audit")
        dossier = replace(dossier, current_version=version)
    return View(system, audits, row, dossier, in_use, _newest_report(place, system), _open_alerts(place, system))


def dossier_as_shown(place: Place, system: str, audit: str) -> Dossier:
    """The dossier of one audit, which never changes, with nothing in it that cannot be printed."""

    def make() -> Dossier:
        found: Dossier = printable(
            place.remembered.of(("dossier", audit), lambda: dossier_of(place.ledger, system, audit))
        )
        return found

    return place.remembered.of(("printable dossier", audit), make)


def known(place: Place, system: str) -> bool:
    """Whether there is a system of this name."""
    return bool(place.ledger.read(sa.select(t.systems.c.name).where(t.systems.c.name == system)))


def title_of(place: Place, system: str) -> str:
    """The name of a system that was never audited, by its settings in force."""
    return settings_in_force(place.ledger, system).title or system


def _audits(place: Place, system: str) -> Sequence[sa.RowMapping]:
    columns = [t.audits.c[name] for name in ("id", "seq", "as_of", "window_start", "window_end", "status")]
    query = sa.select(*columns).where(t.audits.c.system == system).order_by(t.audits.c.seq.desc())
    return place.ledger.read(query)


def _newest_report(place: Place, system: str) -> str:
    query = sa.select(t.reports.c.id).where(t.reports.c.system == system).order_by(t.reports.c.seq.desc())
    rows = place.ledger.read(query.limit(1))
    return str(rows[0]["id"]) if rows else ""


def _open_alerts(place: Place, system: str) -> int:
    query = sa.select(sa.func.count().label("open")).where(
        t.alerts.c.system == system, t.alerts.c.status != "resolved"
    )
    return int(place.ledger.read(query)[0]["open"])
