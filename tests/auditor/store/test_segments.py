"""Which segments an audit sees, and the index that keeps a row from going in twice."""

import hashlib
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.store import tables as t
from auditor.store.errors import StaleError, StoreError
from auditor.store.index import CONFLICT, NEW, SAME, IdIndex
from auditor.store.lake import Segment
from auditor.store.segments import last_seq, register_segments, segments_of
from tests.auditor.store.conftest import NOW, Stores, rows_of, system_row


def segment(name: str, kind: str = "outputs") -> Segment:
    return Segment(hashlib.sha256(name.encode()).hexdigest(), kind, 1, 10)


def register(stores: Stores, *names: str, hours: int = 0, system: str = "drafts", kind: str = "outputs") -> int:
    with stores.ledger.transaction("me", NOW + timedelta(hours=hours)) as tx:
        tx.insert_new(t.systems, [system_row(system)])
        return register_segments(tx, [segment(name, kind) for name in names], system)


def test_an_audit_sees_what_was_received_by_its_day_and_pinned(stores: Stores) -> None:
    assert register(stores, "a", "b") == 2
    assert register(stores, "r", kind="references") == 3
    assert register(stores, "c", hours=5) == 4
    assert register(stores, "a", system="other", hours=6) == 5, "two systems may receive the same rows"
    assert last_seq(stores.ledger) == 5
    assert last_seq(stores.ledger, "drafts", "outputs") == 4
    assert last_seq(stores.ledger, "nobody") == 0

    def seen(**limits: object) -> list[int]:
        return [s.seq for s in segments_of(stores.ledger, "drafts", "outputs", **limits)]  # type: ignore[arg-type]

    assert seen() == [1, 2, 4]
    assert seen(as_of=NOW) == [1, 2]
    assert seen(as_of=NOW - timedelta(microseconds=1)) == []
    assert seen(as_of=NOW + timedelta(hours=5)) == [1, 2, 4]
    assert seen(pin=1) == [1]
    (first, *_) = segments_of(stores.ledger, "drafts", "outputs")
    assert (first.sha256, first.received_at, first.file_id) == (segment("a").sha256, NOW, None)


def test_registering_again_changes_nothing(stores: Stores) -> None:
    register(stores, "a", "b")
    assert register(stores, "b", "a", hours=3) == 2
    assert register(stores, "b", "c", "c", hours=4) == 3
    assert len(segments_of(stores.ledger, "drafts", "outputs")) == 3


def test_one_kind_at_a_time(stores: Stores) -> None:
    with stores.ledger.transaction("me", NOW) as tx:
        for new in ([], [segment("a"), segment("b", "cases")]):
            with pytest.raises(StoreError, match="one kind"):
                register_segments(tx, new, "drafts")


def test_the_slower_of_two_writers_is_told(stores: Stores) -> None:
    index = IdIndex.load(stores.ledger, stores.lake, "outputs", "drafts")
    register(stores, "r", kind="references")  # concerns nobody who adds outputs
    with stores.ledger.transaction("me", NOW) as tx:
        register_segments(tx, [segment("a")], "drafts", expected_last_seq=index.last_seq)
    with pytest.raises(StaleError, match="load the index again"), stores.ledger.transaction("me", NOW) as tx:
        register_segments(tx, [segment("b")], "drafts", expected_last_seq=index.last_seq)
    assert len(segments_of(stores.ledger, "drafts", "outputs")) == 1


def test_the_index_knows_what_is_registered_and_nothing_else(stores: Stores) -> None:
    stored = stores.lake.write(rows_of("a", "b"), "outputs")
    more = stores.lake.write(rows_of("c"), "outputs")
    stores.lake.write(rows_of("unregistered"), "outputs")
    with stores.ledger.transaction("me", NOW) as tx:
        tx.insert(t.systems, [system_row()])
        register_segments(tx, [stored, more], "drafts")
    index = IdIndex.load(stores.ledger, stores.lake, "outputs", "drafts")
    assert (len(index), index.last_seq) == (3, 2)
    asked = rows_of("b", "c", "unregistered", "d")
    seen = index.lookup(asked["output_id"], asked["digest"])
    assert seen.id.tolist() == seen.content.tolist() == [True, True, False, False]
    assert len(IdIndex.load(stores.ledger, stores.lake, "outputs", "nobody")) == 0
    with pytest.raises(StoreError, match="no identifier"):
        IdIndex.load(stores.ledger, stores.lake, "judgements", "drafts")


def arrays(rows: list[tuple[str, int]]) -> tuple[pa.Array, pa.Array]:
    digests = [digest.to_bytes(16, "big") for _, digest in rows]
    return pa.array([name for name, _ in rows], pa.string()), pa.array(digests, pa.binary(16))


row = st.tuples(st.sampled_from(["", "a", "b", "ü", "long" * 40]), st.integers(0, 3))


@given(st.lists(st.tuples(st.lists(row, max_size=8), st.booleans()), max_size=5))
def test_decisions_equal_those_of_a_dictionary_asked_row_by_row(
    batches: list[tuple[list[tuple[str, int]], bool]],
) -> None:
    """The oracle: a plain dictionary of identifier → contents accepted so far."""
    index, held = IdIndex(), dict[str, set[int]]()
    for rows, amendable in batches:
        ids, digests = arrays(rows)
        seen = index.lookup(ids, digests)
        assert seen.id.tolist() == [name in held for name, _ in rows]
        assert seen.content.tolist() == [digest in held.get(name, ()) for name, digest in rows]
        codes = index.decide(ids, digests, np.full(len(rows), amendable))
        for (name, digest), code in zip(rows, codes, strict=True):
            known = held.get(name, set())
            expected = SAME if digest in known else CONFLICT if known and not amendable else NEW
            assert code == expected
            if code == NEW:
                held.setdefault(name, set()).add(digest)
        new = pa.array(codes == NEW)
        index.add(ids.filter(new), digests.filter(new))
        assert len(index) == sum(map(len, held.values()))


def test_sliced_and_chunked_columns_are_read_where_they_lie() -> None:
    ids, digests = arrays([(f"id-{i}", i) for i in range(50)])
    index = IdIndex()
    index.add(ids.slice(10, 20), digests.slice(10, 20))
    chunked = pa.chunked_array([digests.slice(0, 15), digests.slice(15, 0), digests.slice(15)])
    seen = index.lookup(ids, chunked)
    assert np.flatnonzero(seen.content).tolist() == list(range(10, 30))


def test_many_rows_are_looked_up_in_bulk() -> None:
    count = 100_000
    digests = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), count, [None, pa.py_buffer(np.random.default_rng(0).bytes(16 * count))]
    )
    ids = pa.array([hashlib.sha256(str(i).encode()).hexdigest() for i in range(count)])
    index = IdIndex()
    for start in range(0, count, 20_000):
        index.add(ids.slice(start, 20_000), digests.slice(start, 20_000))
    assert (index.decide(ids, digests) == SAME).all()
    turned = digests.take(pa.array(np.roll(np.arange(count), 1)))
    assert (index.decide(ids, turned) == CONFLICT).all()
    assert (index.decide(ids, turned, np.ones(count, np.bool_)) == NEW).all()
