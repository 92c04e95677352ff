"""The control matrix: what rules and frameworks ask for, and which evidence speaks to it.

A link says "evidence for" and no more: whether a control is met is for people to judge. What is stale, has failed
or is not there makes a gap of every control that it is evidence for.
"""

import importlib.resources
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import yaml

State = Literal["current", "stale", "failed", "absent"]
Standing = Literal["evidence current", "gap", "kept elsewhere"]

#: The evidence catalogue; what each item is and where it comes from is `auditor.evidence.catalogue`.
ITEMS: Final = tuple(f"E{number}" for number in range(1, 23))

#: The relations that a link may have. One so far: most links that claim more do not survive an audit of them.
RELATIONS: Final = ("evidence for",)

#: Standing of a framework: in force, voluntary, a draft, or from a day on.
_STATUS: Final = re.compile(r"in force|voluntary|draft|from \d{4}-\d{2}-\d{2}")


class MatrixError(ValueError):
    """One clear sentence about a matrix that cannot be used."""


@dataclass(frozen=True, slots=True)
class EvidenceState:
    """What there is of one evidence item; `at` is its newest time, None where there is none."""

    item: str
    title: str
    state: State
    at: datetime | None
    where: str
    note: str


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that a framework asks for, and (item, relation) of all that is evidence for it."""

    framework: str
    id: str
    asks: str
    evidence: tuple[tuple[str, str], ...]
    status: str  # of the framework, unless the control has one of its own
    verify: bool  # written from memory: look it up before relying on it
    note: str = ""
    lacks: str = ""  # evidence that it would need and that this version does not make: always a gap
    elsewhere: str = ""  # where people keep its evidence, if none of it is made here


@dataclass(frozen=True, slots=True)
class Framework:
    """A rule, standard or guideline; `status` as of the matrix's version."""

    id: str
    title: str
    status: str
    verify: bool
    note: str
    controls: tuple[Control, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """All frameworks, in one version."""

    version: str
    frameworks: tuple[Framework, ...]

    @property
    def controls(self) -> tuple[Control, ...]:
        return tuple(control for framework in self.frameworks for control in framework.controls)


@dataclass(frozen=True, slots=True)
class ControlLine:
    """How one control stands; `missing` are the items without current evidence, `why` says it in words."""

    control: Control
    state: Standing
    missing: tuple[str, ...]
    why: str


def load() -> Matrix:
    """The matrix that ships with this version. Raises MatrixError."""
    text = importlib.resources.files("reports").joinpath("controls.yaml").read_text(encoding="utf-8")
    return parse(text)


def parse(text: str, where: str = "controls.yaml") -> Matrix:
    """A matrix from YAML.

    Raises MatrixError at the first thing that is unknown, missing or there twice.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise MatrixError(f"{where} is not valid YAML{f' near line {mark.line + 1}' if mark else ''}.") from None
    _check_fields(raw, where, needs=("version", "frameworks"))
    frameworks = tuple(_framework(one, where) for one in _listed(raw, "frameworks", where))
    _check_once([framework.id for framework in frameworks], where)
    return Matrix(_text(raw, "version", where), frameworks)


def named(matrix: Matrix, framework: str) -> Framework:
    """The framework with this id. Raises MatrixError with the known ones."""
    for one in matrix.frameworks:
        if one.id.casefold() == framework.casefold():
            return one
    known = ", ".join(one.id for one in matrix.frameworks)
    raise MatrixError(f"There is no framework {framework!r}; there are {known}.")


def assess(matrix: Matrix, states: Mapping[str, EvidenceState]) -> tuple[ControlLine, ...]:
    """How every control stands; an item that `states` does not hold counts as absent."""
    return tuple(_line(control, states) for control in matrix.controls)


def _line(control: Control, states: Mapping[str, EvidenceState]) -> ControlLine:
    if control.elsewhere:
        return ControlLine(control, "kept elsewhere", (), control.elsewhere)
    found = {item: states[item].state if item in states else "absent" for item, _ in control.evidence}
    missing = tuple(item for item, state in found.items() if state != "current")
    said = [", ".join(f"{item} {found[item]}" for item in missing), control.lacks]
    why = "; ".join(part for part in said if part)
    return ControlLine(control, "gap" if why else "evidence current", missing, why)


def _framework(raw: Any, where: str) -> Framework:
    _check_fields(raw, where, needs=("id", "title", "status", "controls"), may=("verify", "note"))
    name = _text(raw, "id", where)
    where = f"{where}, {name}"
    status, verify = _status(raw, where), _flag(raw, where)
    controls = tuple(_control(one, name, status, verify, where) for one in _listed(raw, "controls", where))
    _check_once([control.id for control in controls], where)
    return Framework(name, _text(raw, "title", where), status, verify, _text(raw, "note", where, ""), controls)


def _control(raw: Any, framework: str, status: str, verify: bool, where: str) -> Control:
    may = ("status", "verify", "note", "lacks", "elsewhere")
    _check_fields(raw, where, needs=("id", "asks", "evidence"), may=may)
    name = _text(raw, "id", where)
    where = f"{where}, {name}"
    control = Control(
        framework=framework,
        id=name,
        asks=_text(raw, "asks", where),
        evidence=tuple(_link(one, where) for one in _listed(raw, "evidence", where, empty=True)),
        status=_status(raw, where) if "status" in raw else status,
        verify=_flag(raw, where) if "verify" in raw else verify,
        note=_text(raw, "note", where, ""),
        lacks=_text(raw, "lacks", where, ""),
        elsewhere=_text(raw, "elsewhere", where, ""),
    )
    _check_once([item for item, _ in control.evidence], where)
    # a control without a link would otherwise have nothing missing, and pass
    if control.elsewhere and (control.evidence or control.lacks):
        raise MatrixError(f"{where}: its evidence is kept elsewhere or made here, not both.")
    if not (control.evidence or control.lacks or control.elsewhere):
        raise MatrixError(f"{where}: name its evidence, or say what it lacks or where that is kept.")
    return control


def _link(raw: Any, where: str) -> tuple[str, str]:
    _check_fields(raw, where, needs=("item", "relation"))
    item, relation = _text(raw, "item", where), _text(raw, "relation", where)
    if item not in ITEMS:
        raise MatrixError(f"{where}: there is no evidence item {item!r}; there are {ITEMS[0]} to {ITEMS[-1]}.")
    if relation not in RELATIONS:
        raise MatrixError(f"{where}: {item} cannot be {relation!r}; a link says {' or '.join(RELATIONS)}.")
    return item, relation


def _check_fields(raw: Any, where: str, needs: Sequence[str], may: Sequence[str] = ()) -> None:
    if not isinstance(raw, dict):
        raise MatrixError(f"{where}: an entry must hold {', '.join(needs)}.")
    if unknown := sorted(str(key) for key in raw if key not in (*needs, *may)):
        raise MatrixError(f"{where}: {unknown[0]!r} is unknown; an entry may hold {', '.join((*needs, *may))}.")
    if lost := [key for key in needs if key not in raw]:
        raise MatrixError(f"{where}: an entry lacks {lost[0]!r}.")


def _check_once(names: Sequence[str], where: str) -> None:
    if twice := [name for name in names if names.count(name) > 1]:
        raise MatrixError(f"{where}: {twice[0]!r} stands twice.")


def _listed(raw: Mapping[str, Any], key: str, where: str, empty: bool = False) -> list[Any]:
    value = raw[key]
    if not isinstance(value, list) or not (value or empty):
        raise MatrixError(f"{where}: {key} must be a list{'' if empty else ' that is not empty'}.")
    return value


def _text(raw: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = raw.get(key, default)
    if not isinstance(value, str) or not (value or value == default):
        raise MatrixError(f"{where}: {key} must be text; put numbers and dates in quotes.")
    return value


def _flag(raw: Mapping[str, Any], where: str) -> bool:
    value = raw.get("verify", False)
    if not isinstance(value, bool):
        raise MatrixError(f"{where}: verify must be true or false.")
    return value


def _status(raw: Mapping[str, Any], where: str) -> str:
    value = _text(raw, "status", where)
    if not _STATUS.fullmatch(value):
        raise MatrixError(f"{where}: status must be in force, voluntary, draft, or from a day (from 2028-08-02).")
    return value
