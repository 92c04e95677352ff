"""Validated records to rows of the lake: pseudonyms, moments, a digest of the content, Arrow tables.

`digest` is the first 16 bytes of SHA-256 over the canonical JSON (sorted keys, nulls left out) of the row as it
will be stored, so equal content has equal digests in every process, and a column added later changes none.
Beside each row stand the few numbers that the gate judges the data set by; the gate never sees text.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from auditor.intake import image_statistics as pixels
from auditor.intake.faults import RowError
from auditor.intake.images import Images
from auditor.intake.pseudonyms import Pseudonyms, derived_id
from auditor.intake.rendering import PictureError
from auditor.intake.times import Moment, parse_time
from auditor.records import Candidate, Case, Image, Kind, Output, Record, Reference
from auditor.store.schemas import LAKE

_DAY: Final = 86_400.0
_INT32: Final = 2**31
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False).encode


@dataclass(frozen=True)
class Converter:
    """What one batch is converted with: the system, its zone, the pseudonyms, the clock, the images."""

    system: str
    zone: ZoneInfo
    pseudonyms: Pseudonyms
    received_at: datetime
    images: Images
    check_images: bool
    numeric: tuple[str, ...] = ()  # attributes that audit.yaml cuts into bands, so they must be numbers
    image_statistics: bool = False  # attributes made of the pixels of a case
    unopened: list[str] = field(default_factory=list)  # cases that lack them, since an image cannot be opened
    _moments: dict[tuple[str, str | datetime], Moment] = field(default_factory=dict)
    _pixels: pixels.Known = field(default_factory=dict)

    def row(self, record: Record) -> tuple[dict[str, Any], dict[str, Any]]:
        """(row of the lake, row of the gate). Raises RowError."""
        if isinstance(record, Output):
            return self._output(record)
        if isinstance(record, Reference):
            return self._reference(record)
        assert isinstance(record, Case)
        return self._case(record)

    def _output(self, r: Output) -> tuple[dict[str, Any], dict[str, Any]]:
        case = self.pseudonyms.of("case", r.case_id)
        if r.output_id is not None:
            identity = self.pseudonyms.of("output", r.output_id)
        else:
            uris = [image.uri for image in r.images]
            parts = [self.system, r.version, r.task, case, r.item, r.prompt, len(uris), *uris, r.sample]
            parts += [r.probe] if r.probe else []
            identity = derived_id("o-", parts)
        when = self._moment(r.produced_at, "produced_at")
        row = {
            "output_id": identity,
            "case_id": case,
            "patient_key": r.patient_id and self.pseudonyms.of("patient", r.patient_id),
            "task": r.task,
            "item": r.item,
            "version": r.version,
            "origin": r.origin,
            "prompt": r.prompt,
            "images": self._images(r.images),
            "sample": _int32(r.sample, "sample"),
            "rank": _int32(r.rank, "rank"),
            "produced_at": when and when.stamp,
            "day": when and when.day,
            "date_only": bool(when and when.date_only),
            "text": r.text,
            "scores": _items(r.scores),
            "decisions": _items(r.decisions),
            "confidence": _items(r.confidence),
            "latency_ms": r.latency_ms,
            "error": r.error,
            "probe": r.probe,
            "probe_of": r.probe_of and self.pseudonyms.of("output", r.probe_of),
            "shown_case_id": r.shown_case_id and self.pseudonyms.of("case", r.shown_case_id),
            "ranking": None if r.ranking is None else [self._candidate(one) for one in r.ranking],
            "gallery": _int32(r.gallery, "gallery"),
            "embedding": _float32(r.embedding, "embedding"),
            "tokens": _int32(r.tokens, "tokens"),
        }
        numbers = [v for m in (r.scores, r.decisions) if m for v in m.values() if v is not None]
        said = len(numbers) if r.task == "classification" else _words(r.text)
        if r.task == "retrieval":
            said = int(r.ranking is not None)  # an empty list says that nothing was found
        gate = {
            "identity": identity,
            "task": r.task,
            # a system that reported an error, or a refusal to decide, has said something
            "content": max(said, len(numbers) if r.task == "vqa" else 0, _words(r.error)),
            "days_ahead": self._ahead(when),
            "latency_ms": r.latency_ms,
        }
        return _sealed(row), gate

    def _reference(self, r: Reference) -> tuple[dict[str, Any], dict[str, Any]]:
        case = self.pseudonyms.of("case", r.case_id)
        author = r.author and self.pseudonyms.of("author", r.author)
        version = _int32(r.version, "version")
        identity = derived_id("r-", [case, r.task, r.reference_kind, r.item, author, version])
        when = self._moment(r.finalised_at, "finalised_at")
        row = {
            "reference_id": identity,
            "case_id": case,
            "task": r.task,
            "reference_kind": r.reference_kind,
            "item": r.item,
            "author": author,
            "version": version,
            "finalised_at": when and when.stamp,
            "draft_seen": r.draft_seen,
            "addendum": r.addendum,
            "text": r.text,
            "labels": _items(r.labels),
            "indication": r.indication,
            "has_prior": r.has_prior,
            "pair": r.pair,
            "question": r.question,
            "matches": r.matches and sorted({self.pseudonyms.of("case", one) for one in r.matches}),
            "options": r.options,
        }
        labelled = sum(v is not None for v in (r.labels or {}).values())
        gate = {
            "identity": identity if version is not None else None,  # without a version it may be amended
            "task": r.task,
            "pairing": f"{r.task} {r.reference_kind}",
            "content": len(r.matches or ()) if r.task == "retrieval" else _words(r.text) + labelled,
            "days_ahead": self._ahead(when),
        }
        return _sealed(row), gate

    def _case(self, r: Case) -> tuple[dict[str, Any], dict[str, Any]]:
        patient = r.patient_id and self.pseudonyms.of("patient", r.patient_id)
        when = self._moment(r.studied_at, "studied_at")
        attributes = {name: _attribute(value) for name, value in r.attributes.items()}
        attributes |= self._of_pixels(r, attributes)
        row = {
            "case_id": self.pseudonyms.of("case", r.case_id),
            "patient_key": patient,
            "subject_id": patient,
            "studied_at": when and when.stamp,
            "images": self._images(r.images),
            "attributes": _items(attributes),
        }
        gate: dict[str, Any] = {"days_ahead": self._ahead(when)}
        for name in self.numeric:
            number = _number(attributes.get(name))
            gate[f"is_number {name}"] = attributes.get(name) is None or number is not None
            gate[f"number {name}"] = number
        return _sealed(row), gate

    def _of_pixels(self, r: Case, attributes: Mapping[str, str | None]) -> dict[str, str | None]:
        """The statistics of a case's images as attributes; none where they are not asked for or cannot be made."""
        if not self.image_statistics or not r.images:
            return {}
        if own := [name for name in pixels.NAMES if attributes.get(name) is not None]:
            place = f"attributes.{own[0]}"
            reason = f"{place}: the file has it already; map it to another name, or leave out --image-statistics"
            raise RowError(place, reason)
        try:
            found = pixels.of_case(r.images, self.images.folder, self._pixels)
        except PictureError:
            self.unopened.append(r.case_id)
            return {}
        return {name: _attribute(value) for name, value in found.items()}

    def _candidate(self, one: Candidate) -> dict[str, Any]:
        """Candidates are named as cases are: a text often has the number of the study that it reports."""
        score = {} if one.score is None else {"score": one.score}
        return {"id": self.pseudonyms.of("case", one.id), **score}

    def _moment(self, value: str | datetime | None, name: str) -> Moment | None:
        if value is None:
            return None
        found = self._moments.get((name, value))
        if found is None:
            found = self._moments[name, value] = parse_time(value, self.zone, name)
        return found

    def _ahead(self, when: Moment | None) -> float | None:
        return None if when is None else (when.stamp - self.received_at).total_seconds() / _DAY

    def _images(self, images: Sequence[Image]) -> list[dict[str, str | None]]:
        found = []
        for i, image in enumerate(images):
            if self.check_images and (fault := self.images.fault(image.uri, image.sha256)):
                raise RowError("images", f"image {i + 1} of the row: {fault}")
            found.append({"uri": image.uri, "sha256": image.sha256 or self.images.sha256(image.uri)})
        return found


def lake_table(kind: Kind, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows as one table of the lake's schema."""
    schema = LAKE[kind]
    return pa.table({f.name: pa.array([row[f.name] for row in rows], type=f.type) for f in schema}, schema=schema)


def gate_columns(kind: Kind, numeric: Sequence[str]) -> dict[str, pa.DataType]:
    """The columns the gate sees of one kind, with their types."""
    named: dict[Kind, dict[str, pa.DataType]] = {
        "outputs": {
            "identity": pa.string(),
            "task": pa.string(),
            "content": pa.int64(),
            "days_ahead": pa.float64(),
            "latency_ms": pa.float64(),
        },
        "references": {
            "identity": pa.string(),
            "task": pa.string(),
            "pairing": pa.string(),
            "content": pa.int64(),
            "days_ahead": pa.float64(),
        },
        "cases": {"days_ahead": pa.float64()},
    }
    columns = dict(named[kind])
    if kind == "cases":
        for name in numeric:
            columns |= {f"is_number {name}": pa.bool_(), f"number {name}": pa.float64()}
    return columns


def gate_table(kind: Kind, rows: Sequence[dict[str, Any]], numeric: Sequence[str]) -> pa.Table:
    """What the gate sees of the same rows: hashes, counts and numbers, never text."""
    columns = gate_columns(kind, numeric)
    return pa.table({name: pa.array([row[name] for row in rows], type=t) for name, t in columns.items()})


def _sealed(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its digest."""
    content = {name: v for name, v in row.items() if v is not None and (v != [] or name == "ranking")}
    for name in ("produced_at", "finalised_at", "studied_at", "day"):
        if name in content:
            content[name] = content[name].isoformat()
    try:
        text = _encode(content)
    except ValueError:
        raise RowError(None, "the row holds a number that is not finite") from None
    row["digest"] = hashlib.sha256(text.encode("ascii")).digest()[:16]
    return row


def _items(values: dict[str, Any] | None) -> list[tuple[str, Any]] | None:
    """A map for Arrow, by key, so that the order in the file makes no difference."""
    return None if values is None else sorted(values.items())


def _words(text: str | None) -> int:
    return 0 if text is None or not text.strip() else len(text)


def _int32(value: int | None, name: str) -> int | None:
    if value is not None and not -_INT32 <= value < _INT32:
        raise RowError(name, f"{name}: the number is too large")
    return value


def _float32(values: Sequence[float] | None, name: str) -> list[float] | None:
    """The numbers as they will be stored, so that the digest is of these."""
    if values is None:
        return None
    with np.errstate(over="ignore"):
        stored = np.asarray(values, np.float32)
    if not np.isfinite(stored).all():
        raise RowError(name, f"{name}: a number is too large")
    numbers: list[float] = stored.tolist()
    return numbers


def _attribute(value: str | float | bool | None) -> str | None:
    """Attributes are text in the lake: 72, 72.0 and "72" are one value; an empty text is missing.

    >>> [_attribute(v) for v in (72.0, 72, " 72 ", True, "")]
    ['72', '72', '72', 'true', None]
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip() or None
    if value is None:
        return None
    if not math.isfinite(value):
        raise RowError("attributes", "attributes: a number is not finite")
    return str(int(value)) if value == int(value) else repr(value)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
