"""`auditor controls`: the matrix and the evidence as people and as programs read them."""

import json

import pytest

from auditor.cli import controls
from reports.controls import load
from tests.auditor import small_hospital as small
from tests.auditor.conftest import Run


@pytest.fixture
def ask(run: Run, audited: small.Site, monkeypatch: pytest.MonkeyPatch) -> Run:
    """auditor, a week after the small hospital's audit."""
    monkeypatch.setattr(controls, "now", lambda: small.LATER)
    monkeypatch.setenv("COLUMNS", "400")
    return run


def test_the_whole_matrix_and_its_gaps(ask: Run) -> None:
    code, out, said = ask("controls", "small")
    assert code == 0
    assert "evidence current" in out and "kept elsewhere" in out and "verify before relying on it" in out
    code, gaps, _ = ask("controls", "small", "--gaps")
    assert code == 0 and "evidence current" not in gaps
    everything = f"{out}{gaps}{said}".casefold()
    assert "satisf" not in everything and "complian" not in everything
    assert "does not mean that it is met" in said


def test_json_names_what_is_missing(ask: Run) -> None:
    code, out, _ = ask("controls", "small", "--framework", "nist-ai-rmf", "--json")
    found = json.loads(out)
    assert (code, found["matrix"], found["system"], found["simulated"]) == (0, "2026-11", "small", False)
    by_id = {one["id"]: one for one in found["controls"]}
    assert {one["framework"] for one in found["controls"]} == {"NIST-AI-RMF"}
    assert by_id["MEASURE 2.3"]["state"] == "evidence current"
    line = by_id["MEASURE 2.10"]
    assert (line["state"], line["missing"], line["why"]) == ("gap", ["E10"], "E10 absent")
    assert line["evidence"] == [{"item": "E10", "relation": "evidence for", "state": "absent"}]
    _, out, _ = ask("controls", "small", "--json")
    assert len(json.loads(out)["controls"]) == len(load().controls)


def test_the_evidence_of_one_framework(ask: Run) -> None:
    code, out, _ = ask("controls", "small", "--evidence", "--framework", "Part-11", "--json")
    assert code == 0
    assert [one["item"] for one in json.loads(out)["evidence"]] == ["E3", "E18", "E20", "E21"]
    code, out, _ = ask("controls", "small", "--evidence")
    assert code == 0 and "Replay manifest" in out and "7 days" in out
    _, out, _ = ask("controls", "small", "--evidence", "--gaps", "--json")
    assert {one["state"] for one in json.loads(out)["evidence"]} == {"absent", "failed"}


@pytest.mark.parametrize(
    ("words", "says"),
    [(("other",), "There is no system 'other'"), (("small", "--framework", "CE"), "There is no framework 'CE'")],
)
def test_what_there_is_not_is_refused(ask: Run, words: tuple[str, ...], says: str) -> None:
    code, out, said = ask("controls", *words)
    assert (code, out) == (2, "")
    assert says in said
