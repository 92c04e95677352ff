"""Each output beside its reference and its case, as they were known at the time of the audit.

Of several references the newest counts (highest version, else the latest finalised, else the latest
received); addenda are joined to their report; a second reader is not an amendment, so the reader who came
first stays the reference. Of several versions of a case the newest gives the slice attributes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditor.records import ReferenceKind
from auditor.settings import AuditSettings
from monitors.judged import GRID, MISSING, number_column
from monitors.runs import starts_of_runs

DEFAULT_REFERENCE: dict[str, ReferenceKind] = {
    "report": "final_report",
    "classification": "label_set",
    "vqa": "answer",
    "retrieval": "answer",
}
_SEPARATOR = "\x1f"
_ADDENDUM = "\n\nADDENDUM: "


class Linked(NamedTuple):
    """Outputs of one task, row by row beside the reference and the case (null where there is none yet)."""

    outputs: pa.Table
    references: pa.Table
    cases: pa.Table
    weight: NDArray[np.int64]  # on GRID; 1/k of the case where k unranked drafts count

    @property
    def has_reference(self) -> NDArray[np.bool_]:
        return np.asarray(self.references["digest"].is_valid())


def link(outputs: pa.Table, references: pa.Table, cases: pa.Table, task: str, settings: AuditSettings) -> Linked:
    """The outputs of `task` that are measured, joined to their references and cases."""
    outputs = headline(outputs.filter(pc.equal(outputs["task"], task)).combine_chunks())
    return beside(outputs, references, cases, task, settings)


def beside(outputs: pa.Table, references: pa.Table, cases: pa.Table, task: str, settings: AuditSettings) -> Linked:
    """Join outputs of `task` to the newest reference of its primary kind and to the newest case."""
    resolved = newest_references(primary_references(references, task, settings))
    beside = pc.index_in(_link_key(outputs), value_set=_link_key(resolved))
    newest = newest_cases(cases.combine_chunks())
    case = pc.index_in(outputs["case_id"], value_set=newest["case_id"])
    return Linked(outputs, resolved.take(beside), newest.take(case), draft_weights(outputs))


def primary_references(references: pa.Table, task: str, settings: AuditSettings) -> pa.Table:
    """The references that `task` is held against."""
    kind = settings.tasks[task].reference or DEFAULT_REFERENCE[task]  # type: ignore[index]
    primary = references.filter(
        pc.and_(pc.equal(references["task"], task), pc.equal(references["reference_kind"], kind))
    )
    return primary.combine_chunks()


def headline(outputs: pa.Table) -> pa.Table:
    """The outputs that are measured.

    A replayed output of a version that also has recorded ones is not the system's own; only a version that was
    never recorded is measured by its replay.
    """
    shown = shown_outputs(outputs)
    replayed = pc.equal(shown["origin"], "replayed")
    recorded = pc.unique(shown.filter(pc.invert(replayed))["version"])
    return shown.filter(pc.invert(pc.and_(replayed, pc.is_in(shown["version"], value_set=recorded))))


def shown_outputs(outputs: pa.Table) -> pa.Table:
    """Without ranked drafts below the first, which no radiologist was shown, and without probes of the model."""
    plain = outputs.filter(pc.is_null(outputs["probe"]))
    return plain.filter(pc.equal(pc.fill_null(plain["rank"], 1), 1))


def draft_weights(outputs: pa.Table) -> NDArray[np.int64]:
    """1/k for each of k drafts of one case, version, question, probe and sample set, on the grid of 2**-20."""
    if outputs.num_rows == 0:
        return np.zeros(0, dtype=np.int64)
    draft = pc.binary_join_element_wise(
        outputs["case_id"],
        outputs["version"],
        pc.fill_null(outputs["item"], ""),
        pc.fill_null(outputs["prompt"], ""),
        pc.fill_null(outputs["probe"], ""),
        _SEPARATOR,
    )
    codes = np.asarray(draft.combine_chunks().dictionary_encode().indices)
    weight: NDArray[np.int64] = np.rint(GRID / np.bincount(codes)[codes]).astype(np.int64)
    return weight


def newest_cases(cases: pa.Table) -> pa.Table:
    """One row a case: the version received last (rows come in order of arrival)."""
    if cases.num_rows == 0:
        return cases
    codes = np.asarray(cases["case_id"].combine_chunks().dictionary_encode().indices)
    last = np.zeros(codes.max() + 1, dtype=np.int64)
    np.maximum.at(last, codes, np.arange(len(codes)))
    return cases.take(np.sort(last))


def newest_references(references: pa.Table) -> pa.Table:
    """One row a (case, item): the newest version of the first reader's report, with its addenda joined."""
    if references.num_rows == 0:
        return references
    return joined_references(references, *_newest(references))


def rows_of_references(references: pa.Table) -> dict[bytes, list[bytes]]:
    """Of each reference with addenda among `newest_references`: its digest, to those of its rows, report first."""
    if references.num_rows == 0:
        return {}
    chosen, joined = _newest(references)
    digests = references["digest"].to_pylist()
    whole = joined_references(references, chosen, joined)["digest"].to_pylist()
    return {
        whole[position]: [digests[row] for row in (int(chosen[position]), *rows)]
        for position, rows in joined.items()
    }


def _newest(references: pa.Table) -> tuple[NDArray[np.int64], dict[int, list[int]]]:
    """The row of the newest reference of each (case, item); and, by its place among them, those of its addenda."""
    codes = np.asarray(_link_key(references).combine_chunks().dictionary_encode().indices)
    order = np.argsort(codes, kind="stable")
    starts = starts_of_runs(codes[order])
    sizes = np.diff(np.r_[starts, len(order)])
    chosen = order[starts]
    joined: dict[int, list[int]] = {}
    for position in np.flatnonzero(sizes > 1):
        rows = order[starts[position] : starts[position] + sizes[position]]
        base, addenda = _resolve(references.take(rows).to_pylist())
        chosen[position] = rows[base]
        if addenda:
            joined[int(position)] = [int(rows[i]) for i in addenda]
    return chosen, joined


def _resolve(rows: list[dict[str, object]]) -> tuple[int, list[int]]:
    """Which of the versions of one reference counts, and which rows are its addenda (positions)."""
    reports = [i for i, row in enumerate(rows) if not row["addendum"]] or [0]
    author = rows[reports[0]]["author"]
    same_reader = [i for i in reports if rows[i]["author"] == author]

    def newness(i: int) -> tuple[float, float, int]:
        version, finalised = rows[i]["version"], rows[i]["finalised_at"]
        return (
            float(version) if isinstance(version, int) else -np.inf,
            finalised.timestamp() if hasattr(finalised, "timestamp") else -np.inf,
            i,
        )

    base = max(same_reader, key=newness)
    return base, [i for i, row in enumerate(rows) if row["addendum"] and i != base]


def joined_references(
    references: pa.Table, rows: Sequence[int] | NDArray[np.int64], joined: Mapping[int, Sequence[int]]
) -> pa.Table:
    """These rows; `joined` has, by position among them, the rows of their addenda."""
    chosen = references.take(rows)
    if not joined:
        return chosen
    texts, digests = chosen["text"].to_pylist(), chosen["digest"].to_pylist()
    for position, addenda in joined.items():
        parts = references.take(addenda)
        texts[position] = _ADDENDUM.join([texts[position] or "", *(p or "" for p in parts["text"].to_pylist())])
        digests[position] = hashlib.sha256(b"".join([digests[position], *parts["digest"].to_pylist()])).digest()[
            :16
        ]
    for name, values in (("text", texts), ("digest", digests)):
        field = chosen.schema.field(name)
        chosen = chosen.set_column(chosen.schema.get_field_index(name), field, pa.array(values, field.type))
    return chosen


def _link_key(table: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(table["case_id"], pc.fill_null(table["item"], ""), _SEPARATOR)


def final_reports(outputs: pa.Table, references: pa.Table) -> pa.Table:
    """Beside each output the report that was signed with its draft in view, null where there is none."""
    signed = references.filter(
        pc.and_(
            pc.equal(references["task"], "report"),
            pc.and_(
                pc.equal(references["reference_kind"], DEFAULT_REFERENCE["report"]),
                pc.equal(references["draft_seen"], "yes"),
            ),
        )
    )
    newest = newest_references(signed.combine_chunks())
    return newest.take(pc.index_in(_link_key(outputs), value_set=_link_key(newest)))


def subjects(linked: Linked) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The resampling unit of each row, and whether it is a patient or, lacking a key, the study itself."""
    patient = pc.coalesce(linked.cases["subject_id"], linked.outputs["patient_key"])
    clustered = pc.if_else(pc.is_valid(patient), "patient", "study")
    return pc.coalesce(patient, linked.outputs["case_id"]), clustered


def slice_columns(linked: Linked, settings: AuditSettings) -> dict[str, pa.Array]:
    """The slice attributes of each row as strings; numbers are cut into their bands, gaps read ``(missing)``."""
    attributes = linked.cases["attributes"].combine_chunks()
    columns = {}
    for name in settings.slice_attributes:
        raw = pc.map_lookup(attributes, pa.scalar(name), "last")
        bands = settings.attributes[name].bands if name in settings.attributes else []
        columns[name] = pc.fill_null(_banded(raw, bands) if bands else raw, MISSING)
    return columns


def number_columns(linked: Linked, settings: AuditSettings) -> dict[str, pa.Array]:
    """The numeric attributes whose drift is watched, as the judged table names them; not a number is null."""
    attributes = linked.cases["attributes"].combine_chunks()
    columns = {}
    for name in settings.drift_numbers:
        raw = pc.map_lookup(attributes, pa.scalar(name), "last")
        values = np.array([_number(value) for value in raw.to_pylist()], dtype=np.float64)
        columns[number_column(name)] = pa.array(values, pa.float64(), mask=~np.isfinite(values))
    return columns


def _banded(raw: pa.Array, bands: list[float]) -> pa.Array:
    numbers = np.array([_number(value) for value in raw.to_pylist()], dtype=np.float64)
    labels = band_labels(bands)
    place = np.digitize(numbers, bands)
    return pa.array([None if np.isnan(x) else labels[i] for x, i in zip(numbers, place, strict=True)], pa.string())


def band_labels(bands: list[float]) -> list[str]:
    """The names of the bands that edges cut, as people write them: both ends included where edges are whole.

    >>> band_labels([18, 40, 65])
    ['<18', '18-39', '40-64', '65+']
    """
    whole = all(float(edge).is_integer() for edge in bands)
    inner = [f"{low:g}-{high - 1:g}" if whole else f"{low:g} to <{high:g}" for low, high in pairwise(bands)]
    return [f"<{bands[0]:g}", *inner, f"{bands[-1]:g}+"]


def _number(value: str | None) -> float:
    try:
        return float(value) if value is not None else np.nan
    except ValueError:
        return np.nan
