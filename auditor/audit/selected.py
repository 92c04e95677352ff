"""From outputs to reviews, as a whole and by group: who could be judged, and what share is accounted for."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from auditor.audit.flow import one_row_an_output
from auditor.audit.scope import Scope
from auditor.audit.tallying import rows_within
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from monitors.measurement import Slice, Window
from monitors.threshold import hidden_slices
from monitors.unjudged import Accounted, Counted
from reports.dossier import Selected

#: What is not accounted for: a reference that never came, a judge that failed.
_LOST = ("awaiting", "judge_failed")


def selected(
    judged: pa.Table,
    task: str,
    settings: AuditSettings,
    window: Window,
    mature_until: date,
    reviewed: Collection[str],
) -> Iterator[Selected]:
    """One line a version and slice, over the outputs of the window that are old enough to have a reference.

    Groups that may not be shown are withheld by the rule that all measurements go by.
    """
    inside = judged.filter(rows_within(judged["day"], window))
    old = pc.fill_null(pc.less_equal(inside["day"], mature_until), True)
    outputs = one_row_an_output(inside.filter(old))
    for version in sorted(set(outputs["version"].to_pylist())):
        mine = outputs.filter(pc.equal(outputs["version"], version))
        yield _line(mine, task, version, Slice(), reviewed)
        groups = _groups(mine, settings)
        hidden = hidden_slices({str(one): pc.count_distinct(rows["subject_id"]).as_py() for one, rows in groups})
        for where, rows in groups:
            small = str(where) in hidden
            yield (
                Selected(task, version, str(where), suppressed=True)
                if small
                else _line(rows, task, version, where, reviewed)
            )


def _groups(outputs: pa.Table, settings: AuditSettings) -> list[tuple[Slice, pa.Table]]:
    """The rows of every group of each attribute or combination that the settings slice by."""
    found = []
    for one in settings.slices:
        names = (one,) if isinstance(one, str) else tuple(sorted(one))
        rows: dict[tuple[str, ...], list[int]] = {}
        for row, key in enumerate(zip(*(outputs[name].to_pylist() for name in names), strict=True)):
            rows.setdefault(key, []).append(row)
        found += [(Slice(tuple(zip(names, key, strict=True))), outputs.take(rows[key])) for key in sorted(rows)]
    return found


def _line(rows: pa.Table, task: str, version: str, where: Slice, reviewed: Collection[str]) -> Selected:
    status = rows["status"].to_pylist()
    return Selected(
        task,
        version,
        str(where),
        outputs=len(status),
        linked=len(status) - rows["draft_seen"].to_pylist().count("none"),
        judged=status.count("judged"),
        lost=sum(status.count(name) for name in _LOST),
        reviewed=sum(one in reviewed for one in rows["output_id"].to_pylist()),
    )


def reviewed_outputs(ledger: Ledger, scope: Scope, task: str) -> frozenset[str]:
    """The outputs of a system that a reader has answered about by the time of the audit."""
    items, samples, reviews = t.review_items, t.review_samples, t.reviews
    joined = items.join(samples, samples.c.id == items.c.sample).join(
        reviews, sa.and_(reviews.c.sample == items.c.sample, reviews.c.item == items.c.number)
    )
    said = sa.and_(
        samples.c.system == scope.system,
        samples.c.task == task,
        reviews.c.at <= scope.as_of,
        reviews.c.verdict != "skip",
    )
    rows = ledger.read(sa.select(items.c.output_id).select_from(joined).where(said))
    return frozenset(row["output_id"] for row in rows)


def accounted_for(lines: Sequence[Selected]) -> Accounted:
    """What is accounted for of the whole and of each group; of groups that are withheld nothing is known."""
    return {
        (one.task, one.version, one.slice): Counted(one.outputs, one.outputs - one.lost)
        for one in lines
        if one.outputs and one.lost is not None
    }
