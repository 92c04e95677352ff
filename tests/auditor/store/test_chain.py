"""Canonical JSON and the hash chain."""

import hashlib
import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.store.chain import GENESIS, Entry, canonical, digest_of, first_break, fold, rebuild, stamp
from auditor.store.errors import StoreError

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
KEYS = {"systems": ("name",), "versions": ("system", "version")}


@given(values)
def test_canonical_json_reads_back_and_is_its_own_canonical_form(value: Any) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text
    assert text.isascii()


@given(st.dictionaries(st.text(), scalars, max_size=6), st.randoms(use_true_random=False))
def test_equal_values_give_equal_text_whatever_the_order_of_keys(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert canonical(dict(items)) == canonical(value)
    assert digest_of(dict(items)) == digest_of(value)


def test_canonical_json_says_what_is_missing_and_refuses_what_json_cannot_say() -> None:
    assert canonical([math.nan, np.float64(0.5), np.int64(3), date(2026, 1, 2)]) == '[null,0.5,3,"2026-01-02"]'
    for value in (math.inf, {"a": [-math.inf]}, {1: 2}, b"bytes", {1, 2}, object()):
        with pytest.raises(StoreError):
            canonical(value)


@given(st.timedeltas(timedelta(0), timedelta(days=3_000_000)), st.integers(-23, 23))
def test_a_moment_is_written_one_way_in_every_zone(since: timedelta, hours: int) -> None:
    utc = datetime(2, 1, 1, tzinfo=UTC) + since
    text = stamp(utc)
    assert stamp(utc.astimezone(timezone(timedelta(hours=hours)))) == text
    assert datetime.fromisoformat(text) == utc
    assert len(text) == 27


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(StoreError, match="zone"):
        stamp(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


entries = st.builds(
    Entry,
    seq=st.integers(1, 10**9),
    at=st.just("2026-01-01T00:00:00.000000Z"),
    actor=st.text(max_size=5),
    action=st.sampled_from(["insert", "update"]),
    table=st.sampled_from(["systems", "versions"]),
    record=st.dictionaries(st.text(max_size=3), scalars, max_size=3).map(canonical),
)


@given(entries)
def test_an_entry_is_hashed_as_its_canonical_json(entry: Entry) -> None:
    whole = {
        "seq": entry.seq,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "table": entry.table,
        "record": json.loads(entry.record),
    }
    assert entry.text() == canonical(whole)
    assert entry.link(GENESIS) == hashlib.sha256((GENESIS + canonical(whole)).encode()).hexdigest()


def chain(records: list[str]) -> list[tuple[Entry, str, str]]:
    chained, previous = [], GENESIS
    for seq, record in enumerate(records, start=1):
        entry = Entry(seq, "2026-01-01T00:00:00.000000Z", "me", "insert", "systems", record)
        chained.append((entry, previous, entry.link(previous)))
        previous = chained[-1][2]
    return chained


@given(
    st.lists(st.text(max_size=4).map(lambda name: canonical({"name": name})), min_size=1, max_size=8), st.data()
)
def test_a_change_of_any_entry_is_found_where_it_is(records: list[str], data: st.DataObject) -> None:
    whole = chain(records)
    assert first_break(whole) is None
    at = data.draw(st.integers(0, len(whole) - 1))
    entry, previous, own = whole[at]
    forged = Entry(entry.seq, entry.at, entry.actor, entry.action, entry.table, canonical({"name": "forged!"}))
    changed = [*whole[:at], (forged, previous, own), *whole[at + 1 :]]
    assert (first_break(changed) or (None,))[0] == at + 1
    # one who also mends the entry's own hash breaks the link of the next
    mended = [*whole[:at], (forged, previous, forged.link(previous)), *whole[at + 1 :]]
    assert (first_break(mended) or (None,))[0] == (at + 2 if at + 1 < len(whole) else None)


@given(st.integers(2, 6), st.data())
def test_a_removed_or_moved_entry_is_found(count: int, data: st.DataObject) -> None:
    whole = chain([canonical({"name": str(i)}) for i in range(count)])
    at = data.draw(st.integers(0, count - 2))
    assert (first_break(whole[:at] + whole[at + 1 :]) or (None,))[0] == at + 1
    swapped = [*whole[:at], whole[at + 1], whole[at], *whole[at + 2 :]]
    assert (first_break(swapped) or (None,))[0] == at + 1


def test_the_newest_row_of_each_key_is_the_table() -> None:
    def entry(seq: int, table: str, row: dict[str, Any]) -> Entry:
        return Entry(seq, "t", "me", "insert", table, canonical(row))

    journal = [
        entry(1, "systems", {"name": "a", "x": 1}),
        entry(2, "versions", {"system": "a", "version": "1"}),
        entry(3, "systems", {"name": "b", "x": 1}),
        entry(4, "systems", {"name": "a", "x": 2}),
    ]
    assert rebuild(journal, KEYS) == {
        "systems": [{"name": "a", "x": 2}, {"name": "b", "x": 1}],
        "versions": [{"system": "a", "version": "1"}],
    }


@pytest.mark.parametrize(
    ("table", "record"),
    [("systems", "{}"), ("systems", "not json"), ("systems", "[]"), ("systems", '{"name":[]}'), ("x", "{}")],
)
def test_an_entry_that_holds_no_row_is_named(table: str, record: str) -> None:
    with pytest.raises(StoreError, match="entry 7"):
        fold([Entry(7, "t", "me", "insert", table, record)], KEYS)
