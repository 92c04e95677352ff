"""Which rows are whose: identifiers and days of everything in a system's lake, and which cases are a patient's.

A case is the patient's whom its newest version names; where no version names one, whom its newest output names.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.schemas import LAKE
from auditor.store.segments import LIVE, Readable, Registered

#: What may hold rows of a patient, in the order in which it is told of.
KINDS: Final = ("cases", "outputs", "references", "judgements")
#: Sums over patients: they cannot be divided again, and are made again from what is left.
SUMS: Final = "tallies"

_KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "cases": ("digest", "case_id", "patient_key", "subject_id", "studied_at"),
    "outputs": ("digest", "output_id", "case_id", "patient_key", "shown_case_id", "day"),
    "references": (
        *("digest", "case_id", "task", "reference_kind", "item", "author", "version", "finalised_at"),
        *("draft_seen", "addendum"),
    ),
}
_RECEIVED: Final = pa.field("received", pa.date32())


def names(values: Iterable[str]) -> pa.Array:
    """Identifiers as a set to look them up in."""
    return pa.array(sorted(set(values)), pa.string())


@dataclass(frozen=True)
class Chosen:
    """What is to be erased.

    `cases` go with all their outputs and references, and with what was said of another case while their images
    were shown; `outputs` go by themselves; rows that name one of `people` go wherever they stand.
    """

    cases: pa.Array = field(default_factory=lambda: names(()))
    outputs: pa.Array = field(default_factory=lambda: names(()))
    people: pa.Array = field(default_factory=lambda: names(()))
    judgements: pa.Array = field(default_factory=lambda: pa.array([], pa.binary(16)))

    def of(self, table: pa.Table, kind: str) -> pa.ChunkedArray:
        """Which rows of a table of this kind go, as a mask without nulls."""
        asked: dict[str, tuple[tuple[str, pa.Array], ...]] = {
            "cases": (("case_id", self.cases), ("subject_id", self.people), ("patient_key", self.people)),
            "outputs": (
                *(("case_id", self.cases), ("shown_case_id", self.cases)),
                *(("patient_key", self.people), ("output_id", self.outputs)),
            ),
            "references": (("case_id", self.cases),),
            "judgements": (("key", self.judgements),),
        }
        mask = pa.chunked_array([pa.array([False] * table.num_rows, pa.bool_())])
        for column, wanted in asked[kind]:
            if column in table.column_names and len(wanted):  # an older segment may lack a newer column
                mask = pc.or_(mask, pc.is_in(table[column], value_set=wanted))
        return mask


def live_segments(reader: Readable, system: str) -> list[Registered]:
    """Every segment of a system that may hold rows of patients or sums over them, in the order of arrival."""
    kinds = t.segments.c.kind.in_((*KINDS, SUMS))
    query = sa.select(t.segments).where(t.segments.c.system == system, kinds, LIVE)
    return [Registered(**row) for row in reader.read(query.order_by(t.segments.c.seq))]


def identifiers(lake: Lake, segments: Sequence[Registered]) -> dict[str, pa.Table]:
    """Identifiers, digests and days of all cases, outputs and references, without their texts.

    The column `received` is the day on which a row's segment was received (UTC).
    """
    tables = {}
    for kind, columns in _KEPT.items():
        schema = pa.schema([*(LAKE[kind].field(name) for name in columns), _RECEIVED])
        parts = [schema.empty_table()]
        for segment in segments:
            if segment.kind == kind:
                table = lake.read(segment.sha256)
                given = [
                    table[name]
                    if name in table.column_names
                    else pa.nulls(table.num_rows, schema.field(name).type)
                    for name in columns
                ]
                day = pa.array([segment.received_at.date()] * table.num_rows, pa.date32())
                parts.append(pa.table([*given, day], schema=schema))
        tables[kind] = pa.concat_tables(parts)
    return tables


def cases_of(tables: Mapping[str, pa.Table], people: Collection[str]) -> frozenset[str]:
    """The cases of these patients."""
    if not people:
        return frozenset()
    cases, outputs = tables["cases"], tables["outputs"]
    person = pc.coalesce(cases["subject_id"], cases["patient_key"])
    wanted = names(people)
    asked = pa.concat_arrays(
        [
            *cases["case_id"].filter(pc.is_in(person, value_set=wanted)).chunks,
            *outputs["case_id"].filter(pc.is_in(outputs["patient_key"], value_set=wanted)).chunks,
            pa.array([], pa.string()),
        ]
    )
    owner: dict[str, str] = {}
    for table, who in ((outputs, outputs["patient_key"]), (cases, person)):  # what cases say counts more
        rows = pc.and_(pc.is_in(table["case_id"], value_set=asked), pc.is_valid(who))
        ids, whose = table["case_id"].filter(rows).to_pylist(), who.filter(rows).to_pylist()
        owner |= dict(zip(ids, whose, strict=True))
    return frozenset(case for case, whose in owner.items() if whose in people)
