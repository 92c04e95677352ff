"""After a change of version: how much of each change is the version's, by questions that both answered."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.judging import Progress
from auditor.audit.linking import Linked
from auditor.audit.measuring import reference_of
from auditor.audit.scope import Scope
from auditor.audit.shared import judged_answers, question_keys, shared_answers
from auditor.audit.tallying import DailyTallies, rows_within, strata_of
from auditor.audit.trending import asked_measures
from auditor.audit.versions import baseline_of
from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from monitors import version_effect as effects
from monitors.measurement import Window
from monitors.paired import Pairs
from monitors.tally import Tally
from monitors.threshold import SUPPRESS_BELOW
from reports.dossier import Estimate, VersionEffect, VersionSplit


class Split(NamedTuple):
    """The change of one task in parts, and the keys of judgements that a server's trouble prevented."""

    split: VersionSplit | None
    unsettled: tuple[bytes, ...] = ()


def split_task(
    ledger: Ledger,
    lake: Lake,
    scope: Scope,
    task: str,
    version: str,
    order: Sequence[str],
    linked: Linked,
    tallies: Mapping[str, DailyTallies],
    tables: Mapping[str, pa.Table],
    transaction: Callable[[], Any],
    progress: Progress,
) -> Split:
    """The window of `version` against the reference window of another one; nothing where they have the same.

    Shared are questions that the window or the reference window is measured on and that both versions answered,
    `version` in either and the older one too: recorded, or replayed where a version was not recorded on them.
    """
    before = reference_of(scope.settings)
    if before is None:
        return Split(None)
    windows = {name: (daily.over(scope.window), daily.over(before)) for name, daily in tallies.items()}
    old = next((baseline_of(then.values("version"), version, order) for _, then in windows.values()), None)
    if old is None or old == version or not any(version in now.values("version") for now, _ in windows.values()):
        return Split(None)
    asked = pa.chunked_array(
        [*_measured(linked, version, scope.window).chunks, *_measured(linked, old, before).chunks], pa.string()
    )
    shared = shared_answers(tables["outputs"], task, old, version, asked)
    found = judged_answers(ledger, lake, scope, task, shared.rows, tables, transaction, progress)
    people = len(pc.unique(found.judged["subject_id"]))
    if people < SUPPRESS_BELOW:
        return Split(VersionSplit(task, old, version, None, None, ()), found.unsettled)
    made: list[VersionEffect] = []
    for name, daily in tallies.items():
        if not _asked(scope.settings, task) & {one.name for one in daily.monitor.measures}:
            continue
        strata, seed = strata_of(scope.settings), scope.settings.seed
        both = Tally.of(daily.monitor, found.judged, strata, seed)
        pairs = Pairs(daily.monitor, found.judged, strata, seed, old=old, new=version)
        made += _effects(daily, *windows[name], both, pairs, scope.settings, task, old, version)
    return Split(VersionSplit(task, old, version, shared.questions, people, tuple(made)), found.unsettled)


def recorded_split(one: Mapping[str, Any]) -> VersionSplit:
    """A split from what the audit wrote into its details."""
    return VersionSplit(**{**one, "effects": tuple(_recorded(effect) for effect in one["effects"])})


def _recorded(one: Mapping[str, Any]) -> VersionEffect:
    parts = {name: Estimate(**one[name]) if one[name] else None for name in ("version", "patients")}
    return VersionEffect(**{**one, **parts, "total": Estimate(**one["total"])})


def _measured(linked: Linked, version: str, window: Window) -> pa.ChunkedArray:
    """The questions that one version is measured on in a window."""
    rows = pc.and_(pc.equal(linked.outputs["version"], version), rows_within(linked.outputs["day"], window))
    return question_keys(linked.outputs.filter(rows))


def _asked(settings: AuditSettings, task: str) -> set[str]:
    """Measures that have a bound, are drawn as a trend or stand on page one."""
    return {*asked_measures(settings, task), "significant_contradicted"}


def _effects(
    daily: DailyTallies,
    now: Tally,
    then: Tally,
    both: Tally,
    pairs: Pairs,
    settings: AuditSettings,
    task: str,
    old: str,
    new: str,
) -> Iterator[VersionEffect]:
    found = effects.version_effects(
        daily.monitor, now, then, both, pairs, old=old, new=new,
        items=_items(settings, task, now), measures=sorted(_asked(settings, task)),
    )  # fmt: skip
    for one in found:
        yield VersionEffect(
            measure=one.measure.name,
            title=one.measure.title,
            unit=one.measure.unit,
            counted=one.measure.counted,
            item=one.item,
            total=_part(one.total),
            version=_part(one.version) if one.version else None,
            patients=_part(one.patients) if one.patients else None,
            n=one.n if one.patients_shared >= SUPPRESS_BELOW else None,
            shared_patients=one.patients_shared if one.patients_shared >= SUPPRESS_BELOW else None,
            note=one.note,
        )


def _items(settings: AuditSettings, task: str, tally: Tally) -> Sequence[str]:
    """The task as a whole, and the findings that a bound names."""
    if task != "classification":
        return [""]
    named = {one.item for one in settings.thresholds}
    return ["", *(item for item in tally.values("item") if item in named)]


def _part(one: effects.Part) -> Estimate:
    return Estimate(one.value, one.low, one.high)
