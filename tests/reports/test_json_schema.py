"""The schema: the committed file is the generated one, and it takes what the audit writes and nothing else."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped, unused-ignore]

from reports import export_report
from reports.dossier import Correction, Dossier, Estimate
from reports.export_json import SCHEMA, dumps
from reports.json_schema import schema_of, text
from tests.reports import briefings
from tests.reports.samples import bare, row, sample, suppressed
from tests.reports.test_export_json import _dossiers

_FILE = Path(__file__).parents[2] / "docs" / "schema" / "dossier.schema.json"
_CHECKER = FormatChecker()


def _is_moment(value: object) -> bool:
    """jsonschema itself checks moments only where another package is installed."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


_CHECKER.checks("date-time", raises=ValueError)(_is_moment)


@cache
def _validator() -> Any:
    return Draft202012Validator(json.loads(_FILE.read_text()), format_checker=_CHECKER)


@cache
def _small() -> str:
    """A document with something of each kind, small enough to be checked over and over."""
    full = sample()
    return dumps(replace(full, rows=full.rows[:2], confidence=(), reliability=(), trend=full.trend[:2]))


def _corrected() -> Dossier:
    one = Estimate(0.05, 0.03, 0.08)
    reviews = Correction(
        sample="s-1", task="report", version="2.1", start=None, end=None, same_window=True,
        checked=datetime(2026, 10, 1, tzinfo=UTC), blinded=True, reviewed=120, skipped=2, patients=110, n_eff=98.5,
        readers=2, read_twice=20, readers_differ=1, flagged=("contradicted",), judge_rate=0.06, process=one,
        window=one, powered=None, agreement=one, sensitivity=None, specificity=one, readers_agreement=None,
        readers_kappa=None, readers_ac1=None, notes=("A note.",),
    )  # fmt: skip
    return replace(sample(), corrections=(reviews,))


SAMPLES = {
    "sample": sample,
    "bare": bare,
    "suppressed": lambda: bare(rows=(suppressed(), row(value=0.7, suppressed=True, reason="7 of 9"))),
    "undefined": lambda: bare(rows=(row(value=None, note="no case"),)),
    "corrected": _corrected,
}


def test_the_committed_file_is_the_generated_one() -> None:
    for name in ("dossier", "report"):
        committed = _FILE.with_name(f"{name}.schema.json").read_text()
        assert committed == text(name), (
            f"run: python -m reports.json_schema {name} > docs/schema/{name}.schema.json"
        )


def test_it_is_a_schema_and_says_whose() -> None:
    schema = schema_of(Dossier, "dossier")
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == "urn:lvlm-auditor:dossier:2" and schema["title"] == "dossier"
    assert schema["properties"]["schema"] == {"const": SCHEMA}
    assert schema["$defs"]["Row"]["description"] == "One measurement as it may be shown."
    assert "the uncorrected share" in schema["$defs"]["Correction"]["properties"]["judge_rate"]["description"]


@pytest.mark.parametrize("made", SAMPLES.values(), ids=SAMPLES.keys())
def test_every_sample_is_valid(made: Callable[[], Dossier]) -> None:
    _validator().validate(json.loads(dumps(made())))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(_dossiers)
def test_whatever_the_audit_writes_is_valid(dossier: Dossier) -> None:
    # without formats: these moments have no zone, as those of an audit always have
    Draft202012Validator(json.loads(_FILE.read_text())).validate(json.loads(dumps(dossier)))


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    """Put the last of `path` where the others lead."""

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-2]:
            place = place[step]
        place[path[-2]] = path[-1]

    return change


def _drop(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("title", 7),
        _set("simulated", 1),
        _set("seed", "0"),
        _set("start", "yesterday"),
        _set("as_of", "2026-10-05"),
        _set("rows", 0, "n", "many"),
        _set("rows", 0, "n", None),  # not suppressed: the count must be there
        _set("rows", 0, "watch", "0.1"),
        _set("version_changes", 0, ["2026-01-01"]),
        _set("version_changes", 0, ["2026-01-01", "2", "3"]),
        _set("schema", "lvlm-auditor/dossier/1"),
        _set("rows", 0, "extra", 1),
        _set("extra", 1),
        _drop("schema"),
        _drop("rows"),
        _drop("rows", 0, "suppressed"),
        _drop("provenance", "audit"),
    ],
)
def test_a_changed_document_fails(change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(_small())
    assert _validator().is_valid(document)
    change(document)
    assert not _validator().is_valid(document)


@pytest.mark.parametrize(
    "name", ["value", "low", "high", "n", "events", "n_eff", "patients", "previous", "reason"]
)
def test_a_suppressed_row_with_a_number_fails(name: str) -> None:
    document = json.loads(dumps(bare(rows=(suppressed(),))))
    document["rows"][0][name] = "7 of 9" if name == "reason" else 7
    assert not _validator().is_valid(document)


def test_a_type_that_json_has_no_word_for_is_refused() -> None:
    @dataclass(frozen=True)
    class Odd:
        what: complex

    with pytest.raises(TypeError, match="no place in a dossier"):
        schema_of(Odd, "odd", "")


def test_a_class_without_a_docstring_has_no_description_and_no_constant_where_none_is_asked() -> None:
    @dataclass(frozen=True)
    class Plain:
        what: str

    schema = schema_of(Plain, "plain", "")
    assert "description" not in schema and schema["required"] == ["what"] and schema["$id"].endswith(":plain")


def test_a_whole_report_fits_its_schema_and_a_changed_one_does_not() -> None:
    schema = json.loads(_FILE.with_name("report.schema.json").read_text())
    validator = Draft202012Validator(schema, format_checker=_CHECKER)
    written = json.loads(export_report.dumps(briefings.briefing(), [briefings.dossier()]))
    validator.validate(written)
    state = written["briefing"]["evidence"][0]
    for change in ({"state": "fine"}, {"at": "yesterday"}, {"extra": 1}):
        briefing = written["briefing"] | {"evidence": [state | change]}
        assert not validator.is_valid(written | {"briefing": briefing}), change
