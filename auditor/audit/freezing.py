"""A frozen set: pairs of output and reference that are set aside once, with what the judge first said of them.

Kept in the ledger and journalled: which rows of the lake make each pair, by digest, and the names of the first
judgements. What arrives or is amended later, and another judge, change nothing of it; rows that an erasure takes
are no longer found.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from numpy.typing import NDArray

from auditor.audit.agreement import READ
from auditor.audit.linking import Linked, joined_references, primary_references, rows_of_references
from auditor.audit.measuring import reference_of
from auditor.audit.scope import Scope
from auditor.audit.tallying import rows_within
from auditor.judges import Judge
from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.ledger import Ledger, Transaction
from auditor.store.segments import Readable
from monitors.judged import GRID

_KIND: Final = "frozen"


class First(NamedTuple):
    """What an audit judged of one task: `judged` and `keys` row by row beside `linked`."""

    task: str
    judge: Judge
    linked: Linked
    judged: pa.Table
    keys: Sequence[bytes]
    unsettled: Sequence[bytes]  # of `keys`: what the trouble of a server prevented


@dataclass(frozen=True)
class Frozen:
    """A frozen set as the ledger keeps it; pairs row by row, digests as hexadecimal."""

    frozen_on: date
    as_of: datetime
    made_from: str
    judge: str  # the digest of the judge that judged first
    outputs: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]  # the report, then its addenda
    cases: tuple[str | None, ...]
    first: tuple[str, ...]  # the keys of the first judgements


@dataclass(frozen=True)
class Waiting:
    """Why there is no frozen set yet, and how many pairs there are for one: few | server | later."""

    why: str
    there: int = 0


def week_of(scope: Scope) -> str:
    """The ISO week of the audit in the system's zone."""
    year, week, _ = scope.local_day.isocalendar()
    return f"{year}-W{week:02d}"


def made_from(scope: Scope, inputs: str, mature: date | None, judge: str) -> str:
    """The name of all that a set frozen now would depend on."""
    return digest_of([scope.config.split("-")[0], inputs, mature and mature.isoformat(), judge])


def frozen_digest(ledger: Ledger, scope: Scope, sources: Mapping[str, str]) -> str:
    """What the key of a build must know: the week, and sets that were not frozen from what it sees itself.

    `sources` has `made_from` by task. What was frozen from the same would be frozen the same again.
    """
    asked = [task for task, setting in scope.settings.tasks.items() if setting.check and setting.check.frozen]
    if not asked:
        return ""
    used = {}
    for task in asked:
        one = frozen_set(ledger, scope, task)
        if one is not None and one.made_from != sources[task]:
            used[task] = one.made_from
    return digest_of([week_of(scope), used])


def frozen_set(reader: Readable, scope: Scope, task: str) -> Frozen | None:
    """The set that the settings of a task ask for; None where none is frozen yet."""
    rows = reader.read(sa.select(t.artifacts.c.value).where(t.artifacts.c.key == _name(scope, task)))
    return _read(rows[0]["value"]) if rows else None


def freeze(
    scope: Scope,
    first: First,
    references: pa.Table,
    source: str,
    transaction: Callable[[], AbstractContextManager[Transaction]],
) -> Frozen | Waiting:
    """The frozen set of a task: the one there is, else one that is chosen and kept now.

    It waits until there are as many pairs as asked for, and until the judge's server answers for each of them: a
    set is frozen once, and is to be the same whatever trouble there was on the day. A set frozen by an audit of a
    later `as_of` does not exist for this one, which freezes none beside it.
    """
    with transaction() as tx:
        found = frozen_set(tx, scope, first.task)
        if found is not None:
            return found if found.as_of <= scope.as_of else Waiting("later")
        check = scope.settings.tasks[first.task].check  # type: ignore[index]
        assert check is not None and check.frozen is not None
        rows = _smallest(first.linked, _fit(scope, first), check.frozen)
        if len(rows) < check.frozen:
            return Waiting("few", len(rows))
        lost = set(first.unsettled)
        if any(first.keys[row] in lost for row in rows):
            return Waiting("server", len(rows))
        value = _value(scope, first, references, source, rows)
        row = {"key": _name(scope, first.task), "kind": _KIND, "system": scope.system, "value": value}
        tx.insert(t.artifacts, [row | {"created_at": tx.at}])
    return _read(value)


def found_again(
    frozen: Frozen, tables: Mapping[str, pa.Table], reader_of: Callable[[pa.Array], pa.Table]
) -> tuple[Linked, pa.Table]:
    """The pairs of which every row and the first judgement are still there, and these judgements row by row.

    Rows are looked for among all there are, also where a newer one stands in their place. `reader_of` gives the
    stored judgements of some keys, in any order. Each pair weighs one: it is the judge that is looked at.
    """
    outputs = _places(tables["outputs"], frozen.outputs)
    cases = _places(tables["cases"], frozen.cases)
    parts = [_places(tables["references"], rows) for rows in frozen.references]
    keys = pa.array([bytes.fromhex(key) for key in frozen.first], pa.binary(16))
    known = reader_of(keys)
    judgements = pc.index_in(keys, value_set=known["key"].combine_chunks()).to_pylist()
    there = [
        i
        for i in range(len(frozen.outputs))
        if outputs[i] is not None
        and judgements[i] is not None
        and None not in parts[i]
        and (cases[i] is not None or frozen.cases[i] is None)
    ]
    addenda = {n: [row for row in parts[i][1:] if row is not None] for n, i in enumerate(there)}
    linked = Linked(
        tables["outputs"].take(_rows([outputs[i] for i in there])),
        joined_references(
            tables["references"],
            _rows([parts[i][0] for i in there]),
            {n: rows for n, rows in addenda.items() if rows},
        ),
        tables["cases"].take(_rows([cases[i] for i in there])),
        np.full(len(there), GRID, dtype=np.int64),
    )
    return linked, known.take(_rows([judgements[i] for i in there]))


def _name(scope: Scope, task: str) -> str:
    """The name of a set: of all that asks for it."""
    check = scope.settings.tasks[task].check  # type: ignore[index]
    window = scope.settings.reference_window
    about = {"pairs": check and check.frozen, "reference": [str(window.start), str(window.end)]}
    return f"{_KIND}:{scope.system}:{task}:{digest_of(about)[:24]}"


def _fit(scope: Scope, first: First) -> NDArray[np.int64]:
    """The rows that a set may be chosen from: mature, in the reference window if there is one, and judged.

    What a server's trouble kept from being judged is among them: it would be, but for the trouble.
    """
    judged = pc.is_in(first.judged["status"].cast(pa.string()), value_set=pa.array(READ[first.task]))
    lost = pc.is_in(pa.array(first.keys, pa.binary(16)), value_set=pa.array(first.unsettled, pa.binary(16)))
    days = first.judged["day"]
    fit = np.asarray(judged) | np.asarray(lost)
    fit &= np.asarray(pc.fill_null(pc.less_equal(days, scope.mature_until), False))
    window = reference_of(scope.settings)
    if window is not None:
        fit &= np.asarray(rows_within(days, window))
    rows: NDArray[np.int64] = np.flatnonzero(fit & first.linked.has_reference)
    return rows


def _smallest(linked: Linked, rows: NDArray[np.int64], count: int) -> list[int]:
    """Those of the rows whose output's hash is smallest, in the order of their hashes."""
    digests = linked.outputs["digest"].to_pylist()
    return sorted(rows.tolist(), key=lambda row: hashlib.sha256(b"frozen\x1f" + digests[row]).digest())[:count]


def _value(scope: Scope, first: First, references: pa.Table, source: str, rows: Sequence[int]) -> dict[str, Any]:
    """A set as JSON can hold it."""
    linked = first.linked
    of_cases = pc.unique(linked.references["case_id"].take(rows))
    primary = primary_references(references, first.task, scope.settings)
    parts = rows_of_references(primary.filter(pc.is_in(primary["case_id"], value_set=of_cases)).combine_chunks())
    held, cases = linked.references["digest"].to_pylist(), linked.cases["digest"].to_pylist()
    outputs = linked.outputs["digest"].to_pylist()
    return {
        "frozen_on": scope.local_day.isoformat(),
        "as_of": scope.as_of.astimezone(UTC).isoformat(),
        "made_from": source,
        "judge": first.judge.digest,
        "outputs": [outputs[row].hex() for row in rows],
        "references": [[one.hex() for one in parts.get(held[row], [held[row]])] for row in rows],
        "cases": [None if cases[row] is None else cases[row].hex() for row in rows],
        "first": [first.keys[row].hex() for row in rows],
    }


def _read(value: Mapping[str, Any]) -> Frozen:
    return Frozen(
        frozen_on=date.fromisoformat(value["frozen_on"]),
        as_of=datetime.fromisoformat(value["as_of"]),
        made_from=value["made_from"],
        judge=value["judge"],
        outputs=tuple(value["outputs"]),
        references=tuple(tuple(rows) for rows in value["references"]),
        cases=tuple(value["cases"]),
        first=tuple(value["first"]),
    )


def _places(table: pa.Table, digests: Sequence[str | None]) -> list[int | None]:
    """The row of each digest; None where there is none any more."""
    wanted = pa.array([None if one is None else bytes.fromhex(one) for one in digests], pa.binary(16))
    places: list[int | None] = pc.index_in(
        wanted, value_set=table["digest"].combine_chunks(), skip_nulls=True
    ).to_pylist()
    return places


def _rows(places: Sequence[int | None]) -> pa.Array:
    return pa.array(places, pa.int64())
