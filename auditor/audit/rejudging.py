"""The judge's drift: every week the frozen set is judged anew and held against what the judge first said of it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from auditor.audit.agreement import paired
from auditor.audit.freezing import First, Frozen, found_again, freeze, week_of
from auditor.audit.judged_table import from_judgements
from auditor.audit.judging import Progress, judge_pairs, pair_keys, stored_judgements
from auditor.audit.scope import Scope
from auditor.judges import Judge, in_week
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, Transaction
from auditor.store.segments import Readable
from monitors import agreement, frame
from monitors.agreement import FROZEN
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice, Window
from monitors.movement import MOVED
from monitors.tally import Tally
from reports.dossier import Estimate, FrozenPairs, Row

#: The item that a report speaks of, and that the rules of the product are about.
LEADING: Final[Mapping[str, str]] = {"report": "flagged", "vqa": "correct"}
_KIND: Final = "judge of a week"


class Rejudged(NamedTuple):
    """What was measured, what is said of it, and the keys of judgements that the trouble of a server prevented."""

    measurements: list[Measurement]
    said: list[dict[str, Any]]
    unsettled: tuple[bytes, ...]


def rejudge(
    ledger: Ledger,
    lake: Lake,
    scope: Scope,
    first: First,
    tables: Mapping[str, pa.Table],
    source: str,
    version: str,
    transaction: Callable[[], AbstractContextManager[Transaction]],
    progress: Progress,
) -> Rejudged:
    """Judge the frozen set of a task in this week, and measure what differs; nothing where none is asked for.

    `source` is what a set frozen now is made from (`freezing.made_from`). The numbers are about the judge,
    whichever version wrote the drafts: they are of the whole set, and stand under `version`, the one in use.
    """
    check = scope.settings.tasks[first.task].check  # type: ignore[index]
    if check is None or check.frozen is None:
        return Rejudged([], [], ())
    frozen = freeze(scope, first, tables["references"], source, transaction)
    monday = scope.local_day - timedelta(days=scope.local_day.weekday())
    about: dict[str, Any] = {"task": first.task, "asked": check.frozen, "week": monday.isoformat()}
    if not isinstance(frozen, Frozen):
        return Rejudged([], [about | {"waiting": frozen.why, "there": frozen.there}], ())
    linked, then = found_again(frozen, tables, lambda keys: stored_judgements(ledger, lake, scope.system, keys))
    about |= {
        "frozen_on": frozen.frozen_on.isoformat(),
        "pairs": linked.outputs.num_rows,
        "gone": len(frozen.outputs) - linked.outputs.num_rows,
        "judge_first": frozen.judge,
        "judge_now": first.judge.digest,
        "item": LEADING[first.task],
    }
    if not linked.outputs.num_rows:
        return Rejudged([], [about], ())
    judge = _of_week(scope, first, transaction)
    keys = pair_keys(linked, judge.digest)
    found = judge_pairs(ledger, lake, scope.system, judge, linked, keys, transaction, progress)
    before, now = (
        from_judgements(linked, one, keys, first.task, scope.settings) for one in (then, found.judgements)
    )
    pairs = _of_version(paired(first.task, before, now), version)
    days = pc.min_max(linked.outputs["day"])
    made = _measured(pairs, first.task, version, Window(days["min"].as_py(), days["max"].as_py()), scope)
    return Rejudged(made, [about | _rates(pairs, LEADING[first.task])], found.unsettled)


def recorded_frozen(one: Mapping[str, Any], rows: Sequence[Row]) -> FrozenPairs:
    """What the audit wrote into its details, with the numbers of `rows`, withheld where patients are few."""
    found = {
        row.measure: Estimate(row.value, row.low, row.high)
        for row in rows
        if (row.task, row.item) == (one["task"], one.get("item"))
        and row.measure in ("frozen_agreement", "frozen_moved")
        and row.value is not None
        and row.low is not None
        and row.high is not None
    }
    days = {name: date.fromisoformat(one[name]) for name in ("week", "frozen_on") if name in one}
    known = {**one, **days, "agreement": found.get("frozen_agreement"), "moved": found.get("frozen_moved")}
    if not found:
        known |= {"rate_first": None, "rate_now": None}
    return FrozenPairs(**known)


def weekly_judges(reader: Readable, system: str) -> set[str]:
    """The digest of every judge that was asked anew in some week, whatever became of that audit."""
    query = sa.select(t.artifacts.c.value).where(t.artifacts.c.kind == _KIND, t.artifacts.c.system == system)
    return {row["value"]["judge"] for row in reader.read(query)}


def _of_week(scope: Scope, first: First, transaction: Callable[[], AbstractContextManager[Transaction]]) -> Judge:
    """The judge of this week, put on record before it says anything: an erasure must know whose judgements go."""
    judge = in_week(first.judge, week_of(scope))
    with transaction() as tx:
        row = {"key": f"judge of a week:{scope.system}:{judge.digest}", "kind": _KIND, "system": scope.system}
        value = {"task": first.task, "week": week_of(scope), "judge": judge.digest, "of": first.judge.digest}
        tx.insert_new(t.artifacts, [row | {"value": value, "created_at": tx.at}])
    return judge


def _of_version(pairs: pa.Table, version: str) -> pa.Table:
    """The pairs as one group, under the version that the audit is about."""
    place = pairs.schema.get_field_index("version")
    column = pa.array([version] * pairs.num_rows, pa.string()).dictionary_encode()
    return pairs.set_column(place, pairs.schema.field(place), column.cast(pairs.schema.field(place).type))


def _measured(pairs: pa.Table, task: str, version: str, window: Window, scope: Scope) -> list[Measurement]:
    strata, seed = ("version", "item"), scope.settings.seed
    made = agreement.measure(FROZEN, Tally.of(FROZEN, pairs, strata, seed), version=version, window=window)
    tally = Tally.of(MOVED, pairs, strata, seed)
    made += frame.measure(Desk(MOVED, tally, version), [Slice()], items=tally.values("item"), window=window)
    return [replace(one, task=task) for one in made]


def _rates(pairs: pa.Table, item: str) -> dict[str, float | None]:
    """The share of yes at first and now, of pairs that have both judgements; None where none has."""
    rows = pairs.filter(pc.equal(pairs["item"].cast(pa.string()), item))
    rows = rows.filter(pc.and_(pc.is_valid(rows["first"]), pc.is_valid(rows["second"])))
    return {"rate_first": pc.mean(rows["first"]).as_py(), "rate_now": pc.mean(rows["second"]).as_py()}
