"""Run an audit: build what is not built yet, then record it in one transaction."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import pyarrow as pa
import sqlalchemy as sa

from auditor.audit.accounting import accounted_by, accounts
from auditor.audit.agreement import check_judge, other_judges
from auditor.audit.confidence import is_stated
from auditor.audit.correcting import correction_of, reviews_digest
from auditor.audit.drifting import drift_monitor, embeddings_in, embeddings_moved
from auditor.audit.facts import Facts, facts_of_rows
from auditor.audit.flow import flows_of
from auditor.audit.freezing import First, frozen_digest, made_from, week_of
from auditor.audit.judged_table import from_judgements, from_labels
from auditor.audit.judging import Progress, judge_pairs, pair_keys
from auditor.audit.linking import headline, link
from auditor.audit.measuring import Measured, measure_task, reference_of
from auditor.audit.probing import probe_task
from auditor.audit.reaching import is_known, reaching
from auditor.audit.record import Record, record_audit
from auditor.audit.rejudging import rejudge
from auditor.audit.reproducing import reproduce_task
from auditor.audit.scope import INPUT_KINDS, Scope, build_key, scope_of
from auditor.audit.sealing import sealed_digest, sealed_weeks
from auditor.audit.selected import reviewed_outputs, selected
from auditor.audit.sources import measured_beside, of_its_source
from auditor.audit.splitting import split_task
from auditor.audit.tallying import tally_days
from auditor.audit.verdicts import (
    is_stale,
    rule_on,
    rule_on_frozen,
    rule_on_grounding,
    rule_on_run,
    rule_on_weights,
)
from auditor.audit.versions import current_version, in_order, version_changes
from auditor.audit.watching import charts_of, rule_on_charts
from auditor.audit.watchlisting import gaps_of_weeks, week_to_watch
from auditor.audit.wording import wording_moved
from auditor.judges import for_task
from auditor.records import TaskName
from auditor.settings import AuditSettings
from auditor.store import schemas
from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, Transaction
from auditor.store.model_facts import facts_of, models_digest
from monitors import embedding_drift
from monitors.calibration import Calibration
from monitors.catalogue import CATALOGUE, monitors_of
from monitors.critical import Critical
from monitors.drift import Drift
from monitors.monitor import Monitor
from monitors.reached import Reached
from monitors.scores import SCORES


@dataclass(frozen=True)
class Result:
    """The audit that answers the question, and whether it had been made before."""

    audit: str
    status: str
    cached: bool


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

    facts = facts_of_rows(ledger, lake, scope, transaction)
    key = build_key(
        scope,
        facts.inputs,
        facts.last_mature(scope),
        is_stale(scope.settings, facts.last_day, scope.local_day),
        _code(scope),
        _reviews(ledger, scope),
        sealed_digest(ledger, scope, _judges(scope), facts.inputs),
        _week(scope, facts),
        models_digest(ledger, system),
        frozen_digest(ledger, scope, _frozen_from(scope, facts)),
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
    facts: Facts,
    transaction: Callable[[], AbstractContextManager[Transaction]],
    progress: Progress,
) -> tuple[Record, list[bytes]]:
    """Everything the audit found, and the pairs whose judgement the trouble of a server prevented."""
    tables = {kind: lake.read_many(list(scope.segments[kind]), schema=schemas.HELD[kind]) for kind in INPUT_KINDS}
    own = headline(tables["outputs"].combine_chunks())  # an older version that is replayed is not deployed
    current = current_version(own if own.num_rows else tables["outputs"], scope.window)
    order = in_order(tables["outputs"])
    record = Record(current_version=current)
    unsettled: set[bytes] = set()
    sources = _frozen_from(scope, facts)
    for task in scope.settings.tasks:
        linked = link(tables["outputs"], tables["references"], tables["cases"], task, scope.settings)
        if not linked.outputs.num_rows:
            continue
        judge = for_task(task, scope.settings.tasks[task].judge)
        others = list(other_judges(task, scope.settings.tasks[task]))
        keys = pair_keys(linked, judge.digest)
        if task == "classification":
            judged, judgements = from_labels(linked, keys, scope.settings), None
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
            judgements = found.judgements
            judged = from_judgements(linked, judgements, keys, task, scope.settings, reached)
            record.keep_errors(linked, found.judgements, scope)
            checked = check_judge(ledger, lake, scope, task, others, linked, judged, transaction, progress)
            first = First(task, judge, linked, judged, keys, found.unsettled)
            again = rejudge(ledger, lake, scope, first, tables, sources[task], current, transaction, progress)
            record.measurements += [*checked.measurements, *again.measurements]
            record.details["frozen"] += again.said
            unsettled |= {*found.unsettled, *checked.unsettled, *again.unsettled}
        probed = probe_task(ledger, lake, scope, task, judge, tables, transaction, progress)
        record.measurements += [*probed.measurements, *reproduce_task(scope, task, tables)]
        unsettled |= set(probed.unsettled)
        progress(f"tallying {task}", 0, 1)
        asked = _monitors(task, judged, scope.settings)
        tallies = tally_days(ledger, lake, scope.system, task, asked, judged, scope.settings, transaction)
        tallies = of_its_source(tallies, scope.settings.tasks[task])
        progress(f"measuring {task}", 0, 1)
        measured: Measured = measure_task(tallies, scope.settings, scope.window, scope.mature_until, order)
        for beside in measured_beside(ledger, lake, scope, task, judged, linked, order, transaction):
            measured.measurements += beside.measurements
            measured.reliability += beside.reliability
            measured.confidence += beside.confidence
        stored = partial(embeddings_in, lake, scope.segments["outputs"])
        seen = embeddings_moved(linked, stored, task, scope.settings, scope.window)
        said = wording_moved(linked, judgements, task, order, scope.settings, scope.window)
        measured.measurements += [*seen.measurements, *said.measurements]
        measured.drift += [*seen.drift, *said.drift]
        record.add(task, judge, measured, flows_of(judged, task, scope.window))
        reviewed = reviewed_outputs(ledger, scope, task)
        record.selected += selected(judged, task, scope.settings, scope.window, scope.mature_until, reviewed)
        record.details["accounts"] += accounts(judged, task, scope, order)
        split = split_task(
            ledger, lake, scope, task, current, order, linked, tallies, tables, transaction, progress
        )
        record.split(split.split)
        unsettled |= set(split.unsettled)
        record.compare(*gaps_of_weeks(tallies, judged, scope.settings, task, current, _week(scope, facts)))
        if task == "report":
            record.correct(correction_of(ledger, scope, judge.digest, current))
            record.keep_templates(linked, scope)
        for question in scope.settings.stop_questions:
            if question.task == task:
                sealed = sealed_weeks(scope, question, judge.digest, judged, facts.inputs, transaction)
                record.watch(charts_of(scope, question, sealed, accounted_by(record.details["accounts"])))
        record.judges += [(task, f"{other.name} {other.digest[:12]}, to check it") for _, other in others]
        record.add_drift_page(task, judged, scope, order)
    record.list_gaps()
    record.version_changes = version_changes(own)
    now = accounted_by(record.details["accounts"])
    before = accounted_by(record.details["accounts"], before=True)
    record.rule(
        [
            *rule_on(scope.settings, record.measurements, current, now, before),
            *rule_on_grounding(scope.settings, record.measurements, current),
            *rule_on_frozen(scope.settings, record.measurements, current, week_of(scope)),
            *rule_on_weights(scope.settings, current, facts_of(ledger, scope.system, current)),
            *rule_on_charts(record.charts, scope.settings, current),
            *rule_on_run(scope.settings, facts.last_day, scope.local_day, record.judge_failures()),
        ]
    )
    return record, sorted(unsettled)


def _monitors(task: TaskName, judged: pa.Table, settings: AuditSettings) -> list[Monitor]:
    """The monitors of a task; of confidence and critical findings only where there are any to measure."""
    unasked: list[type] = []
    setting = settings.tasks[task]
    if setting.critical is None:
        unasked.append(Critical)
    if not is_known(settings, task):
        unasked.append(Reached)
    asked = [
        monitor
        for monitor in monitors_of(task)
        if not isinstance(monitor, tuple(unasked))
        and (not isinstance(monitor, Calibration) or is_stated(monitor, setting, judged))
    ]
    numbered = drift_monitor(task, judged, settings)
    asked = [numbered if isinstance(monitor, Drift) else monitor for monitor in asked]
    # its sums give estimates, which need a reference window to learn from
    return [*asked, SCORES] if task == "classification" and reference_of(settings) else asked


def _reviews(ledger: Ledger, scope: Scope) -> str:
    """A digest of the reviews that correct the judge of report drafts."""
    if "report" not in scope.settings.tasks:
        return ""
    return reviews_digest(ledger, scope, for_task("report", scope.settings.tasks["report"].judge).digest)


def _week(scope: Scope, facts: Facts) -> date:
    return week_to_watch(scope.settings, scope.window, scope.local_day, facts.last_day)


def _judges(scope: Scope) -> dict[str, str]:
    return {task: for_task(task, setting.judge).digest for task, setting in scope.settings.tasks.items()}


def _frozen_from(scope: Scope, facts: Facts) -> dict[str, str]:
    """By task, what a set of pairs frozen by this audit is made from."""
    mature = facts.last_mature(scope)
    return {task: made_from(scope, facts.inputs, mature, judge) for task, judge in _judges(scope).items()}


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
            "monitors": {monitor.name: monitor.version for monitor in (*CATALOGUE, SCORES)}
            | {embedding_drift.NAME: embedding_drift.VERSION},
        }
    )
