"""Searching the journal: what is found, what is kept from whom, and that a long journal is not read whole."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.store import search as searching
from auditor.store import tables as t
from auditor.store.chain import canonical
from auditor.store.ledger import Ledger
from auditor.store.search import Page, SearchError, Wanted, entry_of, search

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SYSTEM = {"created_at": NOON}


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    made = Ledger(database_url)
    made.create()
    yield made
    made.close()


def write(ledger: Ledger, actor: str, *names: str, at: datetime = NOON) -> None:
    with ledger.transaction(actor, at) as tx:
        tx.insert(t.systems, [{"name": name, "created_at": at} for name in names])


def person(ledger: Ledger, name: str) -> None:
    row = {
        "name": name,
        "full_name": "Ada L.",
        "roles": ["viewer"],
        "active": True,
        "credential": "",
        "failures": 0,
    }
    with ledger.transaction("admin", NOON) as tx:
        tx.insert(t.users, [row | {"changed_at": NOON, "actor": "admin"}])


def seen(ledger: Ledger, people: bool = True, quotes: bool = True, **wanted: Any) -> list[str]:
    return keys(search(ledger, Wanted(**wanted), people=people, quotes=quotes))


def keys(page: Page) -> list[str]:
    return [one.key for one in page.entries]


def test_entries_come_newest_first_and_by_what_is_asked(ledger: Ledger) -> None:
    assert search(ledger, Wanted(), people=True, quotes=True) == Page((), None)
    write(ledger, "ada", "first", "second")
    write(ledger, "bob", "third", at=NOON + DAY)
    with ledger.transaction("bob", NOON + 2 * DAY) as tx:
        tx.insert(t.versions, [{"system": "third", "version": "1", "first_seen_at": NOON}])
    assert seen(ledger) == ["third/1", "third", "second", "first"]
    assert seen(ledger, table="systems") == ["third", "second", "first"]
    assert seen(ledger, actor="bob") == ["third/1", "third"]
    assert seen(ledger, actor="bob", table="versions") == ["third/1"]
    assert seen(ledger, words="FIRST_") == ["third/1"], "the name of a column; the underscore is no wildcard"
    assert seen(ledger, words="second") == ["second"]
    assert seen(ledger, action="update") == []
    assert seen(ledger, since=NOON + DAY, until=NOON + 2 * DAY) == ["third"]
    assert seen(ledger, before=3) == ["second", "first"]
    one = search(ledger, Wanted(words="second"), people=True, quotes=True).entries[0]
    assert entry_of(ledger, one.entry.seq) == one
    assert one.entry.link(one.previous) == one.hash, "the hashes are those of the chain"
    assert entry_of(ledger, 99) is None
    assert entry_of(ledger, 2**70) is None
    assert entry_of(ledger, -1) is None


@pytest.mark.parametrize(
    "words",
    [
        "%",
        "_",
        "fir%",
        "f_rst",
        "\\",
        "'; DROP TABLE journal; --",
        "<script>alert(1)</script>",
        "a\r\nb",
        "\x00",
        "é",
        "💥",
    ],
)
def test_hostile_words_are_only_words(ledger: Ledger, words: str) -> None:
    write(ledger, "ada", "first")
    assert seen(ledger, words=words) == (["first"] if words == "_" else []), "created_at holds one"
    if "\x00" not in words:
        write(ledger, "ada", f"odd {words} name")
        assert seen(ledger, words=f"odd {words} name") == [f"odd {words} name"]


def test_what_cannot_be_searched_is_refused_with_a_sentence(ledger: Ledger) -> None:
    for wanted in (
        Wanted(table="journal"),
        Wanted(table="x' OR 1=1"),
        Wanted(action="delete"),
        Wanted(actor="a\x00b"),
        Wanted(before=2**64),
        Wanted(since=datetime(2026, 1, 1)),  # noqa: DTZ001 - a time without a zone
    ):
        with pytest.raises(SearchError):
            search(ledger, wanted, people=True, quotes=True)


def test_entries_about_people_are_left_out_for_who_may_not_see_them(ledger: Ledger) -> None:
    write(ledger, "ada", "first")
    person(ledger, "ada")
    assert seen(ledger) == ["ada", "first"]
    assert seen(ledger, people=False) == ["first"]
    assert seen(ledger, people=False, table="users") == []
    assert seen(ledger, people=False, words="Ada L.") == []


def test_words_are_not_looked_for_in_records_that_may_quote_a_report(ledger: Ledger) -> None:
    quoted = {"kind": "exemplars", "payload": [{"draft": "large effusion"}]}
    fill_audit(
        ledger, [quoted, {"kind": "templates", "payload": "large effusion"}, {"kind": "flows", "payload": 1}]
    )
    assert seen(ledger, words="large effusion") == ["a-1/templates", "a-1/exemplars"]
    assert seen(ledger, quotes=False, words="large effusion") == []
    assert seen(ledger, quotes=False, words="a-1", table="details") == ["a-1/flows"]
    told = {one.key: one.quotes for one in search(ledger, Wanted(), people=True, quotes=False).entries}
    assert [key for key, quotes in told.items() if quotes] == ["a-1/templates", "a-1/exemplars"]


def fill_audit(ledger: Ledger, details: list[dict[str, Any]]) -> None:
    config = {"id": "c", "system": "drafts", "seq": 1, "yaml": "", "applied_at": NOON, "actor": "x", "reason": ""}
    audit = {"id": "a-1", "seq": 1, "system": "drafts", "key": "k", "config": "c", "as_of": NOON, "segment_pin": 0}
    audit |= {"inputs": "", "code": "", "seed": 0, "status": "ok", "versions": {}, "started_at": NOON}
    with ledger.transaction("ada", NOON) as tx:
        tx.insert(t.systems, [{"name": "drafts", "created_at": NOON}])
        tx.insert(t.configs, [config])
        tx.insert(t.audits, [audit])
        tx.insert(t.details, [{"audit": "a-1", **one} for one in details])


def test_pages_follow_each_other_without_gap_or_repetition(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ledger, "ada", *(f"s{number:03}" for number in range(120)))
    everything = [f"s{number:03}" for number in reversed(range(120))]
    assert walk(ledger, Wanted()) == everything
    assert walk(ledger, Wanted(words="s0")) == everything[20:]
    # where only some entries are looked at for a page, it says so and goes on
    monkeypatch.setattr(searching, "EXAMINED", 30)
    page = search(ledger, Wanted(words="s00"), people=True, quotes=True)
    assert (page.entries, page.older, page.reached) == ((), 91, 91)
    assert walk(ledger, Wanted(words="s00")) == everything[110:]


def walk(ledger: Ledger, wanted: Wanted) -> list[str]:
    found: list[str] = []
    before = None
    while True:
        page = search(ledger, Wanted(**{**wanted.__dict__, "before": before}), people=True, quotes=True)
        found += keys(page)
        before = page.older
        if before is None:
            return found


def long_journal(ledger: Ledger, count: int) -> None:
    """As many entries as a year of audits makes; written past the chain, since only reading matters here."""
    rows = [
        {
            "seq": number,
            "at": f"2026-03-02T12:00:00.{number:06}Z",
            "actor": "clock" if number % 1000 else "ada",
            "action": "insert",
            "table_name": "thresholds" if number == 7 else "measurements",
            "record": canonical({"audit": f"a-{number}", "number": number, "note": "x" * 300}),
            "previous": "0" * 64,
            "hash": "1" * 64,
        }
        for number in range(1, count + 1)
    ]
    with ledger._engine.begin() as connection:
        connection.execute(sa.insert(t.journal), rows)
    if ledger._file is None:
        with ledger._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("ANALYZE journal"))


def plans(ledger: Ledger, wanted: Wanted) -> list[str]:
    """How the database would answer each query of a search."""
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "journal" in statement:
            asked.append((statement, parameters))

    sa.event.listen(ledger._engine, "before_cursor_execute", note)
    search(ledger, wanted, people=False, quotes=False)
    sa.event.remove(ledger._engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if ledger._file is not None else "EXPLAIN "
    with ledger._engine.connect() as connection:
        return [
            "\n".join(" ".join(map(str, row)) for row in connection.exec_driver_sql(explain + said, given))
            for said, given in asked
        ]


def test_a_long_journal_is_searched_by_its_indexes(ledger: Ledger) -> None:
    long_journal(ledger, 100_000)
    for wanted in (
        Wanted(),
        Wanted(before=50_000),
        Wanted(table="thresholds"),
        Wanted(actor="ada"),
        Wanted(words="a-99"),
        Wanted(table="measurements", words="a-99"),
        Wanted(since=NOON, before=70_000),
    ):
        found = plans(ledger, wanted)
        assert found
        for plan in found:
            assert "SCAN journal" not in plan.replace("SCAN journal USING INDEX", ""), plan
            assert "Seq Scan on journal" not in plan, plan
    (rule,) = search(ledger, Wanted(table="thresholds"), people=False, quotes=False).entries
    assert (rule.entry.seq, json.loads(rule.entry.record)["number"]) == (7, 7)
    page = search(ledger, Wanted(words='"number":7}'), people=False, quotes=False)
    assert (page.entries, page.reached) == ((), 50_001), "so far one page reaches; the next finds it"
    page = search(ledger, Wanted(words='"number":7}', before=page.older), people=False, quotes=False)
    assert [one.entry.seq for one in page.entries] == [7]
