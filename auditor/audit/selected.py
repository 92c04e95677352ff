"""From outputs to reviews, as a whole and by group: who could be judged, and what share is accounted for."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from numpy.typing import NDArray

from auditor.audit.flow import one_row_an_output
from auditor.audit.scope import Scope
from auditor.audit.tallying import rows_within
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from monitors.measurement import Slice, Window
from monitors.threshold import SUPPRESS_BELOW
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
    """One line a version and slice, over the outputs of the window that are old enough to have a reference."""
    inside = judged.filter(rows_within(judged["day"], window))
    old = pc.fill_null(pc.less_equal(inside["day"], mature_until), True)
    outputs = one_row_an_output(inside.filter(old))
    by = [(one,) if isinstance(one, str) else tuple(sorted(one)) for one in settings.slices]
    for version in sorted(set(outputs["version"].to_pylist())):
        mine = outputs.filter(pc.equal(outputs["version"], version))
        yield _line(mine, np.ones(mine.num_rows, bool), task, version, Slice(), reviewed)
        for names in by:
            yield from _groups(mine, names, task, version, reviewed)


def _groups(
    outputs: pa.Table, names: tuple[str, ...], task: str, version: str, reviewed: Collection[str]
) -> Iterator[Selected]:
    """The groups of one attribute or combination; a small one is withheld, and the next smallest with it."""
    columns = [outputs[name].to_pylist() for name in names]
    keys = list(zip(*columns, strict=True))
    patients = outputs["subject_id"].to_pylist()
    size = {key: len({p for p, k in zip(patients, keys, strict=True) if k == key}) for key in sorted(set(keys))}
    small = {key for key, n in size.items() if n < SUPPRESS_BELOW}
    others = sorted((n, key) for key, n in size.items() if key not in small)
    hidden = small | ({others[0][1]} if len(small) == 1 and others else set())
    for key in size:
        where = Slice(tuple(zip(names, key, strict=True)))
        inside = np.array([k == key for k in keys])
        line = _line(outputs, inside, task, version, where, reviewed)
        yield Selected(task, version, str(where), suppressed=True) if key in hidden else line


def _line(
    outputs: pa.Table,
    inside: NDArray[np.bool_],
    task: str,
    version: str,
    where: Slice,
    reviewed: Collection[str],
) -> Selected:
    rows = outputs.filter(pa.array(inside))
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
