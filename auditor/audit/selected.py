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
LOST = ("awaiting", "judge_failed")


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
    outputs = old_outputs(judged, window, mature_until)
    for version in sorted(set(outputs["version"].to_pylist())):
        mine = outputs.filter(pc.equal(outputs["version"], version))
        yield _line(mine, task, version, Slice(), reviewed)
        for where, rows in shown_groups(mine, settings):
            yield (
                Selected(task, version, str(where), suppressed=True)
                if rows is None
                else _line(rows, task, version, where, reviewed)
            )


def old_outputs(judged: pa.Table, window: Window, mature_until: date) -> pa.Table:
    """One row an output of the window that is old enough to have a reference."""
    inside = judged.filter(rows_within(judged["day"], window))
    return one_row_an_output(inside.filter(pc.fill_null(pc.less_equal(inside["day"], mature_until), True)))


def shown_groups(outputs: pa.Table, settings: AuditSettings) -> list[tuple[Slice, pa.Table | None]]:
    """The rows of every group that the settings slice by, None of those that may not be shown."""
    wanted = [(one,) if isinstance(one, str) else tuple(sorted(one)) for one in settings.slices]
    groups = groups_of(outputs, wanted)
    hidden = hidden_slices({str(one): pc.count_distinct(rows["subject_id"]).as_py() for one, rows in groups})
    return [(where, None if str(where) in hidden else rows) for where, rows in groups]


def groups_of(outputs: pa.Table, wanted: Sequence[tuple[str, ...]]) -> list[tuple[Slice, pa.Table]]:
    """The rows of every group of each attribute or combination."""
    found = []
    for names in wanted:
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
        lost=sum(status.count(name) for name in LOST),
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
    """What is accounted for by what older audits recorded; of groups that are withheld nothing is known."""
    return {
        (one.task, one.version, one.slice): Counted(one.judged + one.lost, one.judged)
        for one in lines
        if one.judged is not None and one.lost is not None and one.judged + one.lost > 0
    }
