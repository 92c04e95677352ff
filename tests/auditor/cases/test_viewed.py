"""Looks at cases are in the journal: who, what, when, and one row for ten minutes."""

from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.cases.viewed import ONE_LOOK, What, view
from auditor.store import tables as t
from auditor.store.verify import verify
from tests.auditor.small_hospital import RECEIVED, SYSTEM, Site

CASE: Final = "c-0123456789abcdef0123456789abcdef"


def _rows(site: Site) -> list[Any]:
    query = sa.select(t.case_views).order_by(t.case_views.c.id)
    return [tuple(row.values()) for row in site.ledger.read(query)]


def test_a_look_is_one_journalled_row(site: Site) -> None:
    before = site.ledger.head()[0]
    view(site.ledger, "ana", SYSTEM, CASE, "case", RECEIVED)
    assert _rows(site) == [(1, "ana", SYSTEM, CASE, "case", RECEIVED)]
    assert site.ledger.head()[0] == before + 1
    *_, (entry, _, _) = site.ledger.journal()
    assert (entry.actor, entry.table, entry.action) == ("ana", "case_views", "insert")
    assert verify(site.ledger, site.lake).ok


def test_looks_within_ten_minutes_are_one(site: Site) -> None:
    for minutes in (0, 4, 9):
        view(site.ledger, "ana", SYSTEM, CASE, "case", RECEIVED + timedelta(minutes=minutes))
    assert len(_rows(site)) == 1
    view(site.ledger, "ana", SYSTEM, CASE, "case", RECEIVED + ONE_LOOK)
    assert len(_rows(site)) == 2


@pytest.mark.parametrize(
    ("user", "case", "what"), [("ben", CASE, "case"), ("ana", f"{CASE[:-1]}0", "case"), ("ana", CASE, "image")]
)
def test_another_person_case_or_thing_is_another_look(site: Site, user: str, case: str, what: What) -> None:
    view(site.ledger, "ana", SYSTEM, CASE, "case", RECEIVED)
    view(site.ledger, user, SYSTEM, case, what, RECEIVED)
    assert len(_rows(site)) == 2


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 1_500), min_size=1, max_size=12))
def test_no_look_is_further_than_ten_minutes_from_its_row(site: Site, gaps: list[int]) -> None:
    person = f"someone-{len(_rows(site))}"
    at, looks = RECEIVED, []
    for gap in gaps:
        at += timedelta(seconds=gap)
        looks.append(at)
        view(site.ledger, person, SYSTEM, CASE, "image", at)
    recorded = [row[5] for row in _rows(site) if row[1] == person]
    assert all(any(timedelta(0) <= look - row < ONE_LOOK for row in recorded) for look in looks)
    assert all(later - earlier >= ONE_LOOK for earlier, later in pairwise(recorded))
