"""`auditor compare`: two versions of a system on the cases that both answered."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from auditor import __version__
from auditor.audit.changed_cases import changed_cases
from auditor.audit.confidence import is_stated, of_source
from auditor.audit.judging import Progress
from auditor.audit.scope import INPUT_KINDS, AuditError, scope_of
from auditor.audit.shared import judged_answers, shared_answers
from auditor.audit.tallying import strata_of
from auditor.settings import AuditSettings
from auditor.store import schemas
from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, Transaction
from monitors import frame
from monitors.calibration import Calibration
from monitors.catalogue import measure_named, monitors_of
from monitors.critical import Critical
from monitors.levels import Desk
from monitors.measurement import Direction, Measure, Measurement, Slice, Window
from monitors.monitor import Monitor
from monitors.paired import Pairs
from monitors.selection import slices_of
from monitors.tally import Tally
from monitors.threshold import SUPPRESS_BELOW, suppress
from reports.comparison import ChangedCases, ComparedMeasure, Comparison, SharedCases

#: Below so many shared patients nothing is compared.
_FEWEST: Final = SUPPRESS_BELOW
_GRAVEST: Final = ("worse", "insufficient", "undecided")


def compare(
    ledger: Ledger,
    lake: Lake,
    system: str,
    old: str,
    new: str,
    *,
    as_of: datetime,
    clock: Callable[[], datetime],
    actor: str,
    margins: Mapping[str, float] | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Comparison:
    """Compare what both versions said about the same questions, and keep the comparison in the ledger.

    `margins` maps measures to the largest loss that is accepted; with those of audit.yaml's thresholds they are
    what decides. Differences are new minus old, with limits made of the answers that differ (`monitors.paired`).

    Raises AuditError where a version has no outputs or the two share too few patients.
    """
    scope = scope_of(ledger, system, as_of)
    tables = {kind: lake.read_many(list(scope.segments[kind]), schema=schemas.HELD[kind]) for kind in INPUT_KINDS}
    _check_versions(tables["outputs"], system, old, new)
    for name in margins or {}:
        measure_named(name)  # refuses what there is not

    def transaction() -> AbstractContextManager[Transaction]:
        return ledger.transaction(actor=actor, at=clock())

    shared: list[SharedCases] = []
    measures: list[ComparedMeasure] = []
    changed: list[ChangedCases] = []
    digest = hashlib.sha256()
    for task in scope.settings.tasks:
        both = shared_answers(tables["outputs"], task, old, new)
        judged, unsettled = judged_answers(ledger, lake, scope, task, both.rows, tables, transaction, progress)
        if unsettled:
            raise AuditError("The judge could not be reached for some answers; compare again when it can be.")
        people = len(pc.unique(judged["subject_id"]))
        shared.append(SharedCases(task, both.questions, both.cases, people, both.only_old, both.only_new))
        if people < _FEWEST:
            continue
        digest.update(b"".join(sorted(judged["digest"].to_pylist())))
        measures += _measures(judged, task, old, new, scope.settings, margins or {})
        changed += changed_cases(judged, task, old, new)
    if not measures:
        raise AuditError(
            f"Versions {old} and {new} of {system} share answers about fewer than {_FEWEST} patients: "
            f"replay {new} on the cases of {old} first ('auditor replay {system}')."
        )
    ruled = {one.status for one in measures if one.status}
    comparison = Comparison(
        system=system,
        title=scope.settings.title or system,
        old=old,
        new=new,
        as_of=scope.as_of.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        simulated=scope.settings.simulated,
        status=next((status for status in _GRAVEST if status in ruled), "ok"),
        shared=tuple(shared),
        measures=tuple(measures),
        changed=tuple(changed),
        settings=scope.config,
        inputs=digest.hexdigest(),
        code=__version__,
    )
    _keep(comparison, transaction)
    return comparison


def _check_versions(outputs: pa.Table, system: str, old: str, new: str) -> None:
    known = sorted(set(pc.unique(outputs["version"]).to_pylist()))
    for version in (old, new):
        if version not in known:
            raise AuditError(
                f"There are no outputs of version {version!r} of {system}; known: {', '.join(known)}."
            )
    if old == new:
        raise AuditError("Name two versions: one compared with itself shows nothing.")


def _measures(
    judged: pa.Table, task: str, old: str, new: str, settings: AuditSettings, margins: Mapping[str, float]
) -> Iterator[ComparedMeasure]:
    for monitor in _monitors(task, judged, settings):
        tally = Tally.of(monitor, judged, strata_of(settings), settings.seed)
        pairs = Pairs(monitor, judged, strata_of(settings), settings.seed, old=old, new=new)
        slices = [Slice(), *_attributes(tally, settings, new)]
        items = ["", *tally.values("item")] if task == "classification" else [""]
        levels = {
            version: {
                (m.measure, m.item, m.slice): m
                for m in frame.measure(Desk(monitor, tally, version), slices, items=items, window=Window())
            }
            for version in (old, new)
        }
        declared = {one.name: one for one in monitor.measures}
        changes = frame.changes(
            monitor, tally, tally, slices, version=new, items=items, window=Window(), reference_version=old,
            pairs=pairs,
        )  # fmt: skip
        keys = [(change.measure, change.item, change.slice) for change in changes]
        sides = [changes, [levels[old][key] for key in keys], [levels[new][key] for key in keys]]
        # a cell that one side may not show could be had from the other two
        hidden = [any(cells) for cells in zip(*(suppress(side) for side in sides), strict=True)]
        for change, before, after, hide in zip(*sides, hidden, strict=True):
            gate = _gate(settings, margins, change)
            yield _row(change, before, after, declared[change.measure], gate, hide)


def _monitors(task: str, judged: pa.Table, settings: AuditSettings) -> Iterator[Monitor]:
    setting = settings.tasks[task]  # type: ignore[index]
    for monitor in monitors_of(task):
        if monitor.name.startswith("drift"):
            continue
        if isinstance(monitor, Critical) and setting.critical is None:
            continue
        if isinstance(monitor, Calibration) and not is_stated(monitor, setting, judged):
            continue
        yield of_source(monitor, setting)


def _attributes(tally: Tally, settings: AuditSettings, version: str) -> list[Slice]:
    asked = [(s,) if isinstance(s, str) else tuple(sorted(s)) for s in settings.slices]
    return [one for one in slices_of(tally, asked, version=version) if one.where]


def _gate(settings: AuditSettings, margins: Mapping[str, float], change: Measurement) -> float | None:
    """The margin that decides on a measure of the whole system; None where none was fixed in advance."""
    if change.slice != "all":
        return None
    if change.measure in margins and not change.item:
        return margins[change.measure]
    named = any(one.measure == change.measure and (one.item or "") == change.item for one in settings.thresholds)
    return 0.0 if named else None


def _row(
    change: Measurement,
    before: Measurement,
    after: Measurement,
    measure: Measure,
    margin: float | None,
    hidden: bool,
) -> ComparedMeasure:
    status, reason = ("", "") if margin is None or hidden else _decide(change, measure, margin)
    numbers = (before.value, after.value, change.value, change.low, change.high)
    old, new, value, low, high = (None if hidden or not math.isfinite(one) else one for one in numbers)
    return ComparedMeasure(
        task=change.task,
        measure=change.measure,
        title=measure.title,
        unit=measure.unit,
        direction=measure.direction.value,
        item=change.item,
        slice=change.slice,
        old=old,
        new=new,
        value=value,
        low=low,
        high=high,
        n=None if hidden else change.n,
        counted=measure.counted,
        patients=None if hidden else change.patients,
        interval=change.interval,
        margin=margin,
        status=status,
        reason=reason,
        suppressed=hidden,
    )


def _decide(change: Measurement, measure: Measure, margin: float) -> tuple[str, str]:
    """Worse only where the whole interval is beyond the margin; not worse only where all of it is inside."""
    if measure.direction is Direction.AWAY_FROM_ZERO:
        return "", ""
    if change.n_eff < measure.floor:
        return (
            "insufficient",
            f"An effective {change.n_eff:,.0f} {measure.counted}; {measure.floor:,.0f} are needed.",
        )
    if not math.isfinite(change.low):
        why = change.note or "no interval can be made"
        return "insufficient", f"{why[:1].upper()}{why[1:]}."
    sign = 1.0 if measure.direction is Direction.HIGHER_IS_WORSE else -1.0
    low, high = sorted((sign * change.low, sign * change.high))
    if low > margin:
        return "worse", "The whole interval of the difference lies on the worse side of the margin."
    if high < 0:
        return "better", "The whole interval of the difference lies on the better side of none."
    if margin > 0 and high < margin:
        return "not worse", "The whole interval of the difference lies within the margin."
    return "undecided", "The interval of the difference holds both; more shared cases would tell."


def _keep(comparison: Comparison, transaction: Callable[[], Any]) -> None:
    """The comparison as an artifact of its own, named by what it says; the journal has it from then on."""
    content = asdict(comparison)
    with transaction() as tx:
        row = {
            "key": f"comparison:{digest_of(content)}",
            "kind": "comparison",
            "system": comparison.system,
            "value": {"old": comparison.old, "new": comparison.new, "status": comparison.status},
            "created_at": tx.at,
        }
        tx.insert_new(t.artifacts, [row])
