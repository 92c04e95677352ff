"""How many outputs were judged, and how many should have been: the whole, groups, and the reference window."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditor.audit.measuring import reference_of
from auditor.audit.scope import Scope
from auditor.audit.selected import LOST, groups_of, old_outputs, shown_groups
from auditor.audit.versions import baseline_of
from monitors.judged import GRID
from monitors.measurement import Slice, Window
from monitors.monitor import Monitor
from monitors.unjudged import FRAMES, Accounted, Counted


def accounts(judged: pa.Table, task: str, scope: Scope, order: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What is accounted for of every version, and of each of its groups that may be shown; one row each.

    Rows with ``before`` are of the reference window and of the version there that the version is held against.
    """
    reference = reference_of(scope.settings)
    outputs = old_outputs(judged, scope.window, scope.mature_until)
    then = old_outputs(judged, reference, scope.mature_until) if reference else outputs.slice(0, 0)
    known = set(then["version"].to_pylist())
    for version in sorted(set(outputs["version"].to_pylist())):
        mine = outputs.filter(pc.equal(outputs["version"], version))
        about = {"task": task, "version": version, "before": False}
        yield about | {"slice": str(Slice())} | counted(mine, task)._asdict()
        for where, rows in shown_groups(mine, scope.settings):
            if rows is not None:
                yield about | {"slice": str(where)} | counted(rows, task)._asdict()
        if baseline := baseline_of(known, version, order):
            rows = then.filter(pc.equal(then["version"], baseline))
            yield about | {"before": True, "slice": str(Slice())} | counted(rows, task)._asdict()


def accounted_by(rows: Iterable[Mapping[str, Any]], *, before: bool = False) -> Accounted:
    """The rows of `accounts` for a verdict: of the audited window, or of the one before."""
    return {
        (one["task"], one["version"], one["slice"]): Counted(one["outputs"], one["judged"], one["of"])
        for one in rows
        if one["before"] == before and one["outputs"] > 0
    }


def accounted_in(
    judged: pa.Table, task: str, version: str, window: Window, names: Sequence[str]
) -> dict[str, Counted]:
    """What is accounted for of the whole and of every group of single attributes, in one mature window."""
    outputs = old_outputs(judged, window, date.max)
    mine = outputs.filter(pc.equal(outputs["version"], version))
    groups = [(Slice(), mine), *groups_of(mine, [(name,) for name in names])]
    found = {str(where): counted(rows, task) for where, rows in groups}
    return {name: one for name, one in found.items() if one.outputs > 0}


def counted(outputs: pa.Table, task: str) -> Counted:
    """The judged and the lost among outputs (one row each), and those that measures of one kind count."""
    weight = _weights(outputs["weight"])
    status = outputs["status"].cast(pa.string())
    judged = float(weight[np.asarray(pc.equal(status, "judged"))].sum())
    lost = float(weight[np.asarray(pc.is_in(status, pa.array(LOST)))].sum())
    of = {
        cell: n
        for monitor, cells in FRAMES.items()
        if monitor.task == task
        for cell, n in _sums(monitor, outputs).items()
        if cell in cells.values()
    }
    return Counted(judged + lost, judged, of)


def _sums(monitor: Monitor, outputs: pa.Table) -> dict[str, float]:
    """The sum of every cell of a monitor over these rows."""
    totals = np.zeros(len(monitor.cells))
    for batch in outputs.to_batches():
        found = monitor.contributions(batch)
        np.add.at(totals, found.cell, found.value / GRID * _weights(batch.column("weight"))[found.row])
    return dict(zip(monitor.cells, totals.tolist(), strict=True))


def _weights(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(column).astype(np.float64) / GRID
