"""A Dossier as canonical JSON and back: sorted keys, ISO dates, the same bytes for the same dossier."""

import json
import types
import typing
from dataclasses import MISSING, asdict, fields, is_dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from reports.dossier import Dossier, Row

#: Raised with every change of the Dossier's fields that an older reader would not understand.
SCHEMA: Final = "lvlm-auditor/dossier/2"

#: A suppressed row has no numbers: whatever it was given, these are what leaves.
_BLANK: Final[dict[str, Any]] = {
    "value": None, "low": None, "high": None, "n": 0.0, "events": None, "n_eff": None, "patients": 0,
    "previous": None, "reason": "", "versus": None,
}  # fmt: skip


_ROW: Final = tuple(field.name for field in fields(Row))


class DossierError(ValueError):
    """One clear sentence about a dossier that cannot be written or read."""


def dumps(dossier: Dossier) -> str:
    """The dossier as JSON text, ending in a newline.

    Numbers of suppressed rows are null. Raises DossierError when a number is not finite: undefined is None.
    """
    return as_text({"schema": SCHEMA, **plain(dossier)})


def plain(dossier: Dossier) -> dict[str, Any]:
    """The dossier in JSON's own types, but for dates."""
    return {**asdict(replace(dossier, rows=())), "rows": [_written(row) for row in dossier.rows]}


def as_text(content: dict[str, Any]) -> str:
    """Canonical JSON: sorted keys, ISO dates, a line for each entry of a list. Raises DossierError.

    Indenting every level would take the encoder that is written in Python, at ten times the time.
    """
    try:
        return f"{_lines(content)}\n"
    except ValueError:
        raise DossierError("A number of the dossier is not finite; give None and say why in the note.") from None


def _lines(value: Any) -> str:
    if isinstance(value, dict) and any(isinstance(one, list | tuple | dict) for one in value.values()):
        parts = [f"{json.dumps(name)}: {_lines(one)}" for name, one in sorted(value.items())]
        return "{\n" + ",\n".join(parts) + "\n}"
    if isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(map(_lines, value)) + "\n]"
    return json.dumps(value, sort_keys=True, allow_nan=False, default=_iso)


def loads(text: str) -> Dossier:
    """The dossier that `dumps` wrote. Raises DossierError when the text is anything else."""
    try:
        content = json.loads(text)
    except ValueError:
        raise DossierError("This is not JSON; give the file that the audit wrote.") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise DossierError(f"This is not a dossier of schema {SCHEMA}; write it again with this version.")
    content.pop("schema")
    return dossier_from(content)


def dossier_from(content: Any) -> Dossier:
    """The dossier that `plain` gave, read again from JSON. Raises DossierError."""
    if isinstance(content, dict) and isinstance(content.get("rows"), list):
        for row in content["rows"]:
            if isinstance(row, dict) and row.get("suppressed") is True:
                row.update(_BLANK)
    result: Dossier = read_as(content, Dossier, "dossier")
    return result


def _written(row: Row) -> dict[str, Any]:
    """A suppressed row says null where a number was: zero would be a statement."""
    written = {name: getattr(row, name) for name in _ROW}  # asdict copies each value, at ten times the time
    written["versus"] = asdict(row.versus) if row.versus else None
    return {**written, **_BLANK, "n": None, "patients": None} if row.suppressed else written


def _iso(value: object) -> str:
    if isinstance(value, date):  # datetime is one too
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a dossier")


def read_as(value: Any, kind: Any, where: str) -> Any:
    """`value` as the declared type `kind`; every mismatch names the place and never quotes the value."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        if value not in arguments:
            raise DossierError(f"{where} must be one of {', '.join(map(str, arguments))}.")
        return value
    if origin in (types.UnionType, typing.Union):
        inner = [one for one in arguments if one is not type(None)]
        return None if value is None else read_as(value, inner[0], where)
    if origin is tuple:
        return _read_tuple(value, arguments, where)
    if is_dataclass(kind):
        return _read_dataclass(value, kind, where)
    return _read_scalar(value, kind, where)


def _read_tuple(value: Any, arguments: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise DossierError(f"{where} must be a list.")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(read_as(one, arguments[0], f"{where}[{i}]") for i, one in enumerate(value))
    if len(value) != len(arguments):
        raise DossierError(f"{where} must have {len(arguments)} entries.")
    return tuple(read_as(one, kind, where) for one, kind in zip(value, arguments, strict=True))


def _read_dataclass(value: Any, kind: Any, where: str) -> Any:
    names = {field.name for field in fields(kind)}
    # what was written by an older version lacks fields that came later; these have a default
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    if not isinstance(value, dict) or not needed <= set(value) <= names:
        raise DossierError(f"{where} must have exactly these fields: {', '.join(sorted(names))}.")
    hints = typing.get_type_hints(kind)
    return kind(**{name: read_as(value[name], hints[name], f"{where}.{name}") for name in value})


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
