"""Sums over spans of days: the same bits as sums over the days, and what is read and made for them."""

import functools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from auditor.audit.spans import LENGTHS, Span, pieces_of, spans_of
from auditor.audit.tallying import DailyTallies, rows_within, strata_of, tally_days
from auditor.settings import parse_settings
from auditor.store import tables as t
from auditor.store.ledger import Transaction
from auditor.store.verify import verify
from monitors.editing import EDITING
from monitors.hallucination import HALLUCINATION
from monitors.measurement import Window
from monitors.tally import Tally
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import RECEIVED, SYSTEM, Site
from tests.monitors.population import reports

SETTINGS = parse_settings(small.YAML)
MONITORS = (HALLUCINATION, EDITING)
FIRST, DAYS = date(2025, 9, 3), 200


@functools.cache
def judged() -> pa.Table:
    """Some hundred drafts of two versions on two hundred days, some of them without any, and undated ones."""
    table = reports(np.random.default_rng(3), 300)
    rng = np.random.default_rng(4)
    day = [FIRST + timedelta(days=int(n)) for n in rng.integers(DAYS, size=table.num_rows)]
    day[:3], day[3] = [None] * 3, FIRST + timedelta(days=DAYS - 1)  # type: ignore[list-item]
    version = rng.choice(["v1", "v2"], table.num_rows).tolist()
    return replaced(replaced(table, "day", day), "version", version)


def replaced(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    field = table.schema.field(name)
    plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return table.set_column(table.column_names.index(name), field, pa.array(values, plain).cast(field.type))


def tallied(site: Site, table: pa.Table) -> dict[str, DailyTallies]:
    def transaction() -> AbstractContextManager[Transaction]:
        return site.ledger.transaction("test", RECEIVED)

    return tally_days(site.ledger, site.lake, SYSTEM, "report", MONITORS, table, SETTINGS, transaction)


def kept(site: Site) -> dict[str, str]:
    """The segment of every kept tally, by key."""
    query = sa.select(t.artifacts.c.key, t.artifacts.c.segment).where(t.artifacts.c.kind == "tally")
    return {row["key"]: row["segment"] for row in site.ledger.read(query)}


def windows() -> Iterator[Window]:
    ends = [None, *(FIRST + timedelta(days=n) for n in (-5, 0, 5, 26, 40, 117, 145, 194, 199, 220))]
    return (Window(a, b) for a in ends for b in ends if a is None or b is None or a <= b)


def agree(site: Site, table: pa.Table) -> None:
    """Every window, from spans, has the bits of the tally of its rows."""
    made = tallied(site, table)
    for window in windows():
        rows = table.filter(rows_within(table["day"], window))
        for one in MONITORS:
            whole = Tally.of(one, rows, strata_of(SETTINGS), SETTINGS.seed)
            assert made[one.name].over(window).to_bytes() == whole.to_bytes(), (one.name, str(window))


def test_any_window_is_the_tally_of_its_rows_when_made_and_when_read(fresh_site: Site) -> None:
    agree(fresh_site, judged())
    before = kept(fresh_site)
    agree(fresh_site, judged())
    assert kept(fresh_site) == before, "nothing was made again"
    assert verify(fresh_site.ledger, fresh_site.lake).ok


def test_a_second_audit_reads_spans_and_few_days(fresh_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tallied(fresh_site, judged())
    read: list[bytes] = []
    parse = Tally.from_bytes

    def counted(data: bytes) -> Tally:
        read.append(data)
        return parse(data)

    monkeypatch.setattr(Tally, "from_bytes", counted)
    made = tallied(fresh_site, judged())["editing"]
    assert read == [], "nothing is read before a window asks for it"
    assert len(made.days) > 100
    made.over(Window())
    assert len(read) <= 3 * len(LENGTHS) + 6 + 1
    made.over(Window())
    assert len(read) <= 3 * len(LENGTHS) + 6 + 1, "the whole is remembered"
    read.clear()
    monday = date(2025, 11, 3)
    made.over(Window(monday, monday + timedelta(days=6)))
    assert len(read) == 1, "a closed week is one piece"


def test_a_changed_day_in_a_closed_span_is_seen_and_little_is_made_again(fresh_site: Site) -> None:
    agree(fresh_site, judged())
    before = kept(fresh_site)
    place = pc.index(judged()["day"], pa.scalar(date(2025, 11, 4))).as_py()
    assert place >= 0
    digests, versions = judged()["digest"].to_pylist(), judged()["version"].to_pylist()
    digests[place], versions[place] = bytes(16), "v3"
    amended = replaced(replaced(judged(), "digest", digests), "version", versions)
    agree(fresh_site, amended)
    new = kept(fresh_site).keys() - before.keys()
    around = {Span.around(date(2025, 11, 4), length) for length in LENGTHS}
    assert len(new) == len(MONITORS) * (1 + len(around & spans_of(judged()["day"].to_pylist()).keys()))
    agree(fresh_site, judged())


def test_sums_that_an_erasure_retired_are_made_again_under_their_keys(fresh_site: Site) -> None:
    agree(fresh_site, judged())
    before = kept(fresh_site)
    old = fresh_site.ledger.read(sa.select(t.segments).where(t.segments.c.kind == "tallies"))
    with fresh_site.ledger.transaction("test", RECEIVED) as tx:
        for row in old:
            tx.update(t.segments, row["seq"], {"rows": 0, "bytes": 0})
    for row in old:
        fresh_site.lake.delete(row["sha256"])
    left = judged().filter(pc.not_equal(judged()["output_id"], judged()["output_id"][9]))
    agree(fresh_site, left)
    again = kept(fresh_site)
    assert again.keys() > before.keys()
    live = {row["sha256"] for row in fresh_site.ledger.read(sa.select(t.segments)) if row["bytes"]}
    remade = {key for key in before if again[key] in live}
    assert len(before) - len(remade) <= len(MONITORS) * (1 + len(LENGTHS))  # what held the erased row stays lost
    found = verify(fresh_site.ledger, fresh_site.lake)
    assert (found.ok, found.rubbish) == (True, ())


def test_no_rows_and_undated_rows_alone(fresh_site: Site) -> None:
    for table in (judged().slice(0, 0), judged().slice(0, 3)):
        made = tallied(fresh_site, table)
        assert made["editing"].over(Window()) == Tally.of(EDITING, table, strata_of(SETTINGS), SETTINGS.seed)
        assert made["editing"].over(Window(FIRST, None)) == Tally.zero(EDITING, strata_of(SETTINGS), SETTINGS.seed)


@hypothesis_settings(max_examples=200, deadline=None)
@given(offsets=st.sets(st.integers(0, 1200)), ends=st.tuples(st.integers(0, 1200), st.integers(0, 1200)))
def test_pieces_are_the_days_once_each_and_few(offsets: set[int], ends: tuple[int, int]) -> None:
    days = sorted(date(2023, 1, 1) + timedelta(days=n) for n in offsets)
    spans = spans_of([None, *days])
    assert all(span.last < days[-1] and len(inside) > 1 for span, inside in spans.items())
    assert all(inside == tuple(d for d in days if span.first <= d <= span.last) for span, inside in spans.items())
    low, high = (date(2023, 1, 1) + timedelta(days=n) for n in sorted(ends))
    asked = [day for day in days if low <= day <= high]
    pieces = pieces_of(asked, spans)
    flat = [day for piece in pieces for day in (spans[piece] if isinstance(piece, Span) else (piece,))]
    assert flat == asked
    # at each end of the longest spans: six days, three spans of each shorter length
    assert len(pieces) <= 2 * (6 + 3 * (len(LENGTHS) - 1)) + 1200 // LENGTHS[-1] + 1
