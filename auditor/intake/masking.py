"""What quarantine may keep of a bad row: identifiers as keyed hashes, every other value as its kind and size.

A row is in quarantine because it is not what it should be: its columns may be shifted by one, so a patient's
name may stand where a number belongs. Hence nothing is trusted by its field's name: only words of closed lists
(tasks, kinds, yes/no) stay as they are, and keys that are not our fields are counted, never printed.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, get_args

from auditor.intake.pseudonyms import Pseudonyms, Role
from auditor.records import RECORDS, DraftSeen, Kind, ReferenceKind, TaskName

_IDENTIFIERS: Final[dict[str, Role]] = {
    "case_id": "case",
    "patient_id": "patient",
    "output_id": "output",
    "author": "author",
}
_CLOSED: Final[dict[str, frozenset[str]]] = {
    "task": frozenset(get_args(TaskName)),
    "reference_kind": frozenset(get_args(ReferenceKind)),
    "draft_seen": frozenset(get_args(DraftSeen)),
    "origin": frozenset({"recorded", "replayed"}),
}


def masked(record: Mapping[str, Any], kind: Kind, pseudonyms: Pseudonyms) -> dict[str, Any]:
    """The row that quarantine keeps.

    >>> masked({"task": "report", "text": "Clear lungs."}, "outputs", Pseudonyms(b"0" * 32))
    {'task': 'report', 'text': '<text, 12 characters>'}
    """
    kept: dict[str, Any] = {}
    unknown = 0
    fields = RECORDS[kind].model_fields
    for name, value in record.items():
        if name not in fields:
            unknown += 1
        elif name in _IDENTIFIERS and isinstance(value, str | int | float):
            kept[name] = pseudonyms.of(_IDENTIFIERS[name], _as_id(value))
        elif isinstance(value, str) and value in _CLOSED.get(name, ()):
            kept[name] = value
        else:
            kept[name] = _size(value)
    if unknown:
        kept["(other columns)"] = unknown
    return kept


def masked_row(row: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """The same of a row of the lake, whose identifiers are pseudonyms already."""
    kept: dict[str, Any] = {}
    hashed = {"output_id", "reference_id", "case_id", "patient_key", "author"}
    for name, value in row.items():
        if value is None or value == [] or name in ("digest", "subject_id"):
            continue
        keep = name in hashed or (isinstance(value, str) and value in _CLOSED.get(name, ()))
        kept[name] = value if keep else _size(value)
    return kept


def _as_id(value: str | float) -> str:
    """As the records read an identifier, so that the pseudonym is the one in the lake."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _size(value: Any) -> str:
    if isinstance(value, str):
        return f"<text, {len(value)} characters>"
    if isinstance(value, bool):
        return "<yes or no>"
    if isinstance(value, int | float):
        return "<number>"
    if isinstance(value, date):
        return "<time>"
    if isinstance(value, list | tuple):
        return f"<list of {len(value)}>"
    if isinstance(value, dict):
        return f"<map of {len(value)}>"
    return "<nothing>" if value is None else "<other>"
