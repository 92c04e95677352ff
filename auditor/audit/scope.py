"""What an audit looks at: system, settings, window, the segments it may see, and the key of the whole build."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from auditor import __version__
from auditor.in_force import newest_config
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.ledger import Ledger
from auditor.store.segments import Registered, segments_of
from monitors.measurement import Window

INPUT_KINDS = ("outputs", "references", "cases")


class AuditError(ValueError):
    """One clear sentence about an audit that cannot be run."""


@dataclass(frozen=True)
class Scope:
    """The frame of one audit, fixed before anything is computed."""

    system: str
    settings: AuditSettings
    config: str
    window: Window
    as_of: datetime
    pin: int  # the last registered segment this audit sees
    segments: dict[str, tuple[str, ...]]  # kind -> sha256 in order of arrival
    asked: bool = False  # somebody asked for these days; else they are those that audit.yaml says

    @property
    def local_day(self) -> date:
        """The day of `as_of` in the system's zone."""
        return self.as_of.astimezone(ZoneInfo(self.settings.timezone)).date()

    @property
    def mature_until(self) -> date:
        """The last day whose outputs are mature: old enough for their reference to have come."""
        return self.local_day - timedelta(days=self.settings.maturity_days)


def scope_of(
    ledger: Ledger, system: str, as_of: datetime, start: date | None = None, end: date | None = None
) -> Scope:
    """Fix what the audit of `system` sees at `as_of`.

    Raises AuditError when the system is unknown, has no outputs yet, or the window is empty.
    """
    config, settings = newest_settings(ledger, system)
    if start and end and start > end:
        raise AuditError(f"The window starts on {start} and ends on {end}; give --from before --to.")
    as_of = as_of.astimezone(UTC)
    found: dict[str, Sequence[Registered]] = {
        kind: segments_of(ledger, system, kind, as_of=as_of) for kind in INPUT_KINDS
    }
    if not any(segment.rows for segment in found["outputs"]):  # none was received, or all were erased
        raise AuditError(
            f"No outputs of {system} had been received by {as_of:%Y-%m-%d %H:%M} UTC; "
            "run 'auditor ingest outputs FILE' first."
        )
    return Scope(
        system=system,
        settings=settings,
        config=config,
        window=_window(settings, as_of, start, end),
        as_of=as_of,
        pin=max(s.seq for segments in found.values() for s in segments),
        segments={kind: tuple(s.sha256 for s in segments) for kind, segments in found.items()},
        asked=start is not None or end is not None,
    )


def newest_settings(ledger: Ledger, system: str) -> tuple[str, AuditSettings]:
    """The settings applied last, and their id.

    Raises AuditError naming the systems there are when `system` is none of them.
    """
    found = newest_config(ledger, system)
    if found is None:
        known = ", ".join(sorted(r["name"] for r in ledger.read(sa.select(t.systems.c.name))))
        hint = f"the systems here are: {known}" if known else "apply an audit.yaml first"
        raise AuditError(f"There is no system {system!r} in this workspace; {hint}.")
    return found


def build_key(
    scope: Scope,
    inputs: str,
    mature: date | None,
    stale: bool,
    code: str,
    reviews: str,
    sealed: str,
    week: date,
    models: str,
    frozen: str = "",
) -> str:
    """The name of the audit: the hash of everything that its result depends on."""
    return digest_of(
        {
            "system": scope.system,
            "config": scope.config.split("-")[0],  # what the settings say, not how often they were applied
            "window": [_iso(scope.window.start), _iso(scope.window.end)],
            "inputs": inputs,
            "mature": _iso(mature),
            "week": _iso(week),
            "stale": stale,
            "code": code,
            "product": __version__,
            **({"reviews": reviews} if reviews else {}),
            **({"sealed": sealed} if sealed else {}),
            **({"models": models} if models else {}),
            **({"frozen": frozen} if frozen else {}),
        }
    )


def segments_digest(scope: Scope) -> str:
    """A name for the set of segments: a short way to the digest of their rows, which is what keys are made of."""
    joined = "\n".join(f"{kind} {sha}" for kind in INPUT_KINDS for sha in sorted(scope.segments[kind]))
    return hashlib.sha256(joined.encode()).hexdigest()


def _window(settings: AuditSettings, as_of: datetime, start: date | None, end: date | None) -> Window:
    """The days audited: as asked for, else as `audit.yaml` says, ending with the last complete day or week."""
    if start or end or settings.window == "all":
        return Window(start, end)
    today = as_of.astimezone(ZoneInfo(settings.timezone)).date()
    count, unit = settings.window.split()
    if unit == "weeks":
        last = today - timedelta(days=today.isoweekday())  # the Sunday that ended the last complete ISO week
        return Window(last - timedelta(days=7 * int(count) - 1), last)
    last = today - timedelta(days=1)
    return Window(last - timedelta(days=int(count) - 1), last)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
