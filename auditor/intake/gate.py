"""The gate: what must hold of a data set, as a Great Expectations suite for each kind of record.

Pydantic has judged each record by itself (shapes, types, shares between 0 and 1); here stand the statements
about the data: unique, within a plausible range, among the allowed values, not in the future, not empty, known
to the system. Expectations see hashes, counts and numbers only, and results carry row numbers, never values.
A failing expectation sends just its rows to quarantine.
"""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from auditor.records import Kind, ReferenceKind, TaskName
from auditor.settings import AuditSettings

#: How far ahead of its receipt a time may lie, in days: clocks and zones differ by less.
FUTURE_SLACK: Final = 1.0
#: A system that takes longer than a day for one answer gave seconds, or nanoseconds.
MAX_LATENCY_MS: Final = 86_400_000.0
#: The oldest person on record lived 122 years.
MAX_AGE: Final = 125.0
#: Which kinds of reference can judge which task.
REFERENCES_OF: Final[dict[TaskName, tuple[ReferenceKind, ...]]] = {
    "report": ("final_report", "adjudication"),
    "classification": ("label_set", "adjudication"),
    "vqa": ("answer", "adjudication"),
    "retrieval": ("answer", "adjudication"),
}
_ROW: Final = "row"


@dataclass(frozen=True)
class Rule:
    """One expectation: on which column, of which type with which bounds, and what its failure means."""

    column: str
    expectation: str  # name of a class of great_expectations.expectations
    bounds: tuple[tuple[str, Any], ...]
    field: str | None
    reason: str


def rules_for(kind: Kind, settings: AuditSettings) -> tuple[Rule, ...]:
    """The suite of one kind under one audit.yaml."""
    tasks = sorted(settings.tasks)
    known = Rule(
        "task",
        "ExpectColumnValuesToBeInSet",
        (("value_set", tuple(tasks)),),
        "task",
        f"task: this system is audited for {', '.join(tasks)} only (see tasks in audit.yaml)",
    )
    if kind == "cases":
        return (_not_ahead("studied_at"), *_attribute_rules(settings))
    if kind == "references":
        pairs = tuple(f"{task} {one}" for task, kinds in REFERENCES_OF.items() for one in kinds)
        return (
            known,
            _unique("the same reference version stands in the file with other content"),
            Rule(
                "pairing",
                "ExpectColumnValuesToBeInSet",
                (("value_set", pairs),),
                "reference_kind",
                "reference_kind: this kind of reference cannot judge this task",
            ),
            _content("text", "the text is empty, or no label or match is given"),
            _not_ahead("finalised_at"),
        )
    return (
        known,
        _unique("the same output stands in the file with other content; give each output its own id"),
        _content("text", "the text is empty, or no score, decision, ranking or error is given"),
        _not_ahead("produced_at"),
        Rule(
            "latency_ms",
            "ExpectColumnValuesToBeBetween",
            (("max_value", MAX_LATENCY_MS),),
            "latency_ms",
            "latency_ms: longer than a day; give milliseconds",
        ),
    )


def failures(rules: Sequence[Rule], table: pa.Table) -> dict[int, Rule]:
    """Positions (from 0) of the rows of `table` that fail, each with the first rule it fails.

    Of rows that share an id the first stays: uniqueness flags all copies, but one of them may go in.
    """
    # a column with nothing in it satisfies every expectation, and pandas would lose its type
    used = [rule for rule in rules if table[rule.column].null_count < len(table)]
    if not used:
        return {}
    frame = table.append_column(_ROW, pa.array(range(len(table)), pa.int64())).to_pandas()
    found: dict[int, Rule] = {}
    for rule, rows in zip(used, _validate(tuple(used), frame), strict=True):
        if rule.expectation == "ExpectColumnValuesToBeUnique":
            rows = _copies(table[rule.column], rows)
        for row in rows:
            found.setdefault(row, rule)
    return found


def _unique(reason: str) -> Rule:
    return Rule("identity", "ExpectColumnValuesToBeUnique", (), None, reason)


def _content(field: str, reason: str) -> Rule:
    return Rule("content", "ExpectColumnValuesToBeBetween", (("min_value", 1),), field, reason)


def _not_ahead(field: str) -> Rule:
    return Rule(
        "days_ahead",
        "ExpectColumnValuesToBeBetween",
        (("max_value", FUTURE_SLACK),),
        field,
        f"{field}: the time lies in the future",
    )


def numeric_attributes(settings: AuditSettings) -> tuple[str, ...]:
    """Attributes that must be numbers because audit.yaml cuts them into bands."""
    return tuple(sorted(name for name, attribute in settings.attributes.items() if attribute.bands))


def _attribute_rules(settings: AuditSettings) -> list[Rule]:
    rules = []
    for name in numeric_attributes(settings):
        place = f"attributes.{name}"
        rules.append(
            Rule(
                f"is_number {name}",
                "ExpectColumnValuesToBeInSet",
                (("value_set", (True,)),),
                place,
                f"{place}: must be a number, since audit.yaml cuts it into bands",
            )
        )
        if name == "age":
            rules.append(
                Rule(
                    "number age",
                    "ExpectColumnValuesToBeBetween",
                    (("min_value", 0.0), ("max_value", MAX_AGE)),
                    place,
                    f"{place}: not between 0 and {MAX_AGE:.0f} years",
                )
            )
    return rules


def _copies(identities: pa.ChunkedArray, rows: Sequence[int]) -> list[int]:
    """Of the flagged rows, those whose identity an earlier row has."""
    values = pc.take(identities, pa.array(rows, pa.int64())).to_pylist()
    seen: set[str] = set()
    later = []
    for row, value in sorted(zip(rows, values, strict=True)):
        if value in seen:
            later.append(row)
        seen.add(value)
    return later


def _validate(rules: tuple[Rule, ...], frame: Any) -> list[list[int]]:
    """Positions of the failing rows, rule by rule."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Great Expectations and what it imports warn about themselves
        result = _validation(rules).run(
            batch_parameters={"dataframe": frame},
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": [_ROW],
                "exclude_unexpected_values": True,
                "partial_unexpected_count": 0,
            },
        )
    by_place = {}
    for outcome in result.results:
        if outcome.exception_info.get("raised_exception"):
            raise RuntimeError("An expectation of the gate could not be evaluated.")
        listed = outcome.result.get("unexpected_index_list") or []
        by_place[outcome.expectation_config.meta["place"]] = [int(row) for entry in listed for row in entry[_ROW]]
    return [by_place[place] for place in range(len(rules))]


@cache
def _context() -> Any:
    """The one Great Expectations context of this process: in memory, silent, without telemetry."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read at import
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return context


@cache
def _validation(rules: tuple[Rule, ...]) -> Any:
    """The suite of these rules, ready to run on a data frame; made once in a process."""
    context = _context()
    import great_expectations as gx
    import great_expectations.expectations as gxe

    name = f"suite-{len(list(context.suites.all()))}"
    batches = (
        context.data_sources.add_pandas(name)
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("batch")
    )
    expectations = []
    for place, rule in enumerate(rules):
        make: Callable[..., Any] = getattr(gxe, rule.expectation)
        bounds = {k: list(v) if isinstance(v, tuple) else v for k, v in rule.bounds}
        expectations.append(make(column=rule.column, meta={"place": place}, **bounds))
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
    return context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batches, suite=suite))
