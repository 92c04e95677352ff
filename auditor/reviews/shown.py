"""What a reviewer is shown of an item: its texts as the sample's audit saw them, and what the judge found there.

Sheet and screen read the same rows. Only rows of the items are kept from the lake; one reading serves the whole
sample, since a segment costs much the same whether one of its rows is wanted or two hundred.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.judging import pair_keys
from auditor.audit.linking import Linked, beside
from auditor.audit.recorded import latest_audit, settings_of
from auditor.audit.scope import INPUT_KINDS
from auditor.reviews.correct import Sample
from auditor.reviews.item import Finding, Shown
from auditor.reviews.questions import KINDS
from auditor.reviews.readers import items_of
from auditor.store import schemas
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import segments_of

_BY_CODE: Final = {"OMI": "omitted", "LAT": "laterality"}
_BY_KIND: Final = {count: question for question, counts in KINDS.items() for count in counts}
_KEY: Final = {"outputs": "output_id", "references": "case_id", "cases": "case_id", "judgements": "key"}


def pinned(ledger: Ledger, sample: Sample) -> dict[str, tuple[str, ...]]:
    """The segments that hold what a sample shows, by kind. They change only when rows are erased or judged."""
    audit = latest_audit(ledger, sample.system, sample.audit)
    seen = {"as_of": audit["as_of"], "pin": audit["segment_pin"]}
    found = {kind: segments_of(ledger, sample.system, kind, **seen) for kind in INPUT_KINDS}
    if not sample.blinded:
        found["judgements"] = segments_of(ledger, sample.system, "judgements")
    return {kind: tuple(segment.sha256 for segment in segments) for kind, segments in found.items()}


def shown(ledger: Ledger, lake: Lake, sample: Sample) -> dict[int, Shown]:
    """The items of a sample by number."""
    items = [item for _, item in sorted(items_of(ledger, sample.id).items())]
    segments = pinned(ledger, sample)
    outputs = _rows(lake, segments, "outputs", [item["output_id"] for item in items])
    cases = outputs["case_id"].to_pylist()
    references, studies = (_rows(lake, segments, kind, cases) for kind in ("references", "cases"))
    settings = settings_of(ledger, latest_audit(ledger, sample.system, sample.audit))
    linked = beside(outputs, references, studies, sample.task, settings)
    errors = {} if sample.blinded else _errors(lake, segments, linked, sample.judge)
    place = {name: row for row, name in enumerate(outputs["output_id"].to_pylist())}
    return {item["number"]: _item(item, linked, place.get(item["output_id"]), errors) for item in items}


def _rows(
    lake: Lake,
    segments: Mapping[str, Collection[str]],
    kind: str,
    wanted: Collection[Any],
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """The rows of these names. A segment without any is not read further than its column of names."""
    schema = schemas.LAKE[kind]
    values = pa.array(sorted(set(wanted)), schema.field(_KEY[kind]).type)
    empty = schema.empty_table()
    parts = [empty if columns is None else empty.select(columns)]
    for name in segments[kind]:
        there = pc.is_in(lake.read(name, [_KEY[kind]])[_KEY[kind]], value_set=values)
        if pc.any(there).as_py():
            parts.append(lake.read(name, columns).filter(there))
    return pa.concat_tables(parts, promote_options="default").unify_dictionaries()


def _errors(
    lake: Lake, segments: Mapping[str, Collection[str]], linked: Linked, judge: str
) -> dict[int, list[dict[str, Any]]]:
    """What the judge found, by row of the linked tables."""
    keys = pair_keys(linked, judge)
    judgements = _rows(lake, segments, "judgements", keys, ["key", "errors"]).to_pylist()
    found = {one["key"]: one["errors"] or [] for one in judgements}
    return {row: found[key] for row, key in enumerate(keys) if key in found}


def _item(item: Any, linked: Linked, row: int | None, errors: Mapping[int, list[dict[str, Any]]]) -> Shown:
    if row is None:
        return Shown(item["number"], "", (), "", "", "", None)
    output, reference, case = (table.slice(row, 1) for table in linked[:3])
    told = item["found"] is not None and row in errors
    return Shown(
        number=item["number"],
        case=output["case_id"][0].as_py(),
        images=tuple(one["uri"] for one in case["images"][0].as_py() or output["images"][0].as_py() or ()),
        indication=reference["indication"][0].as_py() or "",
        reference=reference["text"][0].as_py() or "",
        draft=output["text"][0].as_py() or "",
        findings=tuple(map(_finding, errors[row])) if told else None,
    )


def _finding(error: Mapping[str, Any]) -> Finding:
    return Finding(
        question=_BY_CODE.get(error["code"]) or _BY_KIND.get(error["kind"] or "", ""),
        code=error["code"],
        kind=error["kind"] or "",
        finding=error["finding"] or "",
        significance=error["significance"] or "",
        draft=_span(error["draft_start"], error["draft_end"]),
        reference=_span(error["reference_start"], error["reference_end"]),
    )


def _span(start: int | None, end: int | None) -> tuple[int, int] | None:
    return None if start is None or end is None else (start, end)
