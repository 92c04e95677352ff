"""Sources of confidence: what each claims, and the further ones, measured as if each were the only one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from auditor.audit.confidence import of_source
from auditor.audit.judged_table import stated_by
from auditor.audit.linking import Linked
from auditor.audit.measuring import Measured, measure_task
from auditor.audit.scope import Scope
from auditor.audit.tallying import DailyTallies, tally_days
from auditor.records import TaskName
from auditor.settings import AuditSettings, Task
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from monitors.calibration import CONFIDENCE_CLAIMS, Calibration
from monitors.catalogue import monitors_of


def of_its_source(tallies: Mapping[str, DailyTallies], setting: Task) -> dict[str, DailyTallies]:
    """The sums are those of every source; what is read from them is what this one claims."""
    return {name: replace(daily, monitor=of_source(daily.monitor, setting)) for name, daily in tallies.items()}


def measured_beside(
    ledger: Ledger,
    lake: Lake,
    scope: Scope,
    task: TaskName,
    judged: pa.Table,
    linked: Linked,
    order: Sequence[str],
    transaction: Callable[[], Any],
) -> Iterator[Measured]:
    """The levels, gaps, changes, diagrams and worth of each further source; its name is their item.

    `judged` stands row by row beside the outputs. Rules are on the first source unless they name another; trends,
    charts and the worst groups are of the first alone.
    """
    stated = [one for one in monitors_of(task) if isinstance(one, Calibration) and one not in CONFIDENCE_CLAIMS]
    for source, settings in _alone(scope.settings, task):
        rows = stated_by(judged, linked, task, settings)
        found = tally_days(ledger, lake, scope.system, task, stated, rows, settings, transaction)
        tallies = of_its_source(found, settings.tasks[task])
        yield _named(measure_task(tallies, settings, scope.window, scope.mature_until, order), source)


def _alone(settings: AuditSettings, task: TaskName) -> Iterator[tuple[str, AuditSettings]]:
    """Each further source of a task, with the settings under which it is the only one."""
    setting = settings.tasks[task]
    for source, claimed in setting.confidence_beside.items():
        # how many samples were drawn is known of the first source only
        alone = {"confidence": source, "is_probability": claimed, "confidence_beside": {}, "samples": None}
        tasks = settings.tasks | {task: setting.model_copy(update=alone)}
        yield source, settings.model_copy(update={"tasks": tasks})


def _named(measured: Measured, source: str) -> Measured:
    return Measured(
        measurements=[replace(row, item=source) for row in measured.measurements],
        reliability=[replace(one, item=source) for one in measured.reliability],
        confidence=[replace(one, item=source) for one in measured.confidence],
    )
