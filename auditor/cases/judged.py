"""What the lake says was found in each gathered output; no judgement is made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditor.cases.gather import Gathered, Ints, Progress, Words
from auditor.store.errors import StoreError
from auditor.store.lake import Lake
from auditor.store.segments import Registered
from monitors.runs import starts_of_runs

_FIELDS: Final = ("code", "kind", "finding", "significance")
_COLUMNS: Final = ("key", "status", "correct", "abstained", "errors")
#: Of a ranking; a segment of judgements that is older than rankings lacks them.
_RANKED: Final = ("recall_at_10", "reciprocal_rank")


@dataclass(frozen=True)
class Found:
    """Errors as columns (`output` is a row of what was gathered), and what became of each output."""

    output: Ints
    number: NDArray[np.int32]  # of the error in its output
    fields: dict[str, NDArray[np.int32]]  # numbers in `words`
    words: dict[str, Words]
    outcome: NDArray[np.str_]
    segment: NDArray[np.int32]  # of the judgement; -1 where there is none


def find_errors(lake: Lake, judgements: Sequence[Registered], gathered: Gathered, progress: Progress) -> Found:
    """Look up the judgement of every output, segment by segment."""
    keys, inverse = np.unique(gathered.joined("key", "S16"), return_inverse=True)
    status = np.full(len(keys), "", "U12")
    segment = np.full(len(keys), -1, np.int32)
    words = {name: gathered.words.setdefault(name, Words()) for name in _FIELDS}
    parts: list[_Errors] = []
    for done, one in enumerate(judgements):
        progress("reading judgements", done, len(judgements))
        for batch in _batches(lake, one.sha256):
            place, rows = _wanted(batch, keys)
            if len(rows):
                mine = batch.take(pa.array(rows))
                status[place] = np.asarray(mine["status"].to_pylist(), "U12")
                segment[place] = one.seq
                parts += [
                    _errors_of(mine, place, words),
                    _answers_of(mine, place, words),
                    _searches_of(mine, place, words),
                ]
    output, number, fields = _of_outputs(parts, inverse, len(keys))
    labelled = gathered.labelled
    output = np.concatenate([output, *(one[0] for one in labelled)])
    number = np.concatenate([number, *(_counted(one[0]) for one in labelled)])
    ungraded = words["significance"].codes(pa.array([""]))[0]
    for name, column in (("finding", 1), ("code", 2), ("kind", 3)):
        fields[name] = np.concatenate([fields[name], *(one[column] for one in labelled)])
    fields["significance"] = np.concatenate(
        [fields["significance"], *(np.full(len(one[0]), ungraded, np.int32) for one in labelled)]
    )
    outcome = _outcomes(gathered, status[inverse] if len(keys) else status)
    known = outcome != "output_error"
    keep = known[output]
    outcome[output[keep]] = "error"
    return Found(
        output[keep],
        number[keep],
        {name: column[keep] for name, column in fields.items()},
        words,
        outcome,
        segment[inverse] if len(keys) else segment,
    )


_Errors = tuple[Ints, NDArray[np.int32], dict[str, NDArray[np.int32]]]  # judgement, number, fields


def _wanted(batch: pa.RecordBatch, keys: NDArray[Any]) -> tuple[Ints, Ints]:
    """Which rows of a batch are judgements of ours: (place among the keys, row of the batch)."""
    if not len(keys) or not batch.num_rows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    asked = np.array(batch["key"].to_pylist(), "S16")
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    rows = np.flatnonzero(keys[place] == asked)
    return place[rows].astype(np.int64), rows.astype(np.int64)


def _errors_of(batch: pa.RecordBatch, place: Ints, words: dict[str, Words]) -> _Errors:
    """The errors of reports."""
    column = batch["errors"]
    sizes = np.asarray(pc.fill_null(pc.list_value_length(column), 0)).astype(np.int64)
    flat = column.flatten()
    start = np.repeat(np.cumsum(sizes) - sizes, sizes)
    number = (np.arange(len(start)) - start).astype(np.int32)
    fields = {name: words[name].codes(flat.field(name)) for name in _FIELDS}
    return np.repeat(place, sizes), number, fields


def _answers_of(batch: pa.RecordBatch, place: Ints, words: dict[str, Words]) -> _Errors:
    """Wrong answers to questions, and questions that were not answered."""
    judged = np.asarray(pc.equal(batch["status"], "judged"))
    abstained = judged & np.asarray(pc.fill_null(pc.equal(batch["abstained"], 1), False))
    wrong = judged & ~abstained & np.asarray(pc.fill_null(pc.equal(batch["correct"], 0), False))
    rows = np.flatnonzero(wrong | abstained)
    codes = ["ABS" if one else "WRONG" for one in abstained[rows]]
    return _single(place[rows], codes, ["abstained" if one else "wrong" for one in abstained[rows]], words)


def _searches_of(batch: pa.RecordBatch, place: Ints, words: dict[str, Words]) -> _Errors:
    """Searches that did not find what they should have."""
    if not set(_RANKED) <= set(batch.schema.names):
        return _single(place[:0], [], [], words)
    rows = np.flatnonzero(missed(*(batch[name].to_numpy(zero_copy_only=False) for name in _RANKED)))
    return _single(place[rows], ["MISS"] * len(rows), ["unlisted"] * len(rows), words)


def missed(recall_at_10: Any, reciprocal_rank: Any) -> Any:
    """Whether a search lists no true match at all, or surely none among its first ten; of numbers or of arrays."""
    return (reciprocal_rank == 0) | (recall_at_10 == 0)


def _single(place: Ints, codes: list[str], kinds: list[str], words: dict[str, Words]) -> _Errors:
    """One error of each of these outputs, without finding or grade."""
    said = {"code": codes, "kind": kinds, "finding": [""] * len(place), "significance": [""] * len(place)}
    fields = {name: words[name].codes(pa.array(values, pa.string())) for name, values in said.items()}
    return place, np.zeros(len(place), np.int32), fields


def _batches(lake: Lake, sha256: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from lake.batches(sha256, (*_COLUMNS, *_RANKED))
    except StoreError:  # older than rankings, or not to be read at all
        yield from lake.batches(sha256, _COLUMNS)


def _of_outputs(parts: list[_Errors], inverse: Ints, keys: int) -> _Errors:
    """Errors of judgements as errors of outputs: two outputs may share a judgement."""
    judgement = np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)])
    number = np.concatenate([np.zeros(0, np.int32), *(part[1] for part in parts)])
    fields = {
        name: np.concatenate([np.zeros(0, np.int32), *(part[2][name] for part in parts)]) for name in _FIELDS
    }
    if not keys:
        return judgement, number, fields
    by_key = np.argsort(judgement, kind="stable")
    start = np.searchsorted(judgement[by_key], np.arange(keys + 1))
    sizes = np.diff(start)[inverse]
    output = np.repeat(np.arange(len(inverse)), sizes)
    within = np.arange(len(output)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    error = by_key[np.repeat(start[inverse], sizes) + within]
    return output, number[error], {name: column[error] for name, column in fields.items()}


def _counted(outputs: Ints) -> NDArray[np.int32]:
    """0, 1, 2, … within each run of equal outputs; outputs come in order."""
    starts = starts_of_runs(outputs)
    return (np.arange(len(outputs)) - np.repeat(starts, np.diff(np.r_[starts, len(outputs)]))).astype(np.int32)


def _outcomes(gathered: Gathered, status: NDArray[np.str_]) -> NDArray[np.str_]:
    """What became of each output, before its errors are looked at."""
    tasks = gathered.words["task"].listed if "task" in gathered.words else []
    scored = np.isin(gathered.joined("task"), [i for i, name in enumerate(tasks) if name == "classification"])
    compared, referenced = gathered.joined("compared", bool), gathered.joined("referenced", bool)
    by_labels = np.where(compared, "no_error", np.where(referenced, "unparseable", "awaiting"))
    by_judge = np.where(status == "judged", "no_error", np.where(status == "", "judge_failed", status))
    found = np.where(scored, by_labels, by_judge)
    return np.where(gathered.joined("failed", bool), "output_error", found).astype("U12")
