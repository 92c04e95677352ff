"""The shape of a written report as JSON Schema (draft 2020-12), derived from the dataclasses that make it.

`python -m reports.json_schema report > docs/schema/report.schema.json` writes the file that others read.
"""

import json
import re
import sys
import types
import typing
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from inspect import getdoc
from typing import Any, Final

from reports.dossier import Dossier, Row
from reports.export_json import SCHEMA
from reports.export_report import SCHEMA as REPORT
from reports.export_report import Content

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

#: What `export_json` writes as null in a suppressed row. The schema holds a document to it, since a number that
#: leaks there would otherwise pass as well-formed.
_HIDDEN: Final = ("value", "low", "high", "n", "events", "n_eff", "patients", "previous", "versus")

_SCALARS: Final[dict[Any, dict[str, Any]]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
}
_NULL: Final = {"type": "null"}


def schema_of(kind: type, name: str, constant: str = SCHEMA) -> dict[str, Any]:
    """The schema of documents that hold one `kind`; `constant` is what their field `schema` says, "" for none.

    Descriptions are taken from docstrings and from nowhere else: a field is described by those sentences of its
    class that name it.
    """
    definitions: dict[str, dict[str, Any]] = {}
    document = _object(kind, definitions)
    if constant:
        document["properties"]["schema"] = {"const": constant}
        document["required"] = sorted([*document["required"], "schema"])
    return {
        "$schema": _DIALECT,
        "$id": f"urn:lvlm-auditor:{name}" + (f":{constant.rpartition('/')[2]}" if constant else ""),
        "title": name,
        **document,
        "$defs": definitions,
    }


def text(name: str = "report") -> str:
    """The schema of a written report, or of a dossier alone, as the committed file holds it."""
    kind, constant = _DOCUMENTS[name]
    return json.dumps(schema_of(kind, name, constant), sort_keys=True, indent=1) + "\n"


_DOCUMENTS: Final[dict[str, tuple[type, str]]] = {"report": (Content, REPORT), "dossier": (Dossier, SCHEMA)}


def _object(kind: type, definitions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One dataclass; those that it holds are added to `definitions`."""
    hints = typing.get_type_hints(kind)
    properties = {}
    for field in fields(kind):
        properties[field.name] = _value(hints[field.name], definitions)
        if said := _said_of(field.name, kind):
            properties[field.name]["description"] = said
    made: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }
    if description := _description(kind):
        made["description"] = description
    return _may_be_hidden(made) if kind is Row else made


def _value(kind: Any, definitions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        known = [_value(one, definitions) for one in arguments if one is not type(None)]
        return {"anyOf": [*known, dict(_NULL)]} if type(None) in arguments else {"anyOf": known}
    if origin is tuple:
        return _array(arguments, definitions)
    if is_dataclass(kind) and isinstance(kind, type):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = {}  # holds the place, should a class hold itself
            definitions[kind.__name__] = _object(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if kind not in _SCALARS:
        raise TypeError(f"{kind} has no place in a dossier")
    return dict(_SCALARS[kind])


def _array(arguments: tuple[Any, ...], definitions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return {"type": "array", "items": _value(arguments[0], definitions)}
    return {
        "type": "array",
        "prefixItems": [_value(one, definitions) for one in arguments],
        "items": False,
        "minItems": len(arguments),
        "maxItems": len(arguments),
    }


def _may_be_hidden(row: dict[str, Any]) -> dict[str, Any]:
    """A suppressed row has null for every number and gives no reason; any other has its counts."""
    properties = row["properties"]
    shown = {name: properties[name] for name in ("n", "patients")}  # never null where they may be shown
    for name, kind in shown.items():
        properties[name] = {"anyOf": [dict(kind), dict(_NULL)]}
    return {
        **row,
        "if": {"properties": {"suppressed": {"const": True}}},
        "then": {"properties": {**{name: dict(_NULL) for name in _HIDDEN}, "reason": {"const": ""}}},
        "else": {"properties": shown},
    }


def _description(kind: type) -> str:
    """The docstring on one line; one that dataclass made up of the signature says nothing."""
    said = " ".join((getdoc(kind) or "").split())
    return "" if said.startswith(f"{kind.__name__}(") else said


def _said_of(field: str, kind: type) -> str:
    sentences = re.split(r"(?<=\.)\s+", _description(kind))
    return " ".join(one for one in sentences if f"`{field}`" in one)


if __name__ == "__main__":
    sys.stdout.write(text(*sys.argv[1:]))
