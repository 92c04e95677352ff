"""Run an audit: build what is not built yet, then record it in one transaction."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from auditor.audit.agreement import check_judge, other_judges
from auditor.audit.correcting import correction_of, reviews_digest
from auditor.audit.flow import flows_of
from auditor.audit.judged_table import from_judgements, from_labels
from auditor.audit.judging import Progress, judge_pairs, pair_keys
from auditor.audit.linking import link
from auditor.audit.measuring import Measured, measure_task, reference_of
from auditor.audit.probing import probe_task
from auditor.audit.reaching import is_known, reaching
from auditor.audit.record import Record, record_audit
from auditor.audit.reproducing import reproduce_task
from auditor.audit.scope import INPUT_KINDS, Scope, build_key, scope_of, segments_digest
from auditor.audit.sealing import sealed_digest, sealed_weeks
from auditor.audit.tallying import tally_days, within
from auditor.audit.verdicts import is_stale, rule_on, rule_on_grounding, rule_on_run, rule_on_weights
from auditor.audit.watching import charts_of, rule_on_charts
from auditor.audit.watchlisting import gaps_of_weeks, week_to_watch
from auditor.judges import for_task
from auditor.records import TaskName
from auditor.settings import AuditSettings
from auditor.store import schemas
from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, Transaction
from auditor.store.model_facts import facts_of, models_digest
from monitors.calibration import Calibration
from monitors.catalogue import CATALOGUE, monitors_of
from monitors.critical import Critical
from monitors.measurement import Window
from monitors.monitor import Monitor
from monitors.reached import Reached
from monitors.scores import SCORES


@dataclass(frozen=True)
class Result:
    """The audit that answers the question, and whether it had been made before."""

    audit: str
    status: str
    cached: bool


@dataclass(frozen=True)
class _Facts:
    """What the key of the build needs to know about the rows; remembered by set of segments."""

    inputs: str
    first_day: date | None
    last_day: date | None


def run_audit(
    ledger: Ledger,
    lake: Lake,
    system: str,
    *,
    as_of: datetime,
    clock: Callable[[], datetime],
    actor: str,
    start: date | None = None,
    end: date | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Result:
    """Audit `system` over one window, as of one time.

    An audit is named by the hash of what it is made from: when nothing that matters has changed, the audit
    made before is the answer. `clock` gives the times of the journal only, never a number.

    Raises AuditError with one sentence when there is nothing to audit.
    """
    scope = scope_of(ledger, system, as_of, start, end)

    def transaction() -> AbstractContextManager[Transaction]:
        return ledger.transaction(actor=actor, at=clock())

    facts = _facts(ledger, lake, scope, transaction)
    key = build_key(
        scope,
        facts.inputs,
        _last_mature(scope, facts),
        is_stale(scope.settings, facts.last_day, scope.local_day),
        _code(scope),
        _reviews(ledger, scope),
        sealed_digest(ledger, scope, _judges(scope), facts.inputs),
        _week(scope, facts),
        models_digest(ledger, system),
    )
    made = ledger.read(sa.select(t.audits).where(t.audits.c.system == system, t.audits.c.key == key))
    if made:
        return Result(made[0]["id"], made[0]["status"], cached=True)
    started = clock()
    record, unsettled = _build(ledger, lake, scope, facts, transaction, progress)
    if unsettled:
        # it saw less than it should have: another audit, which the next one of this name does not find
        key = digest_of({"audit": key, "unsettled": [pair.hex() for pair in unsettled]})
    audit = record_audit(lake, scope, key, facts.inputs, _code(scope), record, started, transaction)
    return Result(audit, record.status, cached=False)


def _build(
    ledger: Ledger,
    lake: Lake,
    scope: Scope,
    facts: _Facts,
    transaction: Callable[[], AbstractContextManager[Transaction]],
    progress: Progress,
) -> tuple[Record, list[bytes]]:
    """Everything the audit found, and the pairs whose judgement the trouble of a server prevented."""
    tables = {kind: lake.read_many(list(scope.segments[kind]), schema=schemas.LAKE[kind]) for kind in INPUT_KINDS}
    current = _current_version(tables["outputs"], scope.window)
    record = Record(current_version=current)
    unsettled: set[bytes] = set()
    for task in scope.settings.tasks:
        linked = link(tables["outputs"], tables["references"], tables["cases"], task, scope.settings)
        if not linked.outputs.num_rows:
            continue
        judge = for_task(task, scope.settings.tasks[task].judge)
        others = list(other_judges(task, scope.settings.tasks[task]))
        keys = pair_keys(linked, judge.digest)
        if task == "classification":
            judged = from_labels(linked, keys, scope.settings)
        else:
            found = judge_pairs(ledger, lake, scope.system, judge, linked, keys, transaction, progress)
            reached = None
            if is_known(scope.settings, task):
                signed = reaching(
                    ledger,
                    lake,
                    scope.settings,
                    judge,
                    linked,
                    found.judgements,
                    tables["references"],
                    transaction,
                    progress,
                )
                reached = signed.reached
                record.look_back(signed, scope)
                unsettled |= set(signed.unsettled)
            judged = from_judgements(linked, found.judgements, keys, task, scope.settings, reached)
            record.keep_errors(linked, found.judgements, scope)
            checked = check_judge(ledger, lake, scope, task, others, linked, judged, transaction, progress)
            record.measurements += checked.measurements
            unsettled |= {*found.unsettled, *checked.unsettled}
        probed = probe_task(ledger, lake, scope, task, judge, tables, transaction, progress)
        record.measurements += [*probed.measurements, *reproduce_task(scope, task, tables)]
        unsettled |= set(probed.unsettled)
        progress(f"tallying {task}", 0, 1)
        tallies = tally_days(
            ledger, lake, scope.system, task, _monitors(task, scope.settings), judged, scope.settings, transaction
        )
        progress(f"measuring {task}", 0, 1)
        measured: Measured = measure_task(tallies, scope.settings, scope.window, scope.mature_until)
        record.add(task, judge, measured, flows_of(judged, task, scope.window))
        record.compare(*gaps_of_weeks(tallies, scope.settings, task, current, _week(scope, facts)))
        if task == "report":
            record.correct(correction_of(ledger, scope, judge.digest, current))
            record.keep_templates(linked, scope)
        for question in scope.settings.stop_questions:
            if question.task == task:
                sealed = sealed_weeks(scope, question, judge.digest, judged, facts.inputs, transaction)
                record.watch(charts_of(scope, question, sealed))
        record.judges += [(task, f"{other.name} {other.digest[:12]}, to check it") for _, other in others]
        record.add_drift_page(task, judged, scope)
    record.list_gaps()
    record.version_changes = _version_changes(tables["outputs"])
    record.rule(
        [
            *rule_on(scope.settings, record.measurements, current),
            *rule_on_grounding(scope.settings, record.measurements, current),
            *rule_on_weights(scope.settings, current, facts_of(ledger, scope.system, current)),
            *rule_on_charts(record.charts, scope.settings, current),
            *rule_on_run(scope.settings, facts.last_day, scope.local_day, record.judge_failures()),
        ]
    )
    return record, sorted(unsettled)


def _monitors(task: TaskName, settings: AuditSettings) -> list[Monitor]:
    """The monitors of a task; of stated confidence and critical findings only where the settings name them."""
    unasked: list[type] = []
    if task != "classification" and settings.tasks[task].confidence is None:
        unasked.append(Calibration)
    if settings.tasks[task].critical is None:
        unasked.append(Critical)
    if not is_known(settings, task):
        unasked.append(Reached)
    asked = [monitor for monitor in monitors_of(task) if not isinstance(monitor, tuple(unasked))]
    # its sums give estimates, which need a reference window to learn from
    return [*asked, SCORES] if task == "classification" and reference_of(settings) else asked


def _facts(
    ledger: Ledger,
    lake: Lake,
    scope: Scope,
    transaction: Callable[[], AbstractContextManager[Transaction]],
) -> _Facts:
    """The digest of all visible rows, and the first and last day of output."""
    key = "inputs:" + segments_digest(scope)
    found = ledger.read(sa.select(t.artifacts.c.value).where(t.artifacts.c.key == key))
    if found:
        value = found[0]["value"]
        return _Facts(value["inputs"], _day(value["first"]), _day(value["last"]))
    digest = hashlib.sha256()
    for kind in INPUT_KINDS:
        schema = pa.schema([schemas.LAKE[kind].field("digest")])
        rows = lake.read_many(list(scope.segments[kind]), columns=["digest"], schema=schema)["digest"]
        digest.update(kind.encode() + b"".join(sorted(rows.to_pylist())))
    day = pa.schema([schemas.OUTPUTS.field("day")])
    days = pc.min_max(lake.read_many(list(scope.segments["outputs"]), columns=["day"], schema=day)["day"])
    facts = _Facts(digest.hexdigest(), days["min"].as_py(), days["max"].as_py())
    value = {"inputs": facts.inputs, "first": _iso(facts.first_day), "last": _iso(facts.last_day)}
    with transaction() as tx:
        row = {"key": key, "kind": "inputs", "system": scope.system, "value": value, "created_at": tx.at}
        tx.insert_new(t.artifacts, [row])
    return facts


def _reviews(ledger: Ledger, scope: Scope) -> str:
    """A digest of the reviews that correct the judge of report drafts."""
    if "report" not in scope.settings.tasks:
        return ""
    return reviews_digest(ledger, scope, for_task("report", scope.settings.tasks["report"].judge).digest)


def _last_mature(scope: Scope, facts: _Facts) -> date | None:
    """The last mature day that matters: beyond the newest output, more time changes nothing."""
    if facts.last_day is None:
        return None
    return min(scope.mature_until, facts.last_day)


def _week(scope: Scope, facts: _Facts) -> date:
    return week_to_watch(scope.settings, scope.window, scope.local_day, facts.last_day)


def _judges(scope: Scope) -> dict[str, str]:
    return {task: for_task(task, setting.judge).digest for task, setting in scope.settings.tasks.items()}


def _code(scope: Scope) -> str:
    """A digest of the judges and monitors that a build of this scope uses."""
    return digest_of(
        {
            "judges": {
                task: [
                    for_task(task, setting.judge).digest,
                    *(other.digest for _, other in other_judges(task, setting)),
                ]
                for task, setting in scope.settings.tasks.items()
            },
            "monitors": {monitor.name: monitor.version for monitor in (*CATALOGUE, SCORES)},
        }
    )


def _current_version(outputs: pa.Table, window: Window) -> str:
    """The version deployed now: that of the newest output in the window (by day, then by arrival)."""
    days = outputs["day"].to_pylist()
    inside = [i for i, day in enumerate(days) if within(day, window)] or list(range(len(days)))
    newest = max(inside, key=lambda i: (days[i] or date.min, i))
    return str(outputs["version"][newest].as_py())


def _version_changes(outputs: pa.Table) -> list[tuple[date, str]]:
    """The first day of each version after the first, in order of time."""
    firsts = outputs.group_by("version").aggregate([("day", "min")]).to_pylist()
    dated = sorted((row["day_min"], row["version"]) for row in firsts if row["day_min"] is not None)
    return dated[1:]


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
