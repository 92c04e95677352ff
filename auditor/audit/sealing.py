"""Sealed weeks as they were first counted: kept, so that nothing that arrives later changes a chart's past."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from auditor.audit.scope import Scope
from auditor.settings import AuditSettings, StopQuestion
from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.ledger import Ledger, Transaction
from monitors.catalogue import measure_named, monitor_of
from monitors.groups import GROUPS, Floats
from monitors.sealed import WEEK, WeekCounts, group_totals, seal, sealed_until, weekly_counts

_KIND: Final = "sealed"
_WEEK: Final = timedelta(days=6)  # from a Monday to its Sunday


@dataclass(frozen=True)
class Sealed:
    """The sealed weeks of one stop question, and its counts by patient group in and after the reference window."""

    weeks: tuple[WeekCounts, ...]
    reference_groups: dict[str, Floats]  # version → (256, 2)
    watched_groups: dict[str, Floats]


def sealed_weeks(
    scope: Scope,
    question: StopQuestion,
    judge: str,
    judged: pa.Table,
    inputs: str,
    transaction: Callable[[], AbstractContextManager[Transaction]],
) -> Sealed:
    """Every week that is sealed at `scope.as_of`; those that no audit has counted yet are counted now and kept.

    A week in which nothing could be judged yet stays open until it, or a later one, has a number: references may
    come late. Weeks counted by an audit of a later `as_of` do not exist for this one: it counts them from what it
    sees, and keeps nothing.
    """
    name = _name(scope.settings, question, judge)
    with transaction() as tx:
        stored = _stored(tx.read(_query(scope.system)), name)
        known = [one for one in stored if _as_of(one) <= scope.as_of]
        after = max((date.fromisoformat(one["through"]) for one in known), default=None)
        through = sealed_until(scope.local_day, scope.settings.maturity_days)
        if after is None or after < through:
            made = _counted(scope, question, judged, after) | {"inputs": inputs}
            if made["weeks"]:
                if len(known) == len(stored):
                    row = {
                        "key": f"{name}:{made['through']}",
                        "kind": _KIND,
                        "system": scope.system,
                        "value": made,
                    }
                    tx.insert_new(t.artifacts, [row | {"created_at": tx.at}])
                known = [*known, made]
    return _merged(known)


def recorded_weeks(ledger: Ledger, scope: Scope, question: StopQuestion, judge: str) -> Sealed:
    """The weeks that audits have counted so far; counts none itself."""
    stored = _stored(ledger.read(_query(scope.system)), _name(scope.settings, question, judge))
    return _merged([one for one in stored if _as_of(one) <= scope.as_of])


def sealed_digest(ledger: Ledger, scope: Scope, judges: dict[str, str], inputs: str) -> str:
    """What the key of a build must know of sealed weeks: how far they reach, and those counted from other inputs.

    What was counted from the same inputs would be counted the same again.
    """
    questions = scope.settings.stop_questions
    if not questions:
        return ""
    rows = ledger.read(_query(scope.system))
    names = [_name(scope.settings, question, judges[question.task]) for question in questions]
    used = [
        [name, one["through"], one["inputs"]]
        for name in names
        for one in _stored(rows, name)
        if _as_of(one) <= scope.as_of and one["inputs"] != inputs
    ]
    return digest_of([sealed_until(scope.local_day, scope.settings.maturity_days).isoformat(), sorted(used)])


def _query(system: str) -> sa.Select[Any]:
    return sa.select(t.artifacts.c.key, t.artifacts.c.value).where(
        t.artifacts.c.kind == _KIND, t.artifacts.c.system == system
    )


def _name(settings: AuditSettings, question: StopQuestion, judge: str) -> str:
    """The name of all that decides what a week of this question counts, but the rows."""
    monitor = monitor_of(question.measure, question.task)
    window = settings.reference_window
    about = {
        "question": [question.task, question.measure, question.item],
        "monitor": [monitor.name, monitor.version],
        "judge": judge,
        # how the judge is checked changes nothing of what it says
        "task": settings.tasks[question.task].model_dump(mode="json") | {"check": None},
        "case_mix": [
            [name, settings.attributes[name].bands if name in settings.attributes else []]
            for name in settings.case_mix
        ],
        "reference": [str(window.start), str(window.end)],
        "timezone": settings.timezone,
        "maturity": settings.maturity_days,
        "seed": settings.seed,
    }
    return f"{_KIND}:{settings.system}:{digest_of(about)[:24]}"


def _stored(rows: Iterable[Any], name: str) -> list[dict[str, Any]]:
    found = [row["value"] for row in rows if row["key"].startswith(f"{name}:")]
    return sorted(found, key=lambda one: str(one["through"]))


def _as_of(stored: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(stored["as_of"]).astimezone(UTC)


def _counted(scope: Scope, question: StopQuestion, judged: pa.Table, after: date | None) -> dict[str, Any]:
    """The weeks after `after` up to the last one that has a number, as JSON can hold them."""
    settings = scope.settings
    monitor, measure = monitor_of(question.measure, question.task), measure_named(question.measure)
    item = question.item or ""
    rows = seal(
        judged, as_of=scope.local_day, maturity_days=settings.maturity_days, after=after, seed=settings.seed
    )
    weeks = weekly_counts(rows, monitor, measure, columns=settings.case_mix, item=item)
    through = max((week.week for week in weeks if week.n), default=date.min)
    weeks = [week for week in weeks if week.week <= through]
    rows = rows.filter(pc.less_equal(rows[WEEK], through))
    groups = []
    inside = _in_reference(rows[WEEK], settings)
    for version in pc.unique(rows["version"].cast(pa.string())).to_pylist():
        for reference, mask in ((1, inside), (0, pc.invert(inside))):
            of_version = pc.equal(rows["version"].cast(pa.string()), version)
            totals = group_totals(
                rows.filter(pc.and_(of_version, mask)), monitor, measure, item=item, seed=settings.seed
            )
            groups += [
                [version, reference, g, *totals[g].astype(int).tolist()]
                for g in np.flatnonzero(totals.any(axis=1)).tolist()
            ]
    return {
        "as_of": scope.as_of.astimezone(UTC).isoformat(),
        "through": through.isoformat(),
        "weeks": [
            [
                w.week.isoformat(),
                w.version,
                w.picked,
                [[list(s), n, events] for s, (n, events) in w.counts.items()],
            ]
            for w in weeks
        ],
        "groups": groups,
    }


def _in_reference(weeks: pa.ChunkedArray, settings: AuditSettings) -> pa.ChunkedArray:
    """Which weeks lie wholly in the reference window."""
    window = settings.reference_window
    if window.start is None or window.end is None:
        return pa.chunked_array([pa.array([False] * len(weeks))])
    return pc.and_(pc.greater_equal(weeks, window.start), pc.less_equal(weeks, window.end - _WEEK))


def _merged(stored: Sequence[dict[str, Any]]) -> Sealed:
    weeks = tuple(
        WeekCounts(date.fromisoformat(day), version, {tuple(s): (n, events) for s, n, events in counts}, picked)
        for one in stored
        for day, version, picked, counts in one["weeks"]
    )
    groups: tuple[dict[str, Floats], dict[str, Floats]] = ({}, {})
    for one in stored:
        for version, reference, group, n, events in one["groups"]:
            totals = groups[0 if reference else 1].setdefault(version, np.zeros((GROUPS, 2)))
            totals[group] += n, events
    return Sealed(weeks, *groups)
