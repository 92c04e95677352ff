"""The journal's arithmetic: canonical JSON, the hash chain over it, and the tables as its projection.

An entry's hash is ``sha256(previous hash + canonical JSON of the entry)``, so changing, removing, adding or
reordering an entry changes every later hash. The chain shows that a record was altered; it does not prevent
it, and who can rewrite the whole journal can rewrite its hashes: that is why reports print its head.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from numbers import Integral
from typing import Any, Final

from auditor.store.errors import StoreError

#: What the first entry names as its previous hash.
GENESIS: Final = "0" * 64

#: The names of the primary-key columns of every table.
Keys = Mapping[str, tuple[str, ...]]

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def stamp(value: datetime) -> str:
    """The one way a moment is written: UTC, microseconds, Z.

    >>> stamp(datetime(2026, 3, 1, 12, tzinfo=UTC))
    '2026-03-01T12:00:00.000000Z'
    """
    if value.tzinfo is None:
        raise StoreError("A time without a zone cannot be recorded; give it one, for example UTC.")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _plain(value: Any) -> Any:
    """`value` in JSON's own types: NaN is null, keys are strings; what JSON cannot say is refused."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Integral):  # of numpy
        return int(value)
    if isinstance(value, float):
        if math.isinf(value):
            raise StoreError("An infinite number cannot be recorded; leave it out and say why in a note.")
        return None if math.isnan(value) else float(value)
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise StoreError("A record's keys must be text; convert them before recording it.")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise StoreError(f"A value of type {type(value).__name__} cannot be recorded; convert it to plain JSON.")


def canonical(value: object) -> str:
    """JSON with sorted keys, no spaces and ASCII only: equal values give equal text. NaN becomes null.

    Raises StoreError for what JSON cannot hold: infinity, keys that are no text, foreign types.

    >>> canonical({"b": float("nan"), "a": (1, "é")})
    '{"a":[1,"\\\\u00e9"],"b":null}'
    """
    return _encode(_plain(value))


def digest_of(value: object) -> str:
    """SHA-256 (hex) of a value's canonical JSON: a name for its content.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: the whole new row of a table as canonical JSON (`record`), who made it and when."""

    seq: int
    at: str  # as `stamp` writes it
    actor: str
    action: str  # insert | update
    table: str
    record: str

    def text(self) -> str:
        """The entry's canonical JSON; put together by hand because the record is canonical already."""
        return (
            f'{{"action":{_encode(self.action)},"actor":{_encode(self.actor)},"at":{_encode(self.at)},'
            f'"record":{self.record},"seq":{self.seq},"table":{_encode(self.table)}}}'
        )

    def link(self, previous: str) -> str:
        """The entry's hash, given the hash of the entry before it."""
        return hashlib.sha256((previous + self.text()).encode()).hexdigest()


def fold(entries: Iterable[Entry], keys: Keys) -> dict[str, dict[tuple[Any, ...], str]]:
    """The tables as the journal says they are: table → primary key → canonical JSON of the newest row."""
    tables: dict[str, dict[tuple[Any, ...], str]] = {name: {} for name in keys}
    for entry in entries:
        if entry.table not in keys:
            raise StoreError(f"Journal entry {entry.seq} names a table that this version does not know.")
        try:
            row = json.loads(entry.record)
            key = tuple(row[column] for column in keys[entry.table])
            tables[entry.table][key] = entry.record
        except (ValueError, KeyError, TypeError):
            raise StoreError(f"Journal entry {entry.seq} holds no row of table {entry.table}.") from None
    return tables


def rebuild(entries: Iterable[Entry], keys: Keys) -> dict[str, list[dict[str, Any]]]:
    """Every table's rows made from the journal alone, in the order in which they were first written."""
    tables = fold(entries, keys)
    return {name: [json.loads(record) for record in rows.values()] for name, rows in tables.items()}


def first_break(chained: Iterable[tuple[Entry, str, str]]) -> tuple[int, str] | None:
    """The first fault of a chain of (entry, previous, hash) as (seq, sentence); None where it holds."""
    expected, before = 1, GENESIS
    for entry, previous, own in chained:
        if entry.seq != expected:
            return expected, f"Journal entry {expected} is missing; entry {entry.seq} stands in its place."
        if previous != before:
            return entry.seq, f"Journal entry {entry.seq} does not follow from the entry before it."
        if entry.link(previous) != own:
            return entry.seq, f"Journal entry {entry.seq} was changed: its content does not give its hash."
        expected, before = expected + 1, own
    return None
