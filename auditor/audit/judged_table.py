"""The judged table: every output from the day it arrives, in the schema that monitors read."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditor.audit.answering import one_meaning, self_consistency
from auditor.audit.claim_confidence import claim_confidence
from auditor.audit.editing import edited_share
from auditor.audit.linking import Linked, number_columns, slice_columns, subjects
from auditor.audit.pairing import pairs_right
from auditor.claims.significance import WEIGHT
from auditor.judges.protocol import site_lexicon_of
from auditor.judges.verbalised import stated_confidence
from auditor.settings import AuditSettings, Task
from monitors.judged import COMMON, judged_schema

#: The confidence that is read from the words of the answer where the map of the output does not hold it.
VERBALISED: Final = "verbalised"
#: The share of a question's answers that mean what this one means, where the map does not hold it.
SELF_CONSISTENCY: Final = "self_consistency"
#: 1 minus the entropy of the meanings of a question's answers, where the map does not hold it.
SEMANTIC_ENTROPY: Final = "semantic_entropy"


def from_judgements(
    linked: Linked,
    judgements: pa.Table,
    keys: Sequence[bytes],
    task: str,
    settings: AuditSettings,
    reached: pa.Array | None = None,
) -> pa.Table:
    """One row an output, for all tasks but classification, whose judgements are not kept.

    `reached` is as `reaching` finds it.
    """
    failed = pc.is_valid(linked.outputs["error"])
    status = pc.if_else(failed, "output_error", judgements["status"])
    beside: dict[str, pa.Array] = {}
    if task == "report":
        unknown = pa.nulls(linked.outputs.num_rows, pa.int8())
        beside = {
            "edited": edited_share(linked),
            "reached": unknown if reached is None else reached,
            "claims": claim_confidence(linked, judgements, site_lexicon_of(settings.tasks["report"].judge)),
        }
    if task == "vqa":
        right = pc.if_else(pc.equal(status, "judged"), judgements["correct"], pa.scalar(None, pa.int8()))
        beside = {"pair_correct": pairs_right(linked, right)}
    common = _common(linked, keys, settings, task, beside)
    item = pa.array(["report"] * len(keys))
    if task != "report":
        item = pc.fill_null(linked.outputs["item"], "search" if task == "retrieval" else "question")
    columns = common | {"status": status, "item": item}
    judged = pc.equal(status, "judged")
    if task == "report":
        columns |= {"errors": _errors(judgements, judged), "reference_length": _words(linked.references["text"])}
    schema = judged_schema(task, settings.slice_attributes, settings.drift_numbers)
    for name in schema.names:
        if name in judgements.column_names and name not in columns:
            # counts of a row that was not judged are null, whatever the judge could still count in the draft
            columns[name] = pc.if_else(judged, judgements[name], pa.scalar(None, judgements[name].type))
    return _table(columns, schema)


def stated_by(judged: pa.Table, linked: Linked, task: str, settings: AuditSettings) -> pa.Table:
    """The judged table of the same outputs with the confidence that other settings name, and so other digests."""
    stated = _confidence(linked, settings, task)
    said = pc.fill_null(pc.cast(stated, pa.string()), "").to_pylist()
    digests = [
        hashlib.sha256(row + text.encode()).digest()[:16]
        for row, text in zip(judged["digest"].to_pylist(), said, strict=True)
    ]
    for name, column in (("confidence", stated), ("digest", pa.array(digests, pa.binary(16)))):
        place = judged.schema.get_field_index(name)
        judged = judged.set_column(place, judged.schema.field(name), column)
    return judged


def unjudged(linked: Linked, keys: Sequence[bytes], task: str, settings: AuditSettings) -> pa.Table:
    """One row an output with what is common to all tasks: for what needs no reference."""
    item = pc.fill_null(linked.outputs["item"], "")
    status = pa.array(["judged"] * linked.outputs.num_rows)
    return _table(_common(linked, keys, settings, task, {}) | {"status": status, "item": item}, pa.schema(COMMON))


def from_labels(linked: Linked, keys: Sequence[bytes], settings: AuditSettings) -> pa.Table:
    """One row an (output, finding), for classification: scores and decisions beside the labels.

    The judgement is the pair of numbers itself, so nothing is stored between: the row's digest is the hash
    of output, reference and operating point.
    """
    task = settings.tasks["classification"]
    findings = task.findings or _findings(linked.outputs)
    scores = _matrix(linked.outputs["scores"], findings)
    decisions = _matrix(linked.outputs["decisions"], findings)
    labels = _matrix(linked.references["labels"], findings)
    points = np.array([task.operating_points.get(f, np.nan) for f in findings])
    decided = np.where(np.isnan(scores) | np.isnan(points), np.nan, (scores >= points).astype(float))
    decisions = np.where(np.isnan(decisions), decided, decisions)

    failed = np.asarray(pc.is_valid(linked.outputs["error"]))
    stated = ~np.isnan(scores) | ~np.isnan(decisions) | failed[:, None]
    row, column = np.nonzero(stated)
    whole = _common(linked, keys, settings, "classification", {"in_time": _in_time(linked, task)})
    common = {
        name: pa.chunked_array(c).take(row) if isinstance(c, list) else c.take(row) for name, c in whole.items()
    }
    critical = np.isin(findings, task.critical.findings if task.critical else [])
    status = np.where(failed, "output_error", np.where(linked.has_reference, "judged", "awaiting"))
    columns = common | {
        "item": pa.DictionaryArray.from_arrays(pa.array(column, pa.int32()), pa.array(findings, pa.string())),
        "status": pa.array(status[row]),
        "probability": _floats(scores[row, column]),
        "label": _bits(labels[row, column]),
        "decision": _bits(decisions[row, column]),
        "critical": pa.array(critical[column].astype(np.int8)),
    }
    schema = judged_schema("classification", settings.slice_attributes, settings.drift_numbers)
    return _table(columns, schema)


def _errors(judgements: pa.Table, judged: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Code and weight of every error of the judged drafts."""
    known = pa.array(np.asarray(pc.fill_null(judged, False)))
    lists = pc.if_else(known, judgements["errors"].combine_chunks(), None)
    found = lists.flatten()
    place = pc.index_in(found.field("significance"), value_set=pa.array(list(WEIGHT)))
    weight = pa.array(list(WEIGHT.values())).take(place)
    sizes = pc.fill_null(pc.list_value_length(lists), 0)
    ends = np.cumsum(np.r_[0, np.asarray(sizes)]).astype(np.int32)
    pairs = pa.StructArray.from_arrays([found.field("code"), weight], names=["code", "weight"])
    return pa.ListArray.from_arrays(pa.array(ends), pairs, mask=pc.is_null(lists))


def _words(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(pc.count_substring_regex(texts, r"\S+"), pa.int32())


def _in_time(linked: Linked, task: Task) -> pa.Array:
    """1 where the output came within the time allowed after the study, 0 later; null where a time is unknown."""
    if task.critical is None:
        return pa.nulls(linked.outputs.num_rows, pa.int8())
    known = pc.invert(linked.outputs["date_only"])
    waited = pc.subtract(linked.outputs["produced_at"], linked.cases["studied_at"])
    minutes = pc.divide(pc.cast(pc.cast(waited, pa.int64()), pa.float64()), 60e6)
    sound = pc.and_(known, pc.greater_equal(minutes, 0))
    within = pc.cast(pc.less_equal(minutes, task.critical.within_minutes), pa.int8())
    return pc.if_else(sound, within, pa.scalar(None, pa.int8()))


def _common(
    linked: Linked, keys: Sequence[bytes], settings: AuditSettings, task: str, beside: dict[str, Any]
) -> dict[str, Any]:
    """Columns of every task, with those of `beside` that neither output nor reference alone decides."""
    outputs = linked.outputs
    subject, clustered = subjects(linked)
    slices = slice_columns(linked, settings)
    beside = beside | number_columns(linked, settings)
    seen = pc.if_else(
        pa.array(linked.has_reference), pc.fill_null(linked.references["draft_seen"], "unknown"), "none"
    )
    columns: dict[str, Any] = {
        "output_id": outputs["output_id"],
        "case_id": outputs["case_id"],
        "subject_id": subject,
        "clustered_by": clustered,
        "task": pa.array([task] * outputs.num_rows, pa.string()),
        "version": outputs["version"],
        "origin": outputs["origin"],
        "draft_seen": seen,
        "day": outputs["day"],
        "weight": pa.array(linked.weight),
        "length": _words(outputs["text"]),
        "confidence": _confidence(linked, settings, task),
        **slices,
        **beside,
    }
    columns["digest"] = _digests(keys, columns, settings, beside)
    return columns


def _digests(
    keys: Sequence[bytes], columns: dict[str, Any], settings: AuditSettings, beside: dict[str, Any]
) -> pa.Array:
    """The name of all that a tally could see in a row: its judgement, and how the row is weighed and sliced."""
    names = ["subject_id", "clustered_by", "draft_seen", "version", "origin", *settings.slice_attributes]
    text = pc.binary_join_element_wise(
        *(pc.cast(columns[name], pa.string()) for name in names),
        pc.cast(columns["weight"], pa.string()),
        pc.fill_null(pc.cast(columns["confidence"], pa.string()), ""),
        *map(_as_text, beside.values()),
        "\x1f",
    ).to_pylist()
    return pa.array(
        [hashlib.sha256(key + row.encode()).digest()[:16] for key, row in zip(keys, text, strict=True)],
        pa.binary(16),
    )


def _as_text(column: pa.Array) -> pa.Array:
    """A column in words, null as none; Arrow has no words for a list, and nearly every list of claims is null."""
    if not pa.types.is_list(column.type):
        return pc.fill_null(pc.cast(column, pa.string()), "")
    words = np.full(len(column), "", dtype=object)
    held = np.flatnonzero(np.asarray(column.is_valid()))
    words[held] = [repr(one) for one in column.take(held).to_pylist()]
    return pa.array(words, pa.string())


def _confidence(linked: Linked, settings: AuditSettings, task: str) -> pa.Array:
    outputs = linked.outputs
    source = settings.tasks[task].confidence  # type: ignore[index]
    if source is None:
        return pa.nulls(outputs.num_rows, pa.float64())
    stated = pc.map_lookup(outputs["confidence"].combine_chunks(), pa.scalar(source), "last")
    if source == SELF_CONSISTENCY:
        return pc.coalesce(stated, self_consistency(outputs, task))
    if source == SEMANTIC_ENTROPY:
        return pc.coalesce(stated, one_meaning(outputs, task))
    if source != VERBALISED:
        return stated
    in_words = pa.array([stated_confidence(text) for text in outputs["text"].to_pylist()], pa.float64())
    return pc.coalesce(stated, in_words)


def _findings(outputs: pa.Table) -> list[str]:
    """Every finding that some output scores or decides, sorted."""
    names: set[str] = set()
    for column in ("scores", "decisions"):
        for chunk in outputs[column].chunks:
            names.update(pc.unique(chunk.keys).to_pylist())
    return sorted(names)


def _matrix(column: pa.ChunkedArray, findings: list[str]) -> NDArray[np.float64]:
    """A column of maps as rows × findings; NaN where the map, the finding or its value is missing."""
    matrix = np.full((len(column), len(findings)), np.nan)
    start = 0
    for chunk in column.chunks:
        valid = np.asarray(chunk.is_valid())
        offsets = np.asarray(chunk.offsets)
        sizes = np.where(valid, np.diff(offsets), 0)
        inside = np.repeat(valid, np.diff(offsets))
        keys, items = chunk.keys[offsets[0] : offsets[-1]], chunk.items[offsets[0] : offsets[-1]]
        place = np.asarray(pc.fill_null(pc.index_in(keys, value_set=pa.array(findings, pa.string())), -1))[inside]
        values = np.asarray(pc.cast(items, pa.float64()).to_numpy(zero_copy_only=False))[inside]
        row = np.repeat(np.arange(len(chunk)), sizes) + start
        known = place >= 0
        matrix[row[known], place[known]] = values[known]
        start += len(chunk)
    return matrix


def _floats(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True)


def _bits(values: NDArray[np.float64]) -> pa.Array:
    missing = np.isnan(values)
    return pa.array(np.where(missing, 0, values).astype(np.int8), pa.int8(), mask=missing)


def _table(columns: dict[str, Any], schema: pa.Schema) -> pa.Table:
    arrays = []
    for field in schema:
        column = columns[field.name]
        if pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(column.type):
            column = pc.dictionary_encode(column)
        arrays.append(column.cast(field.type) if column.type != field.type else column)
    return pa.Table.from_arrays(arrays, schema=schema)
