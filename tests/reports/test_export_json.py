"""Canonical JSON: every dossier comes back equal, the same dossier gives the same bytes."""

import json
from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.dossier import (
    Chart,
    Confidence,
    Correction,
    Dossier,
    FrozenPairs,
    Row,
    ScoreShift,
    VersionSplit,
    VersusRest,
    WorstGroup,
)
from reports.export_json import SCHEMA, DossierError, dumps, loads
from tests.reports.samples import bare, row, sample, suppressed

_finite = st.floats(allow_nan=False, allow_infinity=False)
st.register_type_strategy(float, _finite)
_BLANK = {
    "value": None,
    "low": None,
    "high": None,
    "n": 0.0,
    "events": None,
    "n_eff": None,
    "patients": 0,
    "previous": None,
    "reason": "",
    "versus": None,
}


def _lawful(one: Row) -> Row:
    """A suppressed row as the ledger hands it out: without numbers."""
    return replace(one, **_BLANK) if one.suppressed else one  # type: ignore[arg-type]


_dossiers = st.builds(
    Dossier,
    as_of=st.datetimes(timezones=st.just(UTC)),
    rows=st.lists(st.builds(Row, versus=st.none() | st.builds(VersusRest)).map(_lawful), max_size=3).map(tuple),
    # what holds lists itself: one or none of each, or examples grow beyond what Hypothesis tries
    **{
        name: st.lists(st.builds(kind), max_size=1).map(tuple)
        for name, kind in {
            "charts": Chart,
            "confidence": Confidence,
            "worst_groups": WorstGroup,
            "corrections": Correction,
            "shifts": ScoreShift,
            "version_effects": VersionSplit,
            "frozen": FrozenPairs,
        }.items()
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(_dossiers)
def test_round_trip(dossier: Dossier) -> None:
    text = dumps(dossier)
    assert loads(text) == dossier
    assert dumps(loads(text)) == text


def test_sample_is_canonical_with_its_schema() -> None:
    text = dumps(sample())
    assert text == dumps(sample()) and loads(text) == sample()
    content = json.loads(text)
    assert content["schema"] == SCHEMA and list(content) == sorted(content)
    assert content["start"] == "2026-07-06" and content["as_of"] == "2026-10-05T06:30:00+00:00"


def test_suppressed_rows_leave_without_numbers() -> None:
    beside = VersusRest(2, True, 0.6111, 0.6222, 0.6333, 0.6444, 3.777, 2.777, 4.777)
    leaking = row(
        value=0.7777, low=0.6666, high=0.8888, n=7.0, patients=9, previous=0.5555, suppressed=True,
        reason="7 of 9", versus=beside,
    )  # fmt: skip
    text = dumps(bare(rows=(leaking,)))
    written = json.loads(text)["rows"][0]
    assert {
        written[name]
        for name in ("value", "low", "high", "n", "events", "n_eff", "patients", "previous", "versus")
    } == {None}
    assert "7 of 9" not in text and "0.7777" not in text and "3.777" not in text
    assert loads(text).rows == (suppressed(),)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(DossierError, match="not finite"):
        dumps(bare(rows=(row(value=bad),)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "other/9"}, "not a dossier of schema"),
        ({"title": 7}, "dossier.title must be of type str"),
        ({"start": "yesterday"}, "dossier.start must be an ISO date"),
        ({"flows": {}}, "dossier.flows must be a list"),
        ({"rows": [{}]}, r"dossier.rows\[0\] must have exactly these fields"),
        ({"version_changes": [["2026-01-01"]]}, "must have 2 entries"),
        ({"extra": 1}, "must have exactly these fields"),
        ({"simulated": 1}, "dossier.simulated must be of type bool"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(change: dict[str, object], said: str) -> None:
    text = json.dumps({**json.loads(dumps(sample())), **change})
    with pytest.raises(DossierError, match=said):
        loads(text)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"rows": 3}'])
def test_other_files_are_refused(text: str) -> None:
    with pytest.raises(DossierError):
        loads(text)
