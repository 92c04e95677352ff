"""The list of cases: complete, in order, walked both ways, never by looking at every row."""

import sqlite3
import stat
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.audit.linking import link
from auditor.cases import building
from auditor.cases.errors import CasesError, NoSuchCaseError
from auditor.cases.index import CaseIndex, Entry
from auditor.cases.one import one_case
from auditor.cases.order import KINDS, OUTCOMES, SIGNIFICANCE, place_of
from auditor.cases.seen import seen_by
from auditor.store import tables as t
from auditor.store.schemas import LAKE
from tests.auditor import small_hospital as small
from tests.auditor.cases.conftest import Listed, list_cases
from tests.auditor.small_hospital import CASES, LATER, SYSTEM, Site

_BIG = ("rows", "outputs", "bitmaps")


def everything(index: CaseIndex, filters: dict[str, str] | None = None, size: int = 7) -> list[Entry]:
    """All rows, page by page."""
    found: list[Entry] = []
    after: int | None = None
    while True:
        page = index.page(filters or {}, after=after, size=size)
        found += page.entries
        if page.later is None:
            return found
        after = page.later


def test_errors_are_counted_as_the_audit_counted_them(all_session: Listed) -> None:
    query = sa.select(t.details.c.payload).where(
        t.details.c.audit == all_session.seen.audit, t.details.c.kind == "errors"
    )
    (counted,) = all_session.site.ledger.read(query)[0]["payload"]
    facets = {one.value: one.rows for one in all_session.index.facets()["code"]}
    assert {code: rows for code, rows in facets.items() if code not in ("FN", "FP")} == counted


def test_outputs_are_those_of_the_audits_flow(all_session: Listed) -> None:
    query = sa.select(t.details.c.payload).where(
        t.details.c.audit == all_session.seen.audit, t.details.c.kind == "flows"
    )
    flows = all_session.site.ledger.read(query)[0]["payload"]
    rows = everything(all_session.index)
    for task in ("report", "classification"):
        mine = {one.output_id: one.outcome for one in rows if one.task == task}
        assert len(mine) == sum(flow["outputs"] for flow in flows if flow["task"] == task)
        waiting = sum(flow["awaiting"] for flow in flows if flow["task"] == task)
        assert sum(outcome == "awaiting" for outcome in mine.values()) == waiting


def test_outputs_are_those_that_an_audit_links(site: Site) -> None:
    """Drafts that nobody was shown, probes, and replays of what was recorded are left out, wherever they lie."""
    when = {"produced_at": "2026-02-10T10:00:00Z"}
    more: list[dict[str, Any]] = [
        {"output_id": "again", "origin": "replayed", "version": "2", **when},
        {"output_id": "only-replayed", "origin": "replayed", "version": "3", **when},
        {"output_id": "ranked-2", "rank": 2, **when},
        {"output_id": "ranked-1", "rank": 1, "sample": 3, **when},
        {"output_id": "probe", "probe": "blank", "origin": "replayed", "version": "3", **when},
        {"output_id": "failed", "error": "timeout", "sample": 4, **when},
    ]
    for one in more:  # each in a segment of its own
        site.hand_in("outputs", [small.report_output(7, **one)], LATER)
    site.audit(as_of=LATER)
    listed = list_cases(site)
    tables = {
        kind: site.lake.read_many([s.sha256 for s in some], schema=LAKE[kind])
        for kind, some in listed.seen.segments.items()
    }
    rows = everything(listed.index)
    for task in listed.seen.settings.tasks:
        linked = link(tables["outputs"], tables["references"], tables["cases"], task, listed.seen.settings)
        assert {one.output_id for one in rows if one.task == task} == set(linked.outputs["output_id"].to_pylist())
    facets = {one.value: one.rows for one in listed.index.facets()["outcome"]}
    assert facets["output_error"] == 1
    assert {one.value for one in listed.index.facets()["version"]} == {"1", "2", "3"}


def test_a_list_is_of_the_days_of_its_audit(site: Site) -> None:
    start, end = date(2026, 1, 10), date(2026, 1, 20)
    result = site.audit(start=start, end=end)
    seen = seen_by(site.ledger, SYSTEM, result.audit)
    index = building.make(site.ledger, site.lake, site.workspace.path, seen)
    found = {one.day for one in everything(index)}
    assert found == {start + timedelta(days=n) for n in range(11)}


def test_wrong_decisions_of_the_classifier_are_those_of_its_scores_and_labels(all_session: Listed) -> None:
    wrong: dict[str, int] = {"FN": 0, "FP": 0}
    for i in range(CASES):
        given_scores = {
            "Effusion": round(0.05 + 0.9 * (i * 7 % 60) / 60, 4),
            "Nodule": round((i * 11 % 60) / 60, 4),
        }
        labels = {"Effusion": i * 7 % 60 // 30, "Nodule": int(i % 4 == 0)}
        for name, score in given_scores.items():
            if (score >= 0.5) != (labels[name] == 1):
                wrong["FN" if labels[name] else "FP"] += 1
    facets = {one.value: one.rows for one in all_session.index.facets()["code"]}
    assert {code: facets[code] for code in wrong} == wrong


def test_the_gravest_come_first(all_session: Listed) -> None:
    def gravity(one: Entry) -> tuple[int, int, int, str, int]:
        grades = (place_of(one.significance, SIGNIFICANCE), place_of(one.kind, KINDS)) if one.code else (9, 99)
        return place_of(one.outcome, OUTCOMES), *grades, one.output_id, one.error or 0

    rows = everything(all_session.index)
    assert [one.place for one in rows] == list(range(len(rows)))
    assert all(gravity(one) <= gravity(other) for one, other in pairwise(rows))


def test_every_row_says_what_its_case_says(all_session: Listed) -> None:
    for entry in everything(all_session.index):
        one = one_case(all_session.site.lake, all_session.index, all_session.seen, entry.output_id)
        assert one.at.case_id == entry.case_id
        if entry.error is None:
            assert one.errors == ()
        else:
            error = one.errors[entry.error]
            said = (error.code, error.kind, error.finding, error.significance)
            assert said == (entry.code, entry.kind, entry.finding, entry.significance)


@pytest.fixture(scope="session")
def sexes(all_session: Listed) -> dict[str, str]:
    """The sex of each output's case, from the cases themselves."""
    ids = {one.output_id for one in everything(all_session.index, size=200)}
    site, index, seen = all_session.site, all_session.index, all_session.seen
    return {one: dict(one_case(site.lake, index, seen, one).attributes)["sex"] for one in ids}


@settings(max_examples=60, deadline=None)
@given(data=st.data(), size=st.integers(1, 40))
def test_both_ways_show_every_row_exactly_once(
    all_session: Listed, sexes: dict[str, str], data: st.DataObject, size: int
) -> None:
    index = all_session.index
    facets = index.facets()
    fields = data.draw(st.lists(st.sampled_from(sorted(facets)), max_size=3, unique=True))
    filters = {name: data.draw(st.sampled_from([one.value for one in facets[name]])) for name in fields}
    rows = everything(index, filters, size)
    every = everything(index, {}, 200)
    assert [one.place for one in rows] == [one.place for one in every if _has(sexes, one, filters)]
    back: list[Entry] = []
    before: int | None = 2**62
    while before is not None:
        page = index.page(filters, before=before, size=size)
        assert page.total == len(rows)
        back = [*page.entries, *back]
        before = page.earlier
    assert back == rows


def _has(sexes: dict[str, str], entry: Entry, filters: dict[str, str]) -> bool:
    for name, value in filters.items():
        if name.startswith("attributes."):
            if sexes[entry.output_id] != value:
                return False
        elif getattr(entry, name) != value or (name in ("code", "kind", "significance") and not entry.code):
            return False
    return True


def test_facets_count_what_filtering_finds(all_session: Listed) -> None:
    for name, facets in all_session.index.facets().items():
        for facet in facets:
            assert all_session.index.page({name: facet.value}).total == facet.rows > 0


def test_neighbours_are_other_cases_and_lead_back(all_session: Listed) -> None:
    index, filters = all_session.index, {"outcome": "error"}
    rows = everything(index, filters)
    for number, one in enumerate(rows, start=1):
        around = index.around(filters, one.place)
        assert (around.number, around.total) == (number, len(rows))
        for neighbour in (around.earlier, around.later):
            assert neighbour is None or neighbour.output_id != one.output_id
        if around.later is not None:
            back = index.around(filters, around.later.place).earlier
            assert back is not None
            assert back.output_id == one.output_id
    assert index.around(filters, rows[0].place).earlier is None
    assert index.around(filters, rows[-1].place).later is None


@settings(max_examples=150, deadline=None)
@given(
    field=st.one_of(
        st.text(), st.sampled_from(["code", "attributes.sex", "code' OR 1=1 --", "rows; DROP TABLE rows"])
    ),
    value=st.one_of(
        st.text(st.characters()), st.sampled_from(["' OR '1'='1", "../../etc", "\x00", "\ud800", "{{7*7}}", "%"])
    ),
    cursor=st.integers(0, 2**80),
)
def test_hostile_filters_and_places_find_nothing_and_break_nothing(
    all_session: Listed, field: str, value: str, cursor: int
) -> None:
    index = all_session.index
    known = {one.value for one in index.facets().get(field, [])}
    page = index.page({field: value}, after=cursor)
    assert (page.total > 0) == (value in known)
    index.page({field: value}, before=cursor)
    index.around({field: value}, cursor)
    with pytest.raises(NoSuchCaseError):
        index.find(value)
    assert index.first_place(value, {}) is None
    assert len(everything(index, size=200)) > 0


def test_nothing_is_found_by_looking_at_every_row(all_session: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    connect = sqlite3.connect

    def traced(*words: Any, **more: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = connect(*words, **more)
        made.set_trace_callback(asked.append)
        return made

    monkeypatch.setattr(sqlite3, "connect", traced)
    index = all_session.index
    entry = index.page({"code": "FAB", "attributes.sex": "F"}, after=3).entries[0]
    index.page({})
    index.facets()
    index.around({"code": "FAB"}, entry.place)
    index.find(entry.output_id)
    index.first_place(entry.output_id, {"task": "report"})
    monkeypatch.undo()
    plans = _plans(all_session, asked)
    assert len(plans) > 10
    big = [step for step in plans if any(step.split()[1] == name for name in _BIG)]
    assert {step.split()[1] for step in big} == set(_BIG)
    assert not [step for step in big if not step.startswith("SEARCH")]
    assert [step for step in big if " INDEX " in step or "PRIMARY KEY" in step] == big


def _plans(listed: Listed, asked: list[str]) -> list[str]:
    with sqlite3.connect(listed.path) as db:
        return [
            row[3]
            for query in asked
            if query.startswith("SELECT")
            for row in db.execute(f"EXPLAIN QUERY PLAN {query}")
            if row[3].startswith(("SEARCH", "SCAN"))
        ]


def test_the_file_is_its_owners_and_holds_no_text(all_session: Listed) -> None:
    assert stat.S_IMODE(all_session.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(all_session.path.parent.stat().st_mode) == 0o700
    content = all_session.path.read_bytes()
    for word in (b"quokkamark", b"There is a large", b"No pleural", b"MRN-", b"OUT-"):
        assert word not in content
    assert not list(all_session.path.parent.glob("unfinished-*"))


def test_a_damaged_file_is_one_sentence(listed: Listed) -> None:
    listed.path.write_bytes(b"not a database at all" * 300)
    with pytest.raises(CasesError, match="cannot be read; delete the folder 'cache'"):
        listed.index.page({})
