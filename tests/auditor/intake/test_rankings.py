"""Rankings and their true matches at the gate: pseudonyms, limits, and what is no ranking."""

import json
from dataclasses import replace
from typing import Any

import pytest

from auditor.intake.pseudonyms import Pseudonyms
from auditor.intake.quarantine import listed
from auditor.records import Candidate, Output, Reference
from auditor.settings import SettingsError, parse_settings
from tests.auditor.intake.conftest import KEY, Bench


@pytest.fixture
def searches(bench: Bench) -> Bench:
    return replace(bench, settings=parse_settings("system: drafts\ntasks: {retrieval: {}}"))


def search(i: int, **more: Any) -> dict[str, Any]:
    about = {"case_id": f"ACC-{i}", "task": "retrieval", "version": "v1", "produced_at": "2026-03-01T10:00"}
    return {**about, "ranking": ["ACC-7", "ACC-8"], **more}


def truth(i: int, **more: Any) -> dict[str, Any]:
    return {"case_id": f"ACC-{i}", "task": "retrieval", "reference_kind": "answer", "matches": ["ACC-7"], **more}


def test_candidates_get_the_pseudonyms_of_cases(searches: Bench) -> None:
    scored = [{"id": "ACC-7", "score": 0.9}, {"id": 8, "score": 0.5}]
    rows = [search(7, gallery=900), search(1, ranking=scored), search(2, ranking=[])]
    assert searches.ingest(searches.write("a.jsonl", rows)).reasons == ()
    first, second, third = searches.stored()
    assert first["ranking"][0]["id"] == first["case_id"] == Pseudonyms(KEY).of("case", "ACC-7")
    assert (first["gallery"], first["ranking"][0]["score"]) == (900, None)
    assert second["ranking"] == [
        {"id": Pseudonyms(KEY).of("case", "ACC-7"), "score": 0.9},
        {"id": Pseudonyms(KEY).of("case", "8"), "score": 0.5},
    ]
    assert (second["gallery"], third["ranking"]) == (None, [])
    assert "ACC" not in json.dumps([row["ranking"] for row in searches.stored()])


def test_true_matches_are_a_set(searches: Bench) -> None:
    given = [truth(1, matches=["ACC-7", 8]), truth(2, matches="ACC-7"), truth(3, matches=["ACC-7", "ACC-7"])]
    again = [truth(1, matches=[8, "ACC-7", "8"])]
    assert searches.ingest(searches.write("a.jsonl", given), "references").accepted == 3
    assert searches.ingest(searches.write("b.jsonl", again), "references").duplicates == 1
    seven, eight = (Pseudonyms(KEY).of("case", one) for one in ("ACC-7", "8"))
    assert [row["matches"] for row in searches.stored("references")] == [sorted([seven, eight]), [seven], [seven]]


def test_an_empty_list_is_not_the_absence_of_one(searches: Bench) -> None:
    """Nothing was found is an answer; the same output without a ranking is another one."""
    both = [search(1, output_id="o", ranking=[], error="x"), search(1, output_id="o", ranking=None, error="x")]
    result = searches.ingest(searches.write("a.jsonl", both))
    assert (result.accepted, result.conflicts) == (1, 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"ranking": ["ACC-7", "ACC-8", "ACC-7"]}, "a candidate stands twice"),
        ({"ranking": ["7", 7]}, "a candidate stands twice"),
        ({"ranking": [f"ACC-{i}" for i in range(100_000)]}, "at most 10,000 candidates"),
        ({"ranking": [{"id": "ACC-7", "score": 1.0}, "ACC-8"]}, "some candidates have a score"),
        ({"ranking": [{"id": f"ACC-{s}", "score": s} for s in (1, 3, 2)]}, "neither fall nor rise"),
        ({"ranking": [{"id": "ACC-7", "score": "near"}]}, "ranking.0.score: input should be a valid number"),
        ({"ranking": ["ACC-7", " "]}, "ranking.1.id: "),
        ({"ranking": "ACC-7|ACC-8"}, "ranking: input should be a valid list"),
        ({"ranking": [True]}, "ranking.0: "),
        ({"gallery": 1}, "the gallery is smaller"),
        ({"gallery": 0}, "gallery: input should be greater than or equal to 1"),
        ({"gallery": 2**40}, "gallery: the number is too large"),
        ({"ranking": None, "text": "ACC-7"}, "no score, decision, ranking or error"),
        ({"ranking": None}, "an output needs text, scores, decisions, a ranking or an error"),
    ],
)
def test_what_is_no_ranking_goes_to_quarantine(searches: Bench, row: dict[str, Any], reason: str) -> None:
    result = searches.ingest(searches.write("a.jsonl", [search(0), search(1, **row)]))
    assert (result.accepted, result.quarantined) == (1, 1)
    (kept,) = listed(searches.ledger, "drafts")
    assert reason in kept.reason and "ACC" not in kept.reason
    assert "ACC" not in json.dumps(kept.record)


@pytest.mark.parametrize("matches", [[], None])
def test_a_reference_names_what_should_be_found(searches: Bench, matches: Any) -> None:
    result = searches.ingest(searches.write("a.jsonl", [truth(1, matches=matches)]), "references")
    assert result.quarantined == 1
    wordy = searches.ingest(searches.write("b.jsonl", [truth(1, matches=matches, text="ACC-7")]), "references")
    assert wordy.quarantined == 1


def test_one_cell_may_hold_a_ranking(searches: Bench) -> None:
    mapping = """
case_id: study
task: {value: retrieval}
version: {value: v1}
ranking: {from: results, separator: "|"}
gallery: {value: 900}
"""
    path = searches.folder / "a.csv"
    path.write_text("study,results\nACC-1,ACC-7|ACC-8\nACC-2,ACC-7\n")
    result = searches.ingest(path, mapping=searches.mapping(mapping))
    assert result.reasons == ()
    assert [len(row["ranking"]) for row in searches.stored()] == [2, 1]


def test_records_read_ids_and_objects_alike() -> None:
    made = Output.model_validate(search(1, ranking=["a", {"id": "b"}, 3]))
    assert made.ranking == [Candidate(id="a"), Candidate(id="b"), Candidate(id="3")]
    assert Reference.model_validate(truth(1, matches=9)).matches == ["9"]


@pytest.mark.parametrize("key", ["findings: [Mass]", "samples: 5", "check: {judge: {kind: rules}}"])
def test_the_task_takes_only_what_means_something_for_it(key: str) -> None:
    with pytest.raises(SettingsError, match=r"retrieval|rules"):
        parse_settings(f"system: a\ntasks: {{retrieval: {{{key}}}}}")
