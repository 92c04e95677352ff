"""Retention: six years at least, whatever is asked; then rows go as a patient's do, save those under a hold."""

import json
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa

from auditor.cli import keeping
from auditor.keeping import retention
from auditor.keeping.errors import KeepingError
from auditor.keeping.holds import place
from auditor.settings import SettingsError, parse_settings
from auditor.store import tables as t
from auditor.store.verify import verify
from tests.auditor import small_hospital as small
from tests.auditor.conftest import Run
from tests.auditor.keeping.patients import AFTER, ASKED, kept, subject
from tests.auditor.small_hospital import FIRST_DAY, LATER, RECEIVED, SYSTEM, Site

SOON = date(2032, 1, 20)  # outputs of the first fifteen days are past, studies not: they came on 1 March
ALL = date(2032, 3, 2)


def _years(asked: str) -> int:
    return retention.years_of(parse_settings(f"system: s\ntasks: {{report: {{}}}}\n{asked}"))


def test_six_years_are_the_floor() -> None:
    assert [_years(""), _years("retention_years: 1"), _years("retention_years: 6")] == [6, 6, 6]
    assert _years("retention_years: 10") == 10
    for wrong in ("0", "101"):
        with pytest.raises(SettingsError, match="retention_years"):
            _years(f"retention_years: {wrong}")
    assert retention.cut_off(date(2032, 2, 29), 7) == date(2025, 2, 28)


def test_nothing_is_due_before_its_day(site: Site) -> None:
    day = FIRST_DAY.replace(year=FIRST_DAY.year + 6)
    assert retention.due(site.ledger, site.lake, site.settings, day).rows == {}
    found = retention.due(site.ledger, site.lake, site.settings, day + timedelta(days=1))
    assert found.rows == {"outputs": 4, "judgements": 2}  # two drafts and two scored images of the first day
    head = site.ledger.head()
    assert retention.apply(site.ledger, site.lake, site.settings, day, "test", ASKED).total == 0
    assert site.ledger.head() == head


def test_outputs_go_by_their_day_and_their_judgements_with_them(site: Site) -> None:
    due = retention.due(site.ledger, site.lake, site.settings, SOON)
    old = [row for row in kept(site, "outputs") if row["day"] and row["day"] < date(2026, 1, 20)]
    others = [row for row in kept(site, "outputs") if row not in old]
    judgements = len(kept(site, "judgements"))
    assert due.rows["outputs"] == len(old)
    erased = retention.apply(site.ledger, site.lake, site.settings, SOON, "test", ASKED)
    assert erased.rows == due.rows == {"outputs": 61, "judgements": 31}
    assert kept(site, "outputs") == others
    assert len(kept(site, "judgements")) == judgements - 31
    (row,) = site.ledger.read(sa.select(t.erasures))
    assert (row["kind"], row["subject"]) == ("retention", None)
    assert not site.audit(AFTER).cached
    found = verify(site.ledger, site.lake)
    assert (found.problems, found.rubbish) == ((), ())


def test_a_study_goes_whole_once_all_of_it_is_past(fresh_site: Site) -> None:
    about = {"studied_at": "2019-05-01", "attributes": {"sex": "F"}}
    old, answered = {"case_id": "R-old", **about}, {"case_id": "R-answered", **about}
    at = datetime(2020, 1, 1, tzinfo=RECEIVED.tzinfo)
    fresh_site.hand_in("cases", [old, answered], at)
    more = {"task": "report", "version": "2", "text": "Clear."}
    fresh_site.hand_in(
        "outputs",
        [
            {"case_id": "R-old", "output_id": "a", "produced_at": "2019-05-02", **more},
            {"case_id": "R-answered", "output_id": "b", "produced_at": "2019-05-02", **more},
        ],
        at,
    )
    again = {"case_id": "R-answered", "output_id": "c", "produced_at": "2026-02-01", **more}
    fresh_site.hand_in("outputs", [again], RECEIVED)
    for name in ("old", "answered"):
        fresh_site.hand_in("references", [small.report_reference(0, case_id=f"R-{name}")], LATER)
    day = date(2026, 3, 10)
    due = retention.due(fresh_site.ledger, fresh_site.lake, fresh_site.settings, day)
    assert due.rows == {"cases": 1, "outputs": 2, "references": 1}
    assert (due.years, due.before) == (6, date(2020, 3, 10))


def test_what_has_no_date_is_as_old_as_its_receipt(site: Site) -> None:
    before = retention.due(site.ledger, site.lake, site.settings, ALL - timedelta(days=1)).rows
    assert before["outputs"] == 119
    assert "cases" not in before
    found = retention.due(site.ledger, site.lake, site.settings, ALL).rows
    assert (found["outputs"], found["cases"], found["references"]) == (121, 120, 117)
    assert found["judgements"] == len(kept(site, "judgements"))


def test_holds_are_respected(site: Site) -> None:
    place(site.ledger, SYSTEM, "a law suit", "counsel", LATER, subject(site, 9))
    due = retention.due(site.ledger, site.lake, site.settings, ALL)
    assert (due.rows["cases"], due.held) == (118, 4)
    erased = retention.apply(site.ledger, site.lake, site.settings, ALL, "test", ASKED)
    assert erased.rows == due.rows
    assert {row["subject_id"] for row in kept(site, "cases")} == {subject(site, 9)}
    assert [len(kept(site, kind)) for kind in ("cases", "outputs", "references", "judgements")] == [2, 2, 2, 1]
    place(site.ledger, SYSTEM, "another", "counsel", LATER)
    with pytest.raises(KeepingError, match="small is under hold 2"):
        retention.apply(site.ledger, site.lake, site.settings, ALL, "test", ASKED)
    assert verify(site.ledger, site.lake).ok


def test_the_commands(run: Run, audited: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = json.loads(run("retention", "show", SYSTEM, "--json")[1])
    assert (shown["years"], shown["rows"]) == (6, {})
    assert "Past it: none" in run("retention", "show", SYSTEM)[2]
    assert "Nothing was left" in run("retention", "apply", SYSTEM)[2]
    monkeypatch.setattr(keeping, "now", lambda: datetime(2032, 1, 20, 12, tzinfo=RECEIVED.tzinfo))
    assert "61 outputs" in run("retention", "show", SYSTEM)[2]
    code, _, said = run("retention", "apply", SYSTEM)
    assert (code, "--yes" in said) == (2, True)
    assert run("hold", "place", SYSTEM, "--reason", "law suit")[0] == 0
    assert "under hold 1" in run("retention", "apply", SYSTEM, "--yes")[2]
    assert run("hold", "lift", "1")[0] == 0
    code, out, _ = run("retention", "apply", SYSTEM, "--yes", "--json")
    assert (code, json.loads(out)["rows"]["outputs"]) == (0, 61)
    assert run("verify")[0] == 0
    assert run("retention", "show", "none")[0] == 2
