"""The lake: what is written is read back, under the hash of its bytes, in any file system."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

from auditor.store.errors import StoreError
from auditor.store.lake import Lake
from auditor.store.schemas import LAKE
from tests.auditor.store.conftest import rows_of


@pytest.fixture(params=["folder", "file", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    memory = fsspec.filesystem("memory")
    folder = tmp_path / "a lake"
    url = {"folder": str(folder), "file": folder.as_uri(), "memory": "memory://lake/of/one"}[request.param]
    made = Lake(url)
    made.create()
    yield made
    if memory.exists("/lake"):
        memory.rm("/lake", recursive=True)


def test_rows_come_back_and_the_name_is_the_hash_of_the_bytes(lake: Lake) -> None:
    table = rows_of("a", "b", "ü")
    segment = lake.write(table, "outputs")
    assert (segment.kind, segment.rows) == ("outputs", 3)
    assert lake.exists(segment.sha256)
    assert lake.list() == {lake.name(segment.sha256)}, "no unfinished file stays"
    assert lake.sha256(segment.sha256) == (segment.sha256, segment.bytes)
    assert lake.read(segment.sha256, verify=True).equals(table)
    assert lake.read(segment.sha256, ["output_id"]).column_names == ["output_id"]
    assert lake.rows(segment.sha256) == 3


def test_the_same_rows_are_the_same_segment(lake: Lake) -> None:
    first, second = lake.write(rows_of("a", "b"), "outputs"), lake.write(rows_of("a", "b"), "outputs")
    assert first == second
    assert len(lake.list()) == 1
    assert lake.write(rows_of("b", "a"), "outputs").sha256 != first.sha256


def test_batches_stream_in_and_out(lake: Lake) -> None:
    table = pa.table({"n": list(range(200_000))})
    segment = lake.write(table.to_reader(max_chunksize=30_000), "judgements")
    assert segment.rows == 200_000
    batches = list(lake.batches(segment.sha256))
    assert len(batches) > 1
    assert pa.Table.from_batches(batches).equals(table)


@pytest.mark.parametrize("kind", sorted(LAKE))
def test_every_kind_of_segment_may_be_empty_and_keeps_its_schema(lake: Lake, kind: str) -> None:
    segment = lake.write(LAKE[kind].empty_table(), kind)
    assert segment.rows == 0
    assert lake.read(segment.sha256).schema.equals(LAKE[kind])


def test_several_segments_are_read_as_one(lake: Lake) -> None:
    words = [pa.table({"w": pa.array(w).dictionary_encode()}) for w in (["x", "y"], ["z", "x"])]
    segments = [lake.write(table, "judgements").sha256 for table in words]
    assert lake.read_many(segments)["w"].to_pylist() == ["x", "y", "z", "x"]
    nothing = lake.read_many([], ["digest"], LAKE["outputs"])
    assert nothing.num_rows == 0
    assert nothing.schema.field("digest") == LAKE["outputs"].field("digest")


def test_what_is_missing_or_damaged_is_a_sentence(lake: Lake) -> None:
    with pytest.raises(StoreError, match="0000 is missing"):
        lake.read("0" * 64)
    segment = lake.write(rows_of("a"), "outputs")
    with pytest.raises(StoreError, match="as asked"):
        list(lake.batches(segment.sha256, ["output_id", "nobody"]))


def test_damage_is_found_by_the_hash_even_where_parquet_reads_on(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    segment = lake.write(rows_of("a", "b"), "outputs")
    path = tmp_path / lake.name(segment.sha256)
    good = path.read_bytes()
    assert hashlib.sha256(good).hexdigest() == segment.sha256
    path.write_bytes(good.replace(b"parquet-cpp-arrow", b"parquet-cpp-arroW"))
    assert lake.read(segment.sha256).num_rows == 2, "the change is one that Parquet does not notice"
    with pytest.raises(StoreError, match="changed or damaged"):
        lake.read(segment.sha256, verify=True)
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(StoreError, match="damaged"):
        lake.read(segment.sha256)


def test_a_missing_folder_is_not_made_silently(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "unmounted"))
    with pytest.raises(StoreError, match="no lake folder"):
        lake.write(rows_of("a"), "outputs")
    assert not (tmp_path / "unmounted").exists()
    assert lake.list() == set()


def test_a_failed_write_leaves_nothing(lake: Lake) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from rows_of("a").to_batches()
        raise ArithmeticError

    reader = pa.RecordBatchReader.from_batches(rows_of("a").schema, broken())
    with pytest.raises(ArithmeticError):
        lake.write(reader, "outputs")
    assert lake.list() == set()


def test_an_address_that_nobody_understands_is_a_sentence() -> None:
    with pytest.raises(StoreError, match="not understood"):
        Lake("nosuchscheme://x")
