"""What proposed rules would have said of the past: every audited window, and every sealed week of the charts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import sqlalchemy as sa

from auditor.audit.accounting import accounted_by
from auditor.audit.scope import Scope, scope_of
from auditor.audit.sealing import recorded_weeks
from auditor.audit.selected import accounted_for
from auditor.audit.verdicts import rule_on
from auditor.audit.watching import charts_of
from auditor.judges import for_task
from auditor.rules.named import rules_of
from auditor.settings import AuditSettings, StopQuestion
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from auditor.store.measurements import measurement_of
from monitors.measurement import Measurement
from monitors.threshold import Status, roll_up
from monitors.unjudged import Accounted
from reports.dossier import Selected


@dataclass(frozen=True)
class Past:
    """What one rule would have said. An alarm is a window (or week) that says `act` after one that did not."""

    name: str
    tier: str
    looks: int
    act: int
    watch: int
    insufficient: int
    ok: int
    alarms: int
    years: float
    note: str = ""

    @property
    def alarms_a_year(self) -> float | None:
        return self.alarms / self.years if self.years else None


@dataclass(frozen=True)
class _Window:
    start: date | None
    end: date | None
    version: str
    measurements: Sequence[Measurement]
    accounted: Accounted
    before: Accounted


def backtest(ledger: Ledger, proposed: AuditSettings, as_of: datetime) -> list[Past]:
    """Apply the proposed rules to what has been measured of their system; nothing is recorded.

    Raises AuditError where the system is unknown or was never audited.
    """
    scope = scope_of(ledger, proposed.system, as_of)
    windows = _windows(ledger, proposed.system, as_of)
    years = _years(windows)
    rules = iter(rules_of(proposed))  # stop questions first
    found = [_charted(ledger, scope, proposed, one, next(rules).name) for one in proposed.stop_questions]
    for rule, setting in zip(rules, proposed.thresholds, strict=True):
        alone = proposed.model_copy(update={"thresholds": [setting]})
        said = [
            roll_up(
                [
                    one.verdict.status
                    for one in rule_on(alone, past.measurements, past.version, past.accounted, past.before)
                    if one.current
                ]
            )
            for past in windows
        ]
        if rule.tier == "explore":
            found.append(Past(rule.name, rule.tier, len(windows), 0, 0, 0, 0, 0, years, "drawn, no verdict"))
        else:
            found.append(_past(rule.name, rule.tier, said, years))
    return found


def _windows(ledger: Ledger, system: str, as_of: datetime) -> list[_Window]:
    """Every window that was audited, by its end; of a window measured again, the last measurement."""
    audits = ledger.read(
        sa.select(t.audits).where(t.audits.c.system == system, t.audits.c.as_of <= as_of).order_by(t.audits.c.seq)
    )
    newest = {(row["window_start"], row["window_end"]): row for row in audits}
    kinds = ("current_version", "selected", "accounts")
    details = {
        (row["kind"], row["audit"]): row["payload"]
        for row in ledger.read(sa.select(t.details).where(t.details.c.kind.in_(kinds)))
    }
    found = []
    for (start, end), row in sorted(newest.items(), key=lambda one: (one[0][1] or date.max, one[1]["seq"])):
        query = sa.select(t.measurements).where(t.measurements.c.audit == row["id"])
        rows = ledger.read(query.order_by(t.measurements.c.number))
        measured = [measurement_of({str(name): value for name, value in one.items()}) for one in rows]
        accounts = details.get(("accounts", row["id"]))
        before = accounted_by(accounts or (), before=True)
        accounted = accounted_by(accounts or ())
        if accounts is None:  # an older audit
            accounted = accounted_for([Selected(**one) for one in details.get(("selected", row["id"]), ())])
        found.append(_Window(start, end, details["current_version", row["id"]], measured, accounted, before))
    return found


def _years(windows: Sequence[_Window]) -> float:
    """The time that the windows cover, from the first day to the last; 0 where a window has no ends."""
    starts = [one.start for one in windows if one.start]
    ends = [one.end for one in windows if one.end]
    return ((max(ends) - min(starts)).days + 1) / 365.25 if starts and ends else 0.0


def _charted(ledger: Ledger, scope: Scope, proposed: AuditSettings, question: StopQuestion, name: str) -> Past:
    """The chart of a question over the weeks that audits have sealed."""
    judge = for_task(question.task, proposed.tasks[question.task].judge).digest
    asked = replace(scope, settings=proposed)
    sealed = recorded_weeks(ledger, asked, question, judge)
    if not sealed.weeks:
        note = "its weeks have not been counted in this way yet: apply the settings and audit, then try again"
        return Past(name, "stop", 0, 0, 0, 0, 0, 0, 0.0, note)
    charts = charts_of(asked, question, sealed, {})  # its alarms alone: what was not judged makes none
    if why := next((chart.why for chart in charts if chart.null is None), ""):
        return Past(name, "stop", 0, 0, 0, 0, 0, 0, 0.0, why)
    said = [Status.ACT if point.alarm else Status.OK for chart in charts for point in chart.points]
    return _past(name, "stop", said, len(said) / 52)


def _past(name: str, tier: str, said: Sequence[Status], years: float) -> Past:
    alarms = sum(now is Status.ACT and (i == 0 or said[i - 1] is not Status.ACT) for i, now in enumerate(said))
    counts = {status: sum(one is status for one in said) for status in Status}
    return Past(
        name,
        tier,
        len(said),
        counts[Status.ACT],
        counts[Status.WATCH],
        counts[Status.INSUFFICIENT],
        counts[Status.OK],
        alarms,
        years,
    )
