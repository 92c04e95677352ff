"""The mapping file: which column of a foreign export is which field of a record, in YAML.

    case_id: {join: [patient_id, follow_up], separator: "-"}
    task: {value: classification}
    version: {value: chexnet-1}
    scores: {prefix: prob_}
    attributes.age: {from: PatientAge, unit: dicom_age}
    attributes.sex: {from: PatientSex, lookup: {M: male, F: female}}
    studied_at: {from: StudyDate, format: "%Y%m%d"}
    images: {from: image}
    ranking: {from: results, separator: "|"}
    labels: {from: labels, split: "|", of: [Mass, Edema], none: "No Finding"}

The left side is a field of the record, or a key of one of its maps; the right side is a column, or how to make
the value from columns. Columns that the mapping does not name are left out. A missing value stays missing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from auditor.intake.faults import IntakeError, RowError, unknown_column
from auditor.records import RECORDS, Kind

Unit = Literal["dicom_age", "kg", "lb", "percent"]
Row = Mapping[str, Any]
Scalar = Callable[[Any], Any]

#: Fields that are maps: `attributes.age` on the left fills one key of them.
_MAPS: Final[dict[Kind, frozenset[str]]] = {
    "outputs": frozenset({"scores", "decisions", "confidence"}),
    "references": frozenset({"labels"}),
    "cases": frozenset({"attributes"}),
}
#: Fields that are lists: one cell may hold several entries, cut at the separator.
_LISTS: Final = frozenset({"embedding", "images", "matches", "options", "ranking"})
_DICOM_AGE: Final = re.compile(r"(\d{1,3})([DWMY])")
#: Years in one unit of a DICOM age string (PS3.5, value representation AS).
_YEARS: Final[dict[str, float]] = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
_POUND: Final = 0.45359237


class Rule(BaseModel):
    """How one field is made. Exactly one of `from`, `value`, `prefix` and `join` says where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: str | None = Field(default=None, alias="from")  # a column; a.b is b inside a
    value: str | int | float | bool | None = None  # the same for every row
    prefix: Annotated[str, Field(min_length=1)] | None = None  # gathers prob_X, prob_Y into {X: …, Y: …}
    join: Annotated[list[str], Field(min_length=1)] | None = None  # several columns as one text
    separator: str | None = None  # between what `join` puts together, or the entries of a list
    unit: Unit | None = None
    format: str | None = None  # of a date or time, as for strptime
    lookup: dict[str, str | int | float | bool | None] | None = None
    split: Annotated[str, Field(min_length=1)] | None = None  # "A|B" to {A: 1, B: 1, others of `of`: 0}
    of: Annotated[list[str], Field(min_length=1)] | None = None
    none: str | None = None  # what the cell says when nothing of `of` is present

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = [self.source, self.prefix, self.join, "value" if "value" in self.model_fields_set else None]
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError("give exactly one of from, value, prefix and join")
        if (self.split is None) != (self.of is None):
            raise ValueError("split and of belong together: of lists every label that may occur")
        if self.split is not None and self.source is None:
            raise ValueError("split needs from")
        if self.none is not None and self.split is None:
            raise ValueError("none needs split")
        return self

    def columns(self) -> list[str]:
        """The columns it names outright."""
        return ([self.source] if self.source is not None else []) + (self.join or [])


class ColumnMapping(BaseModel):
    """A whole mapping file: target field → rule, for one kind of record."""

    model_config = ConfigDict(frozen=True)
    kind: Kind
    rules: dict[str, Rule]

    def columns(self) -> list[str]:
        """Every source column that some rule names outright, sorted."""
        return sorted({column for rule in self.rules.values() for column in rule.columns()})

    def check_columns(self, present: Sequence[str], where: str) -> None:
        """Raises IntakeError where a file whose columns are known lacks one that the mapping names."""
        known = set(present)
        absent = [c for c in self.columns() if c not in known and c.split(".", 1)[0] not in known]
        if absent:
            raise IntakeError(
                f"{where} has no column {absent[0]!r}, which the mapping names"
                + (f" (and {len(absent) - 1} more)." if len(absent) > 1 else ".")
            )
        for target, rule in self.rules.items():
            if rule.prefix and not any(name.startswith(rule.prefix) for name in present):
                raise IntakeError(
                    f"{where} has no column that begins with {rule.prefix!r}, which {target} gathers."
                )

    def compiled(self) -> Callable[[Row], dict[str, Any]]:
        """The function from a row of the file to the raw record; it raises RowError."""
        steps = [(_place(target), _maker(target, rule)) for target, rule in self.rules.items()]

        def apply(row: Row) -> dict[str, Any]:
            record: dict[str, Any] = {}
            for (head, key), make in steps:
                value = make(row)
                if value is None:
                    continue
                if key is None:
                    record[head] = {**record[head], **value} if head in record else value
                else:
                    record.setdefault(head, {})[key] = value
            return record

        return apply


def parse_mapping(text: str, kind: Kind, where: str = "the mapping") -> ColumnMapping:
    """Read a mapping file for one kind. Raises IntakeError naming the line or the field.

    >>> parse_mapping("case_id: uid\\ntask: {value: report}", "cases")
    Traceback (most recent call last):
    auditor.intake.faults.IntakeError: the mapping: 'task' is not a field of cases.
    """
    try:
        raw: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" near line {mark.line + 1}" if mark else ""
        raise IntakeError(f"{where} is not valid YAML{line}; check indentation and quotes.") from None
    if not isinstance(raw, dict) or not raw:
        raise IntakeError(f"{where} must hold lines such as 'case_id: StudyUID'; it holds none.")
    rules = {}
    for target, rule in raw.items():
        _check_target(target, kind, where)
        try:
            rules[target] = Rule.model_validate({"from": rule} if isinstance(rule, str) else rule)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            place = ".".join([target, *map(str, first["loc"])])
            raise IntakeError(f"{where}: {place}: {first['msg'].removeprefix('Value error, ')}.") from None
        if "value" not in rules[target].model_fields_set and rule in (None, ""):
            raise IntakeError(f"{where}: {target} names no column.")
    for target, rule in rules.items():
        _check_shape(target, rule, kind, where)
    return ColumnMapping(kind=kind, rules=rules)


def identity(columns: Sequence[str], kind: Kind, where: str) -> ColumnMapping:
    """The mapping of a table whose columns are named as our fields (`scores.Edema` fills a map's key).

    Raises IntakeError for an unknown column, by position: a file without header has patients for column names.
    """
    fields = RECORDS[kind].model_fields
    for i, name in enumerate(columns, start=1):
        if _place(name)[0] not in fields:
            raise IntakeError(f"{where}: {unknown_column(i, name, fields)}.")
        _check_target(name, kind, where)
    rules = {name: Rule.model_validate({"from": name}) for name in columns}
    return ColumnMapping(kind=kind, rules=rules)


def _place(target: str) -> tuple[str, str | None]:
    head, dot, key = target.partition(".")
    return head, key if dot else None


def _check_target(target: object, kind: Kind, where: str) -> None:
    fields = RECORDS[kind].model_fields
    head, key = _place(str(target))
    if not isinstance(target, str) or head not in fields:
        raise IntakeError(f"{where}: {head!r} is not a field of {kind}.")
    if key is not None and (head not in _MAPS[kind] or not key):
        raise IntakeError(
            f"{where}: {head} has no parts; only {', '.join(sorted(_MAPS[kind]))} may have one after a dot."
        )


def _check_shape(target: str, rule: Rule, kind: Kind, where: str) -> None:
    is_map = target in _MAPS[kind]
    if (rule.prefix or rule.split) and not is_map:
        raise IntakeError(f"{where}: {target} is one value; prefix and split fill a map.")
    if is_map and (rule.join or "value" in rule.model_fields_set):
        raise IntakeError(f"{where}: {target} is a map; use prefix, split, or {target}.NAME for one key.")
    if rule.separator is not None and not rule.join and target not in _LISTS:
        raise IntakeError(f"{where}: {target}: separator is for join and for {', '.join(sorted(_LISTS))}.")


def _maker(target: str, rule: Rule) -> Callable[[Row], Any]:
    """The function that makes one field's value from a row; None means missing."""
    if "value" in rule.model_fields_set:
        constant = rule.value
        return lambda row: constant
    convert = _converter(target, rule)
    if rule.prefix is not None:
        start, cut = rule.prefix, len(rule.prefix)
        return lambda row: {k[cut:]: convert(v) for k, v in row.items() if k.startswith(start) and k[cut:]} or None
    if rule.join is not None:
        getters, glue = [_getter(column) for column in rule.join], rule.separator or " "

        def joined(row: Row) -> Any:
            parts = [str(v) for get in getters if (v := get(row)) is not None and v != ""]
            if len(parts) < len(getters) and target in ("case_id", "output_id", "patient_id"):
                return None  # half an identifier would join strangers
            return convert(glue.join(parts)) if parts else None

        return joined
    assert rule.source is not None
    get = _getter(rule.source)
    if rule.split is not None:
        return lambda row: _split(target, get(row), rule)
    if target in _LISTS and rule.separator:
        glue = rule.separator
        return lambda row: v.split(glue) if isinstance(v := get(row), str) else v
    return lambda row: None if (v := get(row)) is None else convert(v)


def _getter(column: str) -> Callable[[Row], Any]:
    if "." not in column:
        return lambda row: row.get(column)
    head, *path = column.split(".")

    def nested(row: Row) -> Any:
        if column in row:
            return row[column]
        value = row.get(head)
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    return nested


def _converter(target: str, rule: Rule) -> Scalar:
    steps: list[Scalar] = []
    if rule.lookup is not None:
        steps.append(_looked_up(target, rule.lookup))
    if rule.unit is not None:
        steps.append(_UNITS[rule.unit](target))
    if rule.format is not None:
        steps.append(_timed(target, rule.format))
    if len(steps) <= 1:
        return steps[0] if steps else lambda value: value

    def chain(value: Any) -> Any:
        for step in steps:
            value = None if value is None else step(value)
        return value

    return chain


def _looked_up(target: str, table: Mapping[str, Any]) -> Scalar:
    def look(value: Any) -> Any:
        try:
            return table[str(value).strip()]
        except KeyError:
            raise RowError(target, f"{target}: the value is not in the lookup table of the mapping") from None

    return look


def _timed(target: str, form: str) -> Scalar:
    # a format without hours gives a date alone, which is marked as such later
    only_date = not any(code in form for code in ("%H", "%I", "%c", "%X"))

    def read(value: Any) -> str:
        try:
            moment = datetime.strptime(str(value).strip(), form)  # noqa: DTZ007 - the zone is given later
        except ValueError:
            raise RowError(target, f"{target}: the value does not match the format of the mapping") from None
        return moment.date().isoformat() if only_date else moment.isoformat()

    return read


def dicom_age(text: str) -> float:
    """Years of a DICOM age string: "072Y", "018M", "006W", "010D". Raises ValueError.

    >>> dicom_age("072Y"), dicom_age("018M")
    (72.0, 1.5)
    """
    match = _DICOM_AGE.fullmatch(text.strip().upper())
    if match is None:
        raise ValueError("not a DICOM age such as 072Y or 018M")
    return int(match[1]) * _YEARS[match[2]]


def _number_of(target: str, read: Callable[[Any], float], meaning: str) -> Scalar:
    def convert(value: Any) -> float:
        try:
            return read(value)
        except (ValueError, TypeError, OverflowError):
            raise RowError(target, f"{target}: the value is not {meaning}") from None

    return convert


def _percent(value: Any) -> float:
    return float(value.strip().removesuffix("%") if isinstance(value, str) else value) / 100


_UNITS: Final[dict[Unit, Callable[[str], Scalar]]] = {
    "dicom_age": lambda t: _number_of(t, lambda v: dicom_age(str(v)), "a DICOM age such as 072Y or 018M"),
    "kg": lambda t: _number_of(t, float, "a number of kilograms"),
    "lb": lambda t: _number_of(t, lambda v: float(v) * _POUND, "a number of pounds"),
    "percent": lambda t: _number_of(t, _percent, "a percentage"),
}


def _split(target: str, cell: Any, rule: Rule) -> dict[str, int] | None:
    assert rule.split is not None and rule.of is not None
    text = "" if cell is None else str(cell).strip()
    if not text and rule.none != "":
        return None  # nothing said is not "nothing found"
    named = {part.strip() for part in text.split(rule.split)} - {rule.none, ""}
    if not named <= set(rule.of):
        raise RowError(target, f"{target}: a label is not in the list `of` of the mapping")
    return {label: int(label in named) for label in rule.of}
