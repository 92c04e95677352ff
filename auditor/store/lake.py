"""The lake: immutable Parquet segments, each named by the SHA-256 of its bytes, in a folder or object store.

A segment exists when the ledger says so; a file that nobody registered is rubbish, which `verify` names.
"""

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import IO, Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from auditor.store.errors import StoreError

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the lake: the SHA-256 of its bytes, what it holds, and how much."""

    sha256: str
    kind: str  # outputs | references | cases | judgements | tallies
    rows: int
    bytes: int


class _HashedFile(RawIOBase):
    """A file that is written once from front to back, and hashed on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        self._hash.update(data)
        self._file.write(data)
        size = memoryview(data).nbytes
        self.size += size
        return size

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class Lake:
    """A lake by its address: a folder, or any address that fsspec understands (`s3://bucket/lake`)."""

    def __init__(self, url: str) -> None:
        try:
            fs, root = url_to_fs(url)
        except (ValueError, ImportError):
            raise StoreError(
                "The lake's address is not understood, or the package for it is not installed; "
                "name a folder or an fsspec address such as s3://bucket/lake."
            ) from None
        self._fs: fsspec.AbstractFileSystem = fs
        self._root: str = root.rstrip("/")
        self._local = isinstance(fs, LocalFileSystem)

    def create(self) -> None:
        """Make the lake's folder. Harmless to repeat."""
        with self._clearly("made"):
            self._fs.makedirs(self._root, exist_ok=True)

    def write(self, data: pa.Table | pa.RecordBatchReader, kind: str) -> Segment:
        """Write one segment: durable when this returns, part of the record once it is registered."""
        if self._local and not Path(self._root).is_dir():
            raise StoreError(f"There is no lake folder at {self._root}; make one with 'auditor init'.")
        with self._new_file() as hashed:
            rows = _write_parquet(data, hashed)
        return Segment(hashed.sha256, kind, rows, hashed.size)

    def copy_out(self, sha256: str, target: IO[bytes]) -> None:
        """Write a segment's bytes to a file. Raises StoreError where they do not give its name."""
        state = hashlib.sha256()
        with self._opened(sha256) as file:
            while piece := file.read(_CHUNK):
                state.update(piece)
                target.write(piece)
        if state.hexdigest() != sha256:
            raise StoreError(f"Segment {sha256} in the lake was changed or damaged; restore it from a back-up.")

    def copy_in(self, sha256: str, source: IO[bytes]) -> None:
        """Take a segment's bytes from a file. Raises StoreError, and keeps nothing, where they are others."""
        with self._new_file() as hashed:
            while piece := source.read(_CHUNK):
                hashed.write(piece)
            if hashed.sha256 != sha256:
                raise StoreError(f"Segment {sha256} of the back-up is damaged; use another back-up.")

    @contextmanager
    def _new_file(self) -> Iterator[_HashedFile]:
        """A file that becomes durable under the name of its bytes, unless its writer fails."""
        temporary = f"{self._root}/unfinished-{uuid.uuid4().hex}"
        with self._clearly("written"):
            try:
                with self._fs.open(temporary, "wb") as file:
                    hashed = _HashedFile(file)
                    yield hashed
                    if self._local:
                        file.flush()
                        os.fsync(file.fileno())
                self._publish(temporary, self._path(hashed.sha256))
            finally:
                if self._fs.exists(temporary):
                    self._fs.rm_file(temporary)

    def _publish(self, temporary: str, final: str) -> None:
        """Give a finished file its name; a file of that name has the same bytes already."""
        folder = final.rsplit("/", 1)[0]
        self._fs.makedirs(folder, exist_ok=True)
        if not self._local:
            if not self._fs.exists(final):
                self._fs.mv(temporary, final)
            return
        Path(temporary).replace(final)
        for changed in (
            folder,
            self._root,
        ):  # a rename is lost with the power unless its folder is synced too
            descriptor = os.open(changed, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read(self, sha256: str, columns: Sequence[str] | None = None, verify: bool = False) -> pa.Table:
        """A segment's rows. With `verify`, its bytes are first held against its name."""
        if verify and self.sha256(sha256)[0] != sha256:
            raise StoreError(f"Segment {sha256} in the lake was changed or damaged; restore it from a back-up.")
        with self._parquet(sha256) as source:
            return source.read(columns=_known(source, columns), use_threads=self._local)

    def read_many(
        self, sha256s: Iterable[str], columns: Sequence[str] | None = None, schema: pa.Schema | None = None
    ) -> pa.Table:
        """Several segments' rows, one after the other.

        `schema` is what an empty list gives and, without `columns`, which columns are read; those that older
        segments do not have yet are null.
        """
        if columns is None and schema is not None:
            tables = [self._read_of(sha256, schema) for sha256 in sha256s]
        else:
            tables = [self.read(sha256, columns) for sha256 in sha256s]
        if not tables:
            empty = (schema or pa.schema([])).empty_table()
            return empty if columns is None or schema is None else empty.select(list(columns))
        table = pa.concat_tables(tables, promote_options="default").unify_dictionaries()
        if columns is None and schema is not None:
            for field in schema:
                if field.name not in table.column_names:
                    table = table.append_column(field, pa.nulls(table.num_rows, field.type))
        return table

    def _read_of(self, sha256: str, schema: pa.Schema) -> pa.Table:
        """Those columns of a schema that a segment has."""
        with self._parquet(sha256) as source:
            known = [name for name in source.schema_arrow.names if name in schema.names]
            return source.read(columns=known, use_threads=self._local)

    def columns(self, sha256: str) -> list[str]:
        """The names of a segment's columns."""
        with self._parquet(sha256) as source:
            return list(source.schema_arrow.names)

    def batches(self, sha256: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """A segment's rows in pieces, for segments larger than memory."""
        with self._parquet(sha256) as source:
            yield from source.iter_batches(columns=_known(source, columns), use_threads=self._local)

    def rows(self, sha256: str) -> int:
        """How many rows a segment says it holds."""
        with self._parquet(sha256) as source:
            return int(source.metadata.num_rows)

    def sha256(self, sha256: str) -> tuple[str, int]:
        """SHA-256 and number of the bytes that a segment has now."""
        state, size = hashlib.sha256(), 0
        with self._opened(sha256) as file:
            while piece := file.read(_CHUNK):
                state.update(piece)
                size += len(piece)
        return state.hexdigest(), size

    def exists(self, sha256: str) -> bool:
        """Whether the lake has a file of that name."""
        return bool(self._fs.exists(self._path(sha256)))

    def delete(self, sha256: str) -> None:
        """Delete a segment's file; harmless where there is none. Only for what the ledger names no more."""
        with self._clearly("cleaned up"):
            if self._fs.exists(self._path(sha256)):
                self._fs.rm_file(self._path(sha256))

    def list(self) -> set[str]:
        """The path of every file in the lake, relative to its root, registered or not."""
        with self._clearly("listed"):
            if not self._fs.exists(self._root):
                return set()
            found = self._fs.find(self._root)
        return {path.removeprefix(self._root).lstrip("/") for path in found}

    @staticmethod
    def name(sha256: str) -> str:
        """The path of a segment, relative to the root of the lake."""
        return f"{sha256[:2]}/{sha256}.parquet"

    def _path(self, sha256: str) -> str:
        return f"{self._root}/{self.name(sha256)}"

    @contextmanager
    def _parquet(self, sha256: str) -> Iterator[pq.ParquetFile]:
        """A segment as Parquet.

        Arrow's threads let go of a file only after the read has returned. Were it a Python object, a process that
        ends just then would be aborted: a local file is opened by Arrow, any other is read without threads.
        """
        path = self._path(sha256)
        with self._readable(sha256), pa.OSFile(path) if self._local else self._fs.open(path, "rb") as file:
            yield pq.ParquetFile(file)

    @contextmanager
    def _opened(self, sha256: str) -> Iterator[IO[bytes]]:
        """The bytes of a segment."""
        with self._readable(sha256), self._fs.open(self._path(sha256), "rb") as file:
            yield file

    @contextmanager
    def _readable(self, sha256: str) -> Iterator[None]:
        """Whatever goes wrong with a segment as one sentence."""
        try:
            yield
        except FileNotFoundError:
            raise StoreError(f"Segment {sha256} is missing from the lake; restore it from a back-up.") from None
        except pa.ArrowException:
            raise StoreError(
                f"Segment {sha256} cannot be read as asked: it is damaged, or has other columns."
            ) from None
        except OSError as error:
            raise StoreError(
                f"Segment {sha256} cannot be read: {error.strerror or type(error).__name__}."
            ) from None

    @contextmanager
    def _clearly(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StoreError(f"The lake at {self._root} cannot be {done}: {reason}.") from None


def _known(source: pq.ParquetFile, columns: Sequence[str] | None) -> list[str] | None:
    """The columns asked for; Parquet would leave out silently what a file does not have."""
    if columns is None:
        return None
    if missing := [name for name in columns if name not in source.schema_arrow.names]:
        raise pa.ArrowKeyError(missing[0])
    return list(columns)


def _write_parquet(data: pa.Table | pa.RecordBatchReader, file: _HashedFile) -> int:
    """Write rows as Parquet, piece by piece where they come as a stream; says how many."""
    rows = 0
    with pq.ParquetWriter(pa.PythonFile(file, mode="w"), data.schema, compression="zstd") as writer:
        if isinstance(data, pa.Table):
            writer.write_table(data)
            return int(data.num_rows)
        for batch in data:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows
