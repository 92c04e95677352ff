"""What an audit found, and the one transaction that makes it a fact."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from auditor import __version__
from auditor.audit import exemplars
from auditor.audit.alerts import Seen, raise_alerts
from auditor.audit.evidently_sample import Page, compared, drift_page
from auditor.audit.linking import Linked
from auditor.audit.measuring import Measured
from auditor.audit.pages import register_pages, write_pages
from auditor.audit.reaching import Reaching
from auditor.audit.scope import Scope
from auditor.audit.tallying import rows_within
from auditor.audit.templates import templates_of
from auditor.audit.verdicts import Ruled
from auditor.audit.watching import Watched, as_reported, chart_row
from auditor.audit.watchlisting import listed
from auditor.judges import Judge
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Transaction
from auditor.store.measurements import measurement_row
from monitors import corrected
from monitors.measurement import Measurement, Window
from monitors.threshold import Status, roll_up
from monitors.watchlist import Gap
from reports.dossier import Correction, Flow, Selected, VersionSplit

_DETAILS = (
    "trend",
    "parity",
    "worst_groups",
    "versus_rest",
    "reliability",
    "confidence",
    "estimates",
    "shifts",
    "version_effects",
    "drift",
    "exemplars",
    "templates",
    "errors",
    "corrections",
    "charts",
    "watch_list",
    "accounts",
    "limits",
    "look_back",
    "frozen",
)


@dataclass
class Record:
    """Everything one audit found, gathered task by task."""

    current_version: str
    measurements: list[Measurement] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    selected: list[Selected] = field(default_factory=list)
    ruled: list[Ruled] = field(default_factory=list)
    judges: list[tuple[str, str]] = field(default_factory=list)
    version_changes: list[tuple[date, str]] = field(default_factory=list)
    details: dict[str, list[Any]] = field(default_factory=lambda: {kind: [] for kind in _DETAILS})
    pages: dict[str, Page] = field(default_factory=dict)
    paged: dict[str, tuple[str, str]] = field(default_factory=dict)  # the two versions of each page
    charts: list[Watched] = field(default_factory=list)
    gaps: tuple[list[Gap], list[Gap]] = field(default_factory=lambda: ([], []))  # of the newest week, of the last
    status: str = Status.INSUFFICIENT

    def add(self, task: str, judge: Judge, measured: Measured, flows: Sequence[Flow]) -> None:
        self.judges.append((task, f"{judge.name} {judge.digest[:12]}"))
        self.measurements += measured.measurements
        self.flows += flows
        self.details["trend"] += [
            measurement_row("", 0, point.measurement) | {"mature": point.mature} | point.adjusted.details()
            for point in measured.trend
        ]
        self.details["parity"] += [asdict(one) for one in measured.parity]
        self.details["worst_groups"] += [asdict(one) for one in measured.worst_groups]
        self.details["versus_rest"] += measured.versus_rest
        self.details["reliability"] += [asdict(one) for one in measured.reliability]
        self.details["estimates"] += [asdict(one) for one in measured.estimates]
        self.details["shifts"] += [asdict(one) for one in measured.shifts]
        self.details["confidence"] += [asdict(one) for one in measured.confidence]
        self.details["limits"] += measured.limits
        self.details["drift"] += [
            {"task": task, "version": version, **asdict(column)} for version, column in measured.drift
        ]

    def keep_errors(self, linked: Linked, judgements: pa.Table, scope: Scope) -> None:
        """The worst examples and the count of each error code in the window."""
        policy = scope.settings.exemplars
        self.details["exemplars"] += [
            asdict(one) for one in exemplars.worst(linked, judgements, scope.window, policy)
        ]
        inside = rows_within(linked.outputs["day"], scope.window)
        self.details["errors"].append(exemplars.error_counts(judgements, inside))

    def look_back(self, signed: Reaching, scope: Scope) -> None:
        """The cases of the window whose signed report holds an error of the draft."""
        days = pa.array([one["day"] and date.fromisoformat(one["day"]) for one in signed.cases], pa.date32())
        inside = rows_within(days, scope.window)
        self.details["look_back"] += [one for one, within in zip(signed.cases, inside, strict=True) if within]

    def split(self, found: VersionSplit | None) -> None:
        """How much of each change since the reference window is the new version's."""
        self.details["version_effects"] += [asdict(found)] if found else []

    def keep_templates(self, linked: Linked, scope: Scope) -> None:
        """Sentences that the system writes whatever it sees."""
        found = templates_of(linked, scope.window, self.current_version, scope.settings.exemplars)
        self.details["templates"] += [asdict(found)] if found else []

    def add_drift_page(self, task: str, judged: pa.Table, scope: Scope, order: Sequence[str]) -> None:
        """Evidently's picture of the same drift of the current version, where a reference window is declared."""
        versions = compared(judged, scope, self.current_version, order)
        page = drift_page(task, judged, scope, versions) if versions else None
        if versions and page is not None:
            self.pages[task], self.paged[task] = page, versions

    def correct(self, correction: Correction | None) -> None:
        """What reviews say of the automatic judge, where they say anything."""
        if correction is None:
            return
        self.details["corrections"].append(asdict(correction) | {"checked": correction.checked.isoformat()})
        if correction.same_window:
            rate = correction.process
            self.measurements.append(
                corrected.measurement(
                    rate.value,
                    rate.low,
                    rate.high,
                    reviewed=correction.reviewed,
                    n_eff=correction.n_eff,
                    patients=correction.patients,
                    version=correction.version,
                    window=Window(correction.start, correction.end),
                )
            )

    def watch(self, charts: Sequence[Watched]) -> None:
        """The weekly charts of one stop question."""
        self.charts += charts
        self.details["charts"] += [chart_row(as_reported(chart)) for chart in charts]

    def compare(self, now: Sequence[Gap], before: Sequence[Gap]) -> None:
        """Gaps of one task in the newest mature week and in the one before."""
        self.gaps[0].extend(now)
        self.gaps[1].extend(before)

    def list_gaps(self) -> None:
        """Mark the gaps of all tasks together."""
        found = listed(*self.gaps, self.current_version)
        self.details["watch_list"] += [asdict(one) | {"week": one.week.isoformat()} for one in found]

    def judge_failures(self) -> dict[str, tuple[int, int]]:
        """Task → (judgements that failed, outputs with a reference); tasks apart, or one would dilute another."""
        return {
            task: (
                sum(f.judge_failed for f in self.flows if f.task == task),
                sum(f.linked for f in self.flows if f.task == task),
            )
            for task in dict.fromkeys(f.task for f in self.flows)
        }

    def rule(self, ruled: Sequence[Ruled]) -> None:
        self.ruled = list(ruled)
        self.status = roll_up([r.verdict.status for r in ruled if r.current])


def record_audit(
    lake: Lake,
    scope: Scope,
    key: str,
    inputs: str,
    code: str,
    record: Record,
    started: datetime,
    transaction: Callable[[], AbstractContextManager[Transaction]],
) -> str:
    """Write the audit, its measurements, verdicts, details and alerts in one transaction; returns its id.

    When another process recorded the same audit in the meantime, that one stands and nothing is written.
    """
    audit = f"{scope.system}-{key[:12]}"
    written = write_pages(lake, {task: page.html for task, page in record.pages.items()})
    with transaction() as tx:
        if tx.read(sa.select(t.audits.c.id).where(t.audits.c.id == audit)):
            return audit
        tx.insert(t.audits, [_audit_row(tx, scope, audit, key, inputs, code, record, started)])
        tx.insert(t.measurements, [measurement_row(audit, n, m) for n, m in enumerate(record.measurements)])
        tx.insert(t.verdicts, [_verdict_row(audit, n, r) for n, r in enumerate(record.ruled)])
        about = {
            # the journal as it stood before this audit was written into it
            "journal_head": tx.read(sa.select(t.chain_head.c.hash))[0]["hash"],
            "segments": sum(len(found) for found in scope.segments.values()),
        }
        tx.insert(
            t.details,
            [{"audit": audit, "kind": k, "payload": p} for k, p in (_details(record) | about).items()],
        )
        seen = Seen(record.ruled, record.measurements, record.current_version, record.version_changes)
        raise_alerts(tx, scope, audit, seen)
        versions = {flow.version for flow in record.flows}
        tx.insert_new(
            t.versions,
            [{"system": scope.system, "version": v, "first_seen_at": tx.at} for v in sorted(versions)],
        )
        register_pages(tx, scope.system, audit, written)
        tx.insert(t.mirrors, [{"audit": audit, "status": "pending", "attempts": 0, "at": tx.at}])
    return audit


def _audit_row(
    tx: Transaction,
    scope: Scope,
    audit: str,
    key: str,
    inputs: str,
    code: str,
    record: Record,
    started: datetime,
) -> dict[str, Any]:
    return {
        "id": audit,
        "seq": tx.next(t.audits),
        "system": scope.system,
        "key": key,
        "config": scope.config,
        "window_start": scope.window.start,
        "window_end": scope.window.end,
        "as_of": scope.as_of,
        "segment_pin": scope.pin,
        "inputs": inputs,
        "code": f"{__version__}+{code[:12]}",
        "seed": scope.settings.seed,
        "status": str(record.status),
        "versions": sorted({flow.version for flow in record.flows}),
        "restates": _restated(tx, scope),
        "started_at": started,
        "finished_at": tx.at,
    }


def _restated(tx: Transaction, scope: Scope) -> str | None:
    """The last audit of the same window, if there is one: this audit is then a restatement of it."""
    same = sa.and_(
        t.audits.c.system == scope.system,
        t.audits.c.window_start.is_(None)
        if scope.window.start is None
        else t.audits.c.window_start == scope.window.start,
        t.audits.c.window_end.is_(None) if scope.window.end is None else t.audits.c.window_end == scope.window.end,
    )
    rows = tx.read(sa.select(t.audits.c.id).where(same).order_by(t.audits.c.seq.desc()).limit(1))
    return str(rows[0]["id"]) if rows else None


def _verdict_row(audit: str, number: int, ruled: Ruled) -> dict[str, Any]:
    return {
        "audit": audit,
        "number": number,
        "measurement": ruled.measurement,
        "threshold": ruled.rule | {"current": ruled.current},
        "status": str(ruled.verdict.status),
        "reason": ruled.verdict.reason,
    }


def _details(record: Record) -> dict[str, Any]:
    return record.details | {
        "flows": [asdict(flow) for flow in record.flows],
        "selected": [asdict(one) for one in record.selected],
        "judges": record.judges,
        "current_version": record.current_version,
        "version_changes": record.version_changes,
        "evidently": {
            task: {name: asdict(score) | {"versions": record.paged[task]} for name, score in page.scores.items()}
            for task, page in record.pages.items()
        },
    }
