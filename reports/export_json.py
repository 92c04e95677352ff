"""A Dossier as canonical JSON and back: sorted keys, ISO dates, the same bytes for the same dossier."""

import json
import types
import typing
from dataclasses import asdict, fields, is_dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from reports.dossier import Dossier, Row

#: Raised with every change of the Dossier's fields that an older reader would not understand.
SCHEMA: Final = "lvlm-auditor/dossier/2"

#: A suppressed row has no numbers: whatever it was given, these are what leaves.
_BLANK: Final[dict[str, Any]] = {
    "value": None, "low": None, "high": None, "n": 0.0, "events": None, "n_eff": None, "patients": 0,
    "previous": None, "reason": "",
}  # fmt: skip


class DossierError(ValueError):
    """One clear sentence about a dossier that cannot be written or read."""


def dumps(dossier: Dossier) -> str:
    """The dossier as JSON text, ending in a newline.

    Numbers of suppressed rows are null. Raises DossierError when a number is not finite: undefined is None.
    """
    rows = [_written(row) for row in dossier.rows]
    content = {"schema": SCHEMA, **asdict(replace(dossier, rows=())), "rows": rows}
    try:
        text = json.dumps(content, sort_keys=True, indent=1, allow_nan=False, default=_iso)
    except ValueError:
        raise DossierError("A number of the dossier is not finite; give None and say why in the note.") from None
    return text + "\n"


def loads(text: str) -> Dossier:
    """The dossier that `dumps` wrote. Raises DossierError when the text is anything else."""
    try:
        content = json.loads(text)
    except ValueError:
        raise DossierError("This is not JSON; give the file that the audit wrote.") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise DossierError(f"This is not a dossier of schema {SCHEMA}; write it again with this version.")
    content.pop("schema")
    for row in content["rows"] if isinstance(content.get("rows"), list) else ():
        if isinstance(row, dict) and row.get("suppressed") is True:
            row.update(_BLANK)
    result: Dossier = _read(content, Dossier, "dossier")
    return result


def _written(row: Row) -> dict[str, Any]:
    """A suppressed row says null where a number was: zero would be a statement."""
    if not row.suppressed:
        return asdict(row)
    return {**asdict(row), **_BLANK, "n": None, "patients": None}


def _iso(value: object) -> str:
    if isinstance(value, date):  # datetime is one too
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a dossier")


def _read(value: Any, kind: Any, where: str) -> Any:
    """`value` as the declared type `kind`; every mismatch names the place and never quotes the value."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        inner = [one for one in arguments if one is not type(None)]
        return None if value is None else _read(value, inner[0], where)
    if origin is tuple:
        return _read_tuple(value, arguments, where)
    if is_dataclass(kind):
        return _read_dataclass(value, kind, where)
    return _read_scalar(value, kind, where)


def _read_tuple(value: Any, arguments: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise DossierError(f"{where} must be a list.")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_read(one, arguments[0], f"{where}[{i}]") for i, one in enumerate(value))
    if len(value) != len(arguments):
        raise DossierError(f"{where} must have {len(arguments)} entries.")
    return tuple(_read(one, kind, where) for one, kind in zip(value, arguments, strict=True))


def _read_dataclass(value: Any, kind: Any, where: str) -> Any:
    names = {field.name for field in fields(kind)}
    if not isinstance(value, dict) or set(value) != names:
        raise DossierError(f"{where} must have exactly these fields: {', '.join(sorted(names))}.")
    hints = typing.get_type_hints(kind)
    return kind(**{name: _read(value[name], hints[name], f"{where}.{name}") for name in names})


def _read_scalar(value: Any, kind: Any, where: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if kind in (date, datetime) and isinstance(value, str):
        try:
            return kind.fromisoformat(value)
        except ValueError:
            raise DossierError(f"{where} must be an ISO date.") from None
    if type(value) is not kind:
        raise DossierError(f"{where} must be of type {kind.__name__}.")
    return value
