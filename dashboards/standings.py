"""How every system stands, made once for each state of the record."""

from datetime import datetime

import sqlalchemy as sa

from auditor.evidence.catalogue import states
from auditor.in_force import system_names
from auditor.issuing.fleet import open_alerts
from auditor.issuing.standing import Measured, Standing, measured, standing
from auditor.store import tables as t
from auditor.store.changes import newest_entry
from dashboards.place import Place
from reports.text import severity

#: What a line of the fleet shows, beside the newest audits.
_SHOWN = (
    *(t.systems, t.configs, t.audits, t.alerts, t.alert_events, t.incidents, t.reports, t.signatures),
    *(t.thresholds, t.job_runs, t.schedules, t.review_samples, t.reviews, t.mirrors, t.holds, t.erasures, t.users),
)


def standings(place: Place, at: datetime) -> list[Standing]:
    """Every system, the gravest first. Ages of evidence are counted in whole hours."""
    state = newest_entry(place.ledger, _SHOWN)
    hour = at.replace(minute=0, second=0, microsecond=0)
    return place.remembered.of(("standings", state, hour), lambda: _standings(place, at))


def _standings(place: Place, at: datetime) -> list[Standing]:
    systems = system_names(place.ledger)
    alerts = open_alerts(place.ledger, systems, at)
    found = [
        standing(place.ledger, measured_of(place, system), alerts, states(place.ledger, system, at), at)
        for system in systems
    ]
    return sorted(found, key=lambda one: (severity(one.status), one.measured.line.title))


def measured_of(place: Place, system: str) -> Measured:
    """What the newest audit of a system says; read once for each audit and settings."""
    (newest,) = place.ledger.read(
        sa.select(sa.func.max(t.audits.c.seq).label("audit")).where(t.audits.c.system == system)
    )
    (applied,) = place.ledger.read(
        sa.select(sa.func.max(t.configs.c.seq).label("seq")).where(t.configs.c.system == system)
    )
    key = ("measured", system, newest["audit"], applied["seq"])
    return place.remembered.of(key, lambda: measured(place.ledger, system))
