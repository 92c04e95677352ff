"""The index of an audit's cases as one file: made once, named by what it was made from, thrown away at will.

It holds keyed hashes, numbers and names of findings, never a word of a report. Each row of `rows` is one error, or
one output without an error; `place` is its place in the list, gravest first. Each value that one can filter by has
a bitmap over all places, so any combination of filters is a handful of ANDs, whatever its size.
"""

import fcntl
import os
import sqlite3
import uuid
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditor.cases.errors import CasesError
from auditor.cases.gather import Gathered, Ints, Progress, gather
from auditor.cases.judged import Found, find_errors
from auditor.cases.order import KINDS, OUTCOMES, SIGNIFICANCE, place_of
from auditor.cases.seen import Seen, judgement_segments
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger

_ROWS_AT_ONCE: Final = 50_000

_SCHEMA: Final = """
CREATE TABLE about (audit TEXT NOT NULL, rows INTEGER NOT NULL, outputs INTEGER NOT NULL);
CREATE TABLE segments (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE facets (field TEXT NOT NULL, value TEXT NOT NULL, rows INTEGER NOT NULL,
    PRIMARY KEY (field, value)) WITHOUT ROWID;
CREATE TABLE bitmaps (field TEXT NOT NULL, value TEXT NOT NULL, bits BLOB NOT NULL);
CREATE TABLE outputs (number INTEGER PRIMARY KEY, output_id TEXT NOT NULL, case_id TEXT NOT NULL,
    task TEXT NOT NULL, item TEXT NOT NULL, version TEXT NOT NULL, day INTEGER, outcome TEXT NOT NULL,
    output_segment INTEGER NOT NULL, case_segment INTEGER, reference_segments TEXT, judgement_segment INTEGER);
CREATE TABLE rows (place INTEGER PRIMARY KEY, output INTEGER NOT NULL, code TEXT NOT NULL, kind TEXT NOT NULL,
    finding TEXT NOT NULL, significance TEXT NOT NULL, error INTEGER);
"""
_INDEXES: Final = """
CREATE UNIQUE INDEX bitmaps_value ON bitmaps (field, value);
CREATE INDEX outputs_id ON outputs (output_id);
CREATE INDEX rows_output ON rows (output);
"""


def build(ledger: Ledger, lake: Lake, seen: Seen, path: Path, progress: Progress) -> None:
    """Write the index of what an audit saw to `path` (mode 0600), all of it or nothing."""
    judgements = judgement_segments(ledger, seen.system)
    gathered = gather(lake, seen, progress)
    found = find_errors(lake, judgements, gathered, progress)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _unfinished(path) as (unfinished, handle):
            with closing(sqlite3.connect(unfinished)) as connection:
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute("PRAGMA synchronous = OFF")
                connection.executescript(_SCHEMA)
                _write(connection, seen, judgements, gathered, found, progress)
                connection.executescript(_INDEXES)
                connection.commit()
            os.fsync(handle)
            unfinished.replace(path)
    except (OSError, sqlite3.Error):
        raise CasesError(
            f"The list of cases cannot be written to {path.parent}; see whether there is room."
        ) from None


@contextmanager
def _unfinished(path: Path) -> Iterator[tuple[Path, int]]:
    """A file that only its owner can read, locked as long as it is worked at (see `delete_abandoned`)."""
    unfinished = path.with_name(f"unfinished-{uuid.uuid4().hex}-{path.name}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield unfinished, handle
    finally:
        unfinished.unlink(missing_ok=True)
        os.close(handle)


def delete_abandoned(folder: Path) -> None:
    """Delete what a process that was killed left unfinished: files that nobody holds a lock on."""
    for file in folder.glob("unfinished-*"):
        with suppress(OSError), file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink()


def _write(
    connection: sqlite3.Connection,
    seen: Seen,
    judgements: list[Any],
    gathered: Gathered,
    found: Found,
    progress: Progress,
) -> None:
    ids = gathered.strings("output_id")
    by_id = np.asarray(pc.sort_indices(ids)).astype(np.int64)
    number = np.empty(len(by_id), np.int64)
    number[by_id] = np.arange(len(by_id))
    output, fields, error = _listed(gathered, found, number)
    known = {one.seq: (one.seq, one.kind, one.sha256) for one in judgements}
    known |= {one.seq: (one.seq, kind, one.sha256) for kind, some in seen.segments.items() for one in some}
    connection.executemany("INSERT INTO segments VALUES (?, ?, ?)", known.values())
    connection.execute("INSERT INTO about VALUES (?, ?, ?)", (seen.audit, len(output), len(by_id)))
    for done, rows in _blocks(len(by_id)):
        progress("writing outputs", done, len(by_id))
        connection.executemany(
            f"INSERT INTO outputs VALUES ({', '.join('?' * 12)})",  # noqa: S608 -- question marks only
            _output_rows(gathered, found, ids, by_id[rows], done),
        )
    words = {name: np.array([*one.listed, ""], object) for name, one in found.words.items()}
    for done, rows in _blocks(len(output)):
        progress("writing the list", done, len(output))
        columns = [words[name][fields[name][rows]].tolist() for name in ("code", "kind", "finding")]
        connection.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)",
            zip(
                range(done, done + len(columns[0])),
                number[output[rows]].tolist(),
                *columns,
                words["significance"][fields["significance"][rows]].tolist(),
                [None if one < 0 else one for one in error[rows].tolist()],
                strict=True,
            ),
        )
    progress("writing filters", 0, 1)
    _write_filters(connection, gathered, found, output, fields, error)


def _listed(
    gathered: Gathered, found: Found, number: Ints
) -> tuple[Ints, dict[str, NDArray[np.int32]], NDArray[np.int32]]:
    """The rows of the list in its order: output, fields, number of the error (-1: none was found)."""
    plain = np.flatnonzero(found.outcome != "error")
    output = np.r_[found.output, plain]
    error = np.r_[found.number, np.full(len(plain), -1, np.int32)]
    fields = {
        name: np.r_[column, np.full(len(plain), -1, np.int32)]  # -1 is '' where the words are looked up
        for name, column in found.fields.items()
    }
    first = _ranks(found.words["significance"].listed, SIGNIFICANCE)[fields["significance"]]
    second = _ranks(found.words["kind"].listed, KINDS)[fields["kind"]]
    outcomes, coded = np.unique(found.outcome, return_inverse=True)
    fate = np.array([place_of(str(one), OUTCOMES) for one in outcomes], np.int32)[coded][output]
    order = np.lexsort((error, number[output], second, first, fate))
    return output[order], {name: column[order] for name, column in fields.items()}, error[order]


def _ranks(words: list[str], order: tuple[str, ...]) -> NDArray[np.int32]:
    return np.array([*(place_of(word, order) for word in words), len(order)], np.int32)


def _blocks(rows: int) -> Iterator[tuple[int, slice]]:
    for start in range(0, rows, _ROWS_AT_ONCE):
        yield start, slice(start, start + _ROWS_AT_ONCE)


def _output_rows(gathered: Gathered, found: Found, ids: pa.Array, rows: Ints, first: int) -> Iterator[Any]:
    place = pa.array(rows)
    words = {name: np.array(gathered.words[name].listed, object) for name in ("task", "item", "version")}
    columns = {name: words[name][gathered.joined(name)[rows]].tolist() for name in words}
    numbers = {
        name: [None if one < 0 else one for one in column[rows].tolist()]
        for name, column in (
            ("day", gathered.joined("day")),
            ("output", gathered.joined("output_segment")),
            ("case", gathered.joined("case_segment")),
            ("judgement", found.segment),
        )
    }
    return zip(
        range(first, first + len(rows)),
        ids.take(place).to_pylist(),
        gathered.strings("case_id").take(place).to_pylist(),
        *(columns[name] for name in ("task", "item", "version")),
        numbers["day"],
        found.outcome[rows].tolist(),
        numbers["output"],
        numbers["case"],
        gathered.strings("reference_segments").take(place).to_pylist(),
        numbers["judgement"],
        strict=True,
    )


def _write_filters(
    connection: sqlite3.Connection,
    gathered: Gathered,
    found: Found,
    output: Ints,
    fields: dict[str, NDArray[np.int32]],
    error: NDArray[np.int32],
) -> None:
    """One bitmap a value: of the errors' own fields, of their outputs' fields, of what became of the outputs."""
    for name, column in fields.items():
        _write_bitmaps(connection, name, found.words[name].listed, np.where(error < 0, -1, column), True)
    for name in ("task", "version", *(f"attributes.{one}" for one in gathered.slices)):
        words = gathered.words[name].listed if name in gathered.words else []
        _write_bitmaps(connection, name, words, gathered.joined(name)[output], False)
    outcomes, coded = np.unique(found.outcome, return_inverse=True)
    _write_bitmaps(connection, "outcome", outcomes.tolist(), coded.astype(np.int32)[output], False)


def _write_bitmaps(
    connection: sqlite3.Connection, name: str, words: list[str], codes: NDArray[np.int32], errors: bool
) -> None:
    """The bitmap and the count of each value; places with a code below zero have no value."""
    order = np.argsort(codes, kind="stable")
    start = np.searchsorted(codes[order], np.arange(len(words) + 1))
    for code, word in enumerate(words):
        places = order[start[code] : start[code + 1]]
        if len(places) == 0 or (errors and word == "" and name != "significance"):
            continue
        mask = np.zeros(len(codes), bool)
        mask[places] = True
        bits = zlib.compress(np.packbits(mask).tobytes(), 1)
        connection.execute("INSERT INTO facets VALUES (?, ?, ?)", (name, word, len(places)))
        connection.execute("INSERT INTO bitmaps VALUES (?, ?, ?)", (name, word, bits))
