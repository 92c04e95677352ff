"""How far the judge can be relied on: a share of the outputs is judged again, by itself or by another judge."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditor.audit.judged_table import from_judgements
from auditor.audit.judging import Progress, judge_pairs, pair_keys
from auditor.audit.linking import Linked
from auditor.audit.scope import Scope
from auditor.audit.tallying import rows_within
from auditor.judges import Judge, for_task
from auditor.settings import Task
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from monitors.agreement import JUDGES, REPEATS, Agreement, measure
from monitors.judged import COMMON, judged_schema
from monitors.measurement import Measurement
from monitors.tally import Tally

#: What both judges are compared on: an item is a yes where any of its columns is above zero.
ITEMS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "report": {
        "contradicted": ("contradicted",),
        "unsupported": ("unsupported",),
        "omitted": ("omitted",),
        "laterality": ("laterality",),
        # the errors that alone may call for action
        "flagged": ("significant_contradicted", "significant_omitted", "laterality"),
    },
    "vqa": {"correct": ("correct",), "abstained": ("abstained",)},
}
_STRATA: Final = ("version", "item")
#: Statuses that say what the judge made of the output. A draft without words is so for every judge.
READ: Final = {"report": ("judged",), "vqa": ("judged", "unparseable")}


class Checked(NamedTuple):
    """The measures of agreement, and the keys of judgements that the trouble of a server prevented."""

    measurements: list[Measurement]
    unsettled: tuple[bytes, ...]


def other_judges(task: str, setting: Task) -> Iterator[tuple[Agreement, Judge]]:
    """Who judges again, and which comparison that is: the judge's own repeats, then the second judge."""
    check = setting.check
    if check is None:
        return
    for repeat in range(1, check.repeats + 1):
        yield REPEATS, for_task(task, setting.judge, repeat)
    if check.judge is not None:
        yield JUDGES, for_task(task, check.judge)


def check_judge(
    ledger: Ledger,
    lake: Lake,
    scope: Scope,
    task: str,
    others: Sequence[tuple[Agreement, Judge]],
    linked: Linked,
    judged: pa.Table,
    transaction: Callable[[], Any],
    progress: Progress,
) -> Checked:
    """Judge the chosen outputs again and measure agreement in the window, version by version.

    `others` are those of `other_judges`; `judged` is the judged table of the first judge, row by row beside
    `linked`.
    """
    setting = scope.settings.tasks[task]  # type: ignore[index]
    if setting.check is None or not others:
        return Checked([], ())
    rows = chosen(task, linked, judged, setting.check.share)
    some = Linked(
        linked.outputs.take(rows), linked.references.take(rows), linked.cases.take(rows), linked.weight[rows]
    )
    first = judged.take(rows)
    pairs: dict[str, list[pa.Table]] = {}
    unsettled: set[bytes] = set()
    for monitor, judge in others:
        if not len(rows):
            break
        keys = pair_keys(some, judge.digest)
        found = judge_pairs(ledger, lake, scope.system, judge, some, keys, transaction, progress)
        second = from_judgements(some, found.judgements, keys, task, scope.settings)
        pairs.setdefault(monitor.name, []).append(paired(task, first, second))
        unsettled |= set(found.unsettled)
    made = []
    for monitor in dict.fromkeys(monitor for monitor, _ in others):
        made += _measured(monitor, pairs.get(monitor.name, []), task, scope)
    return Checked(made, tuple(sorted(unsettled)))


def chosen(task: str, linked: Linked, judged: pa.Table, share: float) -> NDArray[np.int64]:
    """The rows that are judged again: those with a reference and a text whose output's hash is small.

    The choice hangs on the output alone, so it is the same in every audit, and no later output changes it.
    """
    fit = pc.is_in(
        judged["status"].cast(pa.string()), value_set=pa.array(["judged", "unparseable", "judge_failed"])
    )
    worth = np.asarray(fit) & linked.has_reference
    below = round(share * 2**64)
    small = [_place(digest) < below for digest in linked.outputs["digest"].to_pylist()]
    rows: NDArray[np.int64] = np.flatnonzero(worth & np.array(small, dtype=bool))
    return rows


def _place(digest: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"judged again\x1f" + digest).digest()[:8])


def paired(task: str, first: pa.Table, second: pa.Table) -> pa.Table:
    """Two judged tables of the same rows as pairs of judgements: one row an output and item.

    A judgement that is missing on either side leaves null, never no.
    """
    schema = judged_schema("agreement")
    read = [_has_status(judged, READ[task]) for judged in (first, second)]
    both = pc.and_(*read)
    status = pc.dictionary_encode(pc.if_else(both, "judged", "judge_failed"))
    tables = []
    for item, columns in ITEMS[task].items():
        made = {name: first[name] for name in (f.name for f in COMMON)} | {
            "item": pa.array([item] * first.num_rows, pa.string()).dictionary_encode(),
            "status": status,
            "first": _yes(first, columns, read[0]),
            "second": _yes(second, columns, read[1]),
        }
        tables.append(pa.table([made[f.name].cast(f.type) for f in schema], schema=schema))
    return pa.concat_tables(tables).unify_dictionaries()


def _has_status(judged: pa.Table, statuses: Sequence[str]) -> pa.ChunkedArray:
    return pc.is_in(judged["status"].cast(pa.string()), value_set=pa.array(statuses))


def _yes(judged: pa.Table, columns: Sequence[str], read: pa.ChunkedArray) -> pa.ChunkedArray:
    """1 where any of the columns is above zero, 0 where none is, null where there is no judgement."""
    above = [pc.fill_null(pc.greater(judged[name], 0), False) for name in columns]
    return pc.if_else(read, pc.cast(reduce(pc.or_, above), pa.int8()), pa.scalar(None, pa.int8()))


def _measured(monitor: Agreement, tables: Sequence[pa.Table], task: str, scope: Scope) -> list[Measurement]:
    if not tables:
        return []
    # repeats of one output stand side by side; they are the same patient's, so intervals allow for it
    pairs = pa.concat_tables(tables).unify_dictionaries()
    inside = pairs.filter(rows_within(pairs["day"], scope.window))
    tally = Tally.of(monitor, inside, _STRATA, scope.settings.seed)
    return [
        replace(one, task=task)
        for version in tally.values("version")
        for one in measure(monitor, tally, version=version, window=scope.window)
    ]
