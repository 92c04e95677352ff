"""Searches from the file to the report: ranks, chance, what the list does not tell, and who is worse served."""

from typing import Any

import pyarrow as pa
import pytest

from auditor.audit import judging
from auditor.audit.comparing import compare
from auditor.cases.one import one_case
from auditor.store import schemas
from monitors.judged import RETRIEVAL
from reports.html import render
from tests.auditor import small_hospital as small
from tests.auditor.cases.conftest import list_cases
from tests.auditor.small_hospital import LATER, Site, row

_CASES = 60
_GALLERY = 400
_OTHERS = [f"G-{i}" for i in range(20)]
YAML = """
system: small
tasks: {retrieval: {}}
slices: [sex]
maturity_days: 14
seed: 7
thresholds:
  - {measure: recall_at_5, watch: 0.9, act: 0.8}
"""


def _rank(i: int) -> int | None:
    """Where the true match of search `i` stands among twelve: first, third, eighth, or not at all."""
    return (1, 1, 1, 3, 8, None)[i % 6]


def _search(i: int, **more: Any) -> dict[str, Any]:
    rank = _rank(i)
    found = [*_OTHERS[: rank - 1], f"T-{i}", *_OTHERS[rank - 1 : 11]] if rank else _OTHERS[:12]
    about = {"case_id": f"Q-{i}", "output_id": f"Q-{i}", "task": "retrieval", "version": "9"}
    return about | {"produced_at": f"{small.day_of(i)}T10:00:00Z", "ranking": found, "gallery": _GALLERY} | more


def _truth(i: int) -> dict[str, Any]:
    about = {"case_id": f"Q-{i}", "task": "retrieval", "reference_kind": "answer", "finalised_at": "2026-02-01"}
    return about | {"matches": [f"T-{i}"]}


@pytest.fixture
def searches(fresh_site: Site) -> Site:
    site = fresh_site
    site.apply(YAML, LATER)
    cases = [
        {"case_id": f"Q-{i}", "patient_id": f"Q-{i}", "attributes": {"sex": "FM"[i % 6 > 2]}}
        for i in range(_CASES)
    ]
    site.hand_in("cases", cases, LATER)
    site.hand_in("references", [_truth(i) for i in range(_CASES - 6)], LATER)
    site.hand_in("outputs", [_search(i) for i in range(_CASES)], LATER)
    return site


def test_recall_and_reciprocal_rank_are_counted(searches: Site) -> None:
    dossier = searches.dossier(searches.audit(LATER).audit)
    known = [_rank(i) for i in range(_CASES - 6)]
    for k in (1, 5, 10):
        found = row(dossier, f"recall_at_{k}", "9")
        assert (found.n, found.events) == (len(known), sum(r is not None and r <= k for r in known))
        chance = row(dossier, f"chance_at_{k}", "9")
        assert chance.n == len(known)
        assert chance.value == chance.low == chance.high == pytest.approx(k / _GALLERY, abs=2e-6)
    mrr = row(dossier, "mrr", "9")
    assert mrr.value == pytest.approx(sum(1 / r for r in known if r) / len(known), abs=1e-6)
    at_most = row(dossier, "mrr_at_most", "9")
    assert at_most.value == pytest.approx(sum(1 / (r or 13) for r in known) / len(known), abs=1e-6)
    assert row(dossier, "nothing_found", "9").value == row(dossier, "short_lists", "9").value == 0.0
    flow = small.flow(dossier, "retrieval", "9")
    assert (flow.outputs, flow.judged, flow.awaiting) == (_CASES, _CASES - 6, 6)


def test_a_bound_on_recall_has_a_verdict_and_groups_are_compared(searches: Site) -> None:
    dossier = searches.dossier(searches.audit(LATER).audit)
    whole = row(dossier, "recall_at_5", "9")
    assert whole.value == pytest.approx(2 / 3, abs=1e-6)
    assert (whole.status, whole.watch, whole.act) == ("act", 0.9, 0.8)
    assert row(dossier, "recall_at_5", "9", slice="sex=F").value == 1.0
    assert row(dossier, "recall_at_5", "9", slice="sex=M").value == pytest.approx(1 / 3, abs=1e-6)
    (worst,) = [one for one in dossier.worst_groups if one.measure == "recall_at_5"]
    assert (worst.slice, worst.beyond_chance) == ("sex=M", True)


def test_the_report_shows_it(searches: Site) -> None:
    page = render(searches.dossier(searches.audit(LATER).audit))
    for words in (
        "Retrieval and case search",
        "Searches with a true match among the first 5 (recall at 5)",
        "Mean reciprocal rank of the first true match, 0 where none is listed",
        "What a random order of the gallery would reach (recall at 5)",
        "54 of 60 searches",
    ):
        assert words in page


def test_short_and_empty_lists_and_ties_are_told_apart(fresh_site: Site) -> None:
    site = fresh_site
    site.apply(YAML, LATER)
    tied = [{"id": one, "score": score} for one, score in (("T-0", 0.5), ("G-1", 0.5), ("G-2", 0.2))]
    lists: list[list[Any]] = [tied, [], ["Q-2", "T-2", "G-1"], ["G-1", "G-2"]]
    site.hand_in("references", [_truth(i) for i in range(4)], LATER)
    site.hand_in("outputs", [_search(i, ranking=one, gallery=50) for i, one in enumerate(lists)], LATER)
    rows = site.measured(site.audit(LATER).audit)
    measured = {m["measure"]: m for m in rows if m["slice"] == "all" and not m["contrast"]}
    # half of the tie, the match after the query itself was taken out, nothing, nothing
    assert (measured["recall_at_1"]["n"], measured["recall_at_1"]["events"]) == (3, 1.5)
    assert measured["recall_at_5"]["n"] == 0 and measured["recall_at_5"]["value"] is None
    assert measured["mrr"]["value"] == pytest.approx((0.75 + 1.0) / 4, abs=1e-6)
    assert measured["mrr_at_most"]["value"] == pytest.approx((0.75 + 1.0 + 1.0 + 1 / 3) / 4, abs=1e-6)
    assert (measured["nothing_found"]["value"], measured["short_lists"]["value"]) == (0.25, 1.0)
    assert measured["chance_at_1"]["value"] == pytest.approx((1 / 50 + 1 / 49 + 1 / 50) / 3, abs=2e-6)


def _asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The judge and the number of pairs of every block that is judged from now on."""
    asked: list[tuple[str, int]] = []
    plain = judging._judge_block

    def noted(block: Any) -> Any:
        asked.append((block.judge.name, len(block.keys)))
        return plain(block)

    monkeypatch.setattr(judging, "_judge_block", noted)
    return asked


def test_an_amended_match_is_judged_again_and_nothing_else(
    searches: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = searches.audit(LATER)
    asked = _asked(monkeypatch)
    assert searches.audit(LATER).cached
    amended = _truth(5) | {"matches": ["T-5", "G-0"], "finalised_at": "2026-02-02"}
    searches.hand_in("references", [amended], LATER)
    second = searches.audit(LATER)
    assert asked == [("retrieval", 1)]
    before, after = (row(searches.dossier(one.audit), "recall_at_1", "9") for one in (first, second))
    assert (after.n, after.events) == (before.n, (before.events or 0) + 1)


def test_searches_that_failed_are_listed_as_cases(searches: Site) -> None:
    searches.audit(LATER)
    listed = list_cases(searches)
    (facet,) = [one for one in listed.index.facets()["kind"] if one.value == "unlisted"]
    assert facet.rows == sum(_rank(i) is None for i in range(_CASES - 6))
    (entry, *_) = listed.index.page({"kind": "unlisted"}).entries
    one = one_case(searches.lake, listed.index, listed.seen, entry.output_id)
    assert [(error.code, error.kind) for error in one.errors] == [("MISS", "unlisted")]
    found = listed.index.page({"outcome": "no_error"}).entries[0]
    assert one_case(searches.lake, listed.index, listed.seen, found.output_id).errors == ()


def test_two_versions_are_compared_search_by_search(searches: Site) -> None:
    """The new version finds what the old one did not, and loses what it had at the first place."""
    new = [
        _search(i, output_id=f"new-{i}", version="10", ranking=[f"T-{i}" if _rank(i) is None else "G-0", "G-1"])
        for i in range(_CASES)
    ]
    searches.hand_in("outputs", new, LATER)
    found = compare(
        searches.ledger, searches.lake, small.SYSTEM, "9", "10", as_of=LATER, clock=lambda: LATER, actor="test"
    )
    (changed,) = found.changed
    missed = sum(_rank(i) is None for i in range(_CASES - 6))
    assert (changed.error, len(changed.fixed)) == ("no true match listed", missed)
    assert len(changed.broken) == _CASES - 6 - missed
    (recall,) = [one for one in found.measures if one.measure == "recall_at_1" and one.slice == "all"]
    assert recall.old == pytest.approx(0.5, abs=1e-6)
    assert recall.new == pytest.approx(missed / 54, abs=1e-6)


def test_a_stop_question_and_a_reference_window_take_rankings_too(searches: Site) -> None:
    """With a tie among the outputs: a chart counts whole outcomes."""
    tie = [{"id": one, "score": 0.5} for one in ("T-0", "G-1")]
    searches.hand_in("outputs", [_search(0, output_id="tied", version="9", sample=1, ranking=tie)], LATER)
    more = """
reference_window: {from: 2026-01-05, to: 2026-01-18}
stop_questions: [{measure: recall_at_1, task: retrieval, tolerable: 0.4}]
"""
    searches.apply(YAML + more, LATER)
    dossier = searches.dossier(searches.audit(LATER).audit)
    (chart,) = dossier.charts
    assert chart.measure == "recall_at_1" and chart.weeks
    assert any(one.column == "listed" for one in dossier.drift)
    assert row(dossier, "recall_at_5", "9", contrast="reference").n > 0


def test_judgements_made_before_there_were_rankings_are_read(
    fresh_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Segments of an older version lack the columns: they are null there, and no report is judged again."""
    older = pa.schema([field for field in schemas.JUDGEMENTS if field not in RETRIEVAL])
    with monkeypatch.context() as before:
        before.setattr(schemas, "JUDGEMENTS", older)
        first = fresh_site.audit(LATER)
    fresh_site.apply(small.YAML.replace("tasks:", "tasks:\n  retrieval: {}"), LATER)
    fresh_site.hand_in("references", [_truth(i) for i in range(12)], LATER)
    fresh_site.hand_in("outputs", [_search(i) for i in range(12)], LATER)
    asked = _asked(monkeypatch)
    second = fresh_site.audit(LATER)
    assert asked == [("retrieval", 12)]
    rates = [row(fresh_site.dossier(one.audit), "contradicted_reports", "2") for one in (first, second)]
    assert (rates[0].n, rates[0].events) == (rates[1].n, rates[1].events)
    kinds = {one.value for one in list_cases(fresh_site).index.facets()["kind"]}
    assert {"contradicted", "unlisted"} <= kinds
