"""From the lake to columns: each output of an audit's window beside its case, without one word of text.

Outputs are read in pieces. What stays in memory is identifiers and small numbers, less than a kilobyte an output,
however long the reports are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditor.audit.judged_table import from_labels
from auditor.audit.judging import pair_keys
from auditor.audit.linking import Linked, beside, headline, slice_columns
from auditor.audit.tallying import rows_within
from auditor.cases.seen import Seen
from auditor.settings import AuditSettings
from auditor.store.errors import StoreError
from auditor.store.lake import Lake
from auditor.store.schemas import LAKE

Progress = Callable[[str, int, int], None]
Ints = NDArray[np.int64]

SEGMENT: Final = pa.field("segment", pa.int32())
_WANTED: Final[dict[str, tuple[str, ...]]] = {
    "outputs": (
        *("digest", "output_id", "case_id", "task", "item", "version", "origin", "rank", "day", "error"),
        *("probe", "scores", "decisions"),
    ),
    "references": (
        *("digest", "case_id", "task", "reference_kind", "item", "author", "version", "finalised_at"),
        *("addendum", "labels"),
    ),
    "cases": ("digest", "case_id", "patient_key", "subject_id", "attributes"),
}


def schema_of(kind: str) -> pa.Schema:
    """The columns of a kind, each of which an older segment may lack."""
    return pa.schema([pa.field(field.name, field.type) for field in LAKE[kind]])


class Words:
    """Strings as small numbers, in the order in which they came."""

    def __init__(self, *first: str) -> None:
        self.known: dict[str, int] = {word: number for number, word in enumerate(first)}

    def codes(self, column: Any) -> NDArray[np.int32]:
        """The number of each value of an Arrow column; null counts as ''."""
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        words = [self.known.setdefault(word or "", len(self.known)) for word in coded.dictionary.to_pylist()]
        empty = self.known.setdefault("", len(self.known))
        table = np.array([*words, empty], np.int32)
        found: NDArray[np.int32] = table[np.asarray(pc.fill_null(coded.indices, len(words)))]
        return found

    @property
    def listed(self) -> list[str]:
        return list(self.known)


@dataclass
class Gathered:
    """Columns of all outputs of the window, in order of arrival, in pieces that `joined` puts together."""

    slices: tuple[str, ...]
    words: dict[str, Words] = field(default_factory=dict)
    parts: dict[str, list[Any]] = field(default_factory=dict)
    rows: int = 0
    #: errors that follow from labels: (output, finding, code, kind) as numbers
    labelled: list[tuple[Ints, NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]] = field(
        default_factory=list
    )

    def put(self, name: str, values: Any) -> None:
        self.parts.setdefault(name, []).append(values)

    def coded(self, name: str, column: Any) -> None:
        self.put(name, self.words.setdefault(name, Words()).codes(column))

    def joined(self, name: str, kind: Any = np.int32) -> NDArray[Any]:
        parts = self.parts.setdefault(name, [np.zeros(0, kind)])
        if len(parts) > 1:
            parts[:] = [np.concatenate(parts)]
        whole: NDArray[Any] = parts[0]
        return whole

    def strings(self, name: str) -> pa.Array:
        parts = self.parts.setdefault(name, [pa.array([], pa.string())])
        if len(parts) > 1:
            parts[:] = [pa.concat_arrays(parts)]
        return parts[0]


def gather(lake: Lake, seen: Seen, progress: Progress) -> Gathered:
    """Every output of the audit's window that was measured."""
    gathered = Gathered(seen.settings.slice_attributes)
    segments = seen.segments["outputs"]
    total = sum(one.rows for one in segments) or 1
    recorded = _recorded(lake, seen)
    for task in seen.settings.tasks:
        references = _table(lake, seen, "references", task)
        cases = _table(lake, seen, "cases")
        done = 0
        for piece in _pieces(lake, seen, "outputs"):
            done += piece.num_rows
            progress(f"reading outputs of the task {task}", done, total)
            linked = _linked(piece, references, cases, task, seen, recorded)
            if linked.outputs.num_rows:
                _take_in(gathered, linked, references, task, seen)
    return gathered


def _recorded(lake: Lake, seen: Seen) -> pa.Array:
    """Task and version of everything that was recorded: its replays repeat it and are not measured."""
    found: set[str] = set()
    for piece in _pieces(lake, seen, "outputs", ("task", "version", "origin", "rank", "probe")):
        shown = piece.filter(pc.and_(pc.is_null(piece["probe"]), pc.equal(pc.fill_null(piece["rank"], 1), 1)))
        shown = shown.filter(pc.not_equal(shown["origin"], "replayed"))
        found.update(_version_of(shown).unique().to_pylist())
    return pa.array(sorted(found), pa.string())


def _version_of(outputs: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(outputs["task"], outputs["version"], "\x1f")


def _linked(
    piece: pa.Table, references: pa.Table, cases: pa.Table, task: str, seen: Seen, recorded: pa.Array
) -> Linked:
    """The measured outputs of a piece beside their references and cases."""
    mine = headline(piece.filter(pc.equal(piece["task"], task)).combine_chunks())
    repeated = pc.and_(pc.equal(mine["origin"], "replayed"), pc.is_in(_version_of(mine), value_set=recorded))
    mine = mine.filter(pc.and_(pc.invert(repeated), rows_within(mine["day"], seen.window))).combine_chunks()
    ids = pc.unique(mine["case_id"])
    near = [table.filter(pc.is_in(table["case_id"], value_set=ids)) for table in (references, cases)]
    return beside(mine, near[0], near[1], task, seen.settings)


def _take_in(gathered: Gathered, linked: Linked, references: pa.Table, task: str, seen: Seen) -> None:
    outputs, first = linked.outputs, gathered.rows
    gathered.rows += outputs.num_rows
    keys = pair_keys(linked, seen.judges[task].digest)
    gathered.put("key", np.array(keys, "S16"))
    for name in ("output_id", "case_id"):
        gathered.put(name, outputs[name].combine_chunks())
    for name in ("task", "version", "item"):
        gathered.coded(name, outputs[name])
    for name, column in slice_columns(linked, seen.settings).items():
        gathered.coded(f"attributes.{name}", column)
    gathered.put("day", np.asarray(pc.fill_null(outputs["day"].cast(pa.int32()), -1)))
    gathered.put("failed", np.asarray(pc.is_valid(outputs["error"])))
    gathered.put("referenced", linked.has_reference)
    gathered.put("output_segment", np.asarray(outputs["segment"]))
    gathered.put("case_segment", np.asarray(pc.fill_null(linked.cases["segment"], -1)))
    gathered.put("reference_segments", _segments_of_references(outputs, references))
    compared = np.zeros(outputs.num_rows, bool)
    if task == "classification":
        compared = _take_in_labels(gathered, linked, keys, seen.settings, first)
    gathered.put("compared", compared)


def _segments_of_references(outputs: pa.Table, references: pa.Table) -> pa.Array:
    """Where the references of each case lie: segments by number, "3" or "3,17", as an addendum comes later."""
    near = references.filter(pc.is_in(references["case_id"], value_set=pc.unique(outputs["case_id"])))
    grouped = near.group_by("case_id", use_threads=False).aggregate([("segment", "distinct")])
    told = [",".join(map(str, sorted(some))) for some in grouped["segment_distinct"].to_pylist()]
    place = pc.index_in(outputs["case_id"], value_set=grouped["case_id"].combine_chunks())
    found = pa.array(told, pa.string()).take(place)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _take_in_labels(
    gathered: Gathered, linked: Linked, keys: list[bytes], settings: AuditSettings, first: int
) -> NDArray[np.bool_]:
    """The wrong decisions of a classifier; says which outputs had one that a label could be held against."""
    judged = from_labels(linked, keys, settings)
    place = pc.index_in(judged["output_id"], value_set=linked.outputs["output_id"].combine_chunks())
    row = np.asarray(place)
    decision = np.asarray(pc.fill_null(judged["decision"], -1))
    label = np.asarray(pc.fill_null(judged["label"], -1))
    critical = np.asarray(judged["critical"]) == 1
    known = (np.asarray(pc.equal(judged["status"].cast(pa.string()), "judged"))) & (decision >= 0) & (label >= 0)
    wrong = np.flatnonzero(known & (decision != label))
    missed = label[wrong] == 1
    codes, kinds = (gathered.words.setdefault(name, Words()) for name in ("code", "kind"))
    said = pa.array(np.where(missed, "FN", "FP").tolist(), pa.string())
    how = np.where(missed, np.where(critical[wrong], "critical", "missed"), "false_alarm")
    findings = gathered.words.setdefault("finding", Words())
    gathered.labelled.append(
        (
            row[wrong].astype(np.int64) + first,
            findings.codes(judged["item"].combine_chunks().take(pa.array(wrong))),
            codes.codes(said),
            kinds.codes(pa.array(how.tolist(), pa.string())),
        )
    )
    compared = np.zeros(linked.outputs.num_rows, bool)
    compared[row[known]] = True
    return compared


def _pieces(lake: Lake, seen: Seen, kind: str, columns: tuple[str, ...] | None = None) -> Iterator[pa.Table]:
    """The rows of a kind, some ten thousand at a time, each with the number of its segment."""
    wanted, schema = columns or _WANTED[kind], schema_of(kind)
    for segment in seen.segments[kind]:
        for batch in _batches(lake, segment.sha256, wanted):
            arrays = [
                batch[field.name]
                if field.name in wanted and field.name in batch.schema.names
                else pa.nulls(batch.num_rows, field.type)
                for field in schema
            ]
            number = pa.array(np.full(batch.num_rows, segment.seq, np.int32))
            yield pa.Table.from_arrays([*arrays, number], schema=schema.append(SEGMENT))


def _batches(lake: Lake, sha256: str, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    """The columns asked for, or all of them where the segment is older than one of these columns."""
    try:
        yield from lake.batches(sha256, columns)
    except StoreError:
        yield from lake.batches(sha256)


def _table(lake: Lake, seen: Seen, kind: str, task: str | None = None) -> pa.Table:
    mine = (
        piece if task is None else piece.filter(pc.equal(piece["task"], task))
        for piece in _pieces(lake, seen, kind)
    )
    return pa.concat_tables([schema_of(kind).append(SEGMENT).empty_table(), *mine]).combine_chunks()
