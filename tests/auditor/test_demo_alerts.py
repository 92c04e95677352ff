"""The demo hospital day by day by its own clock: one alert a planted fault, in time, its cause named."""

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.demo.faults import FABRICATION_WEEK, VENDOR_WEEK, VERSION_CHANGE
from auditor.store import tables as t
from auditor.store.verify import verify
from auditor.workspace import Workspace
from tests import demo_site
from tests.auditor.conftest import Run

START = date(2026, 1, 5)


@pytest.fixture(scope="module")
def hospital(lived: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The demo hospital, to be changed by the tests below."""
    return demo_site.copied(lived, tmp_path_factory.mktemp("answered"))


def _rows(workspace: Workspace, table: sa.Table) -> list[dict[str, Any]]:
    ledger = workspace.ledger()
    found = [dict(row) for row in ledger.read(sa.select(table))]
    ledger.close()
    return found


def test_no_run_is_missed_and_none_is_done_twice_though_the_scheduler_died_twice(hospital: Workspace) -> None:
    runs = _rows(hospital, t.job_runs)
    assert [f"{one['fire_at']:%m-%d}" for one in runs] == [*("04-06", "05-04", "06-01", "07-06")]
    assert {one["status"] for one in runs} == {"done"}
    assert {f"{one['fire_at']:%m-%d}": one["attempt"] for one in runs if one["attempt"] > 1} == {
        "05-04": 2,
        "06-01": 2,
    }
    audits = Counter(f"{one['as_of']:%m-%d}" for one in _rows(hospital, t.audits))
    assert audits == Counter(f"{one['fire_at']:%m-%d}" for one in runs)
    assert verify(hospital.ledger(), hospital.lake()).ok


def test_each_planted_fault_opens_one_alert_in_time_with_its_cause_named(hospital: Workspace) -> None:
    alerts = {one["root"]: one for one in _rows(hospital, t.alerts)}
    assert len(alerts) == len(_rows(hospital, t.alerts)) == 4
    planted = {
        "classification/sensitivity": (1, "age 65+"),
        "classification/calibration_gap": (VERSION_CHANGE, "Version 1.5 came into use on 13 April 2026."),
        "report/contradicted_reports": (FABRICATION_WEEK, "It is worst in site south."),
        "drift": (VENDOR_WEEK, "The distribution of vendor is another"),
    }
    assert set(alerts) == set(planted)
    for root, (week, cause) in planted.items():
        alert = alerts[root]
        assert cause in alert["cause"], alert
        began = START + timedelta(weeks=week - 1)
        # under-diagnosis is there from the first day, before the audits begin
        within = 14 if root == "classification/sensitivity" else 5
        assert began <= alert["opened_at"].date() <= began + timedelta(weeks=within), alert
    assert alerts["classification/calibration_gap"]["severity"] == "act", "harm to the whole system"
    assert alerts["classification/sensitivity"]["severity"] == "watch", "a group alone"
    assert alerts["drift"]["severity"] == "watch", "no harm"


def test_each_goes_through_its_whole_life_from_the_command_line(
    hospital: Workspace,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUDITOR_WORKSPACE", str(hospital.path))
    monkeypatch.setenv("AUDITOR_KEY_FILE", str(hospital.key_file))
    alerts = json.loads(run("alerts", "list", "--json")[1])
    assert len(alerts) == 4
    names = [one["id"] for one in alerts]
    code, _, said = run("incidents", "open", "What the spring brought", "--alert", names[0], "--alert", names[1])
    assert (code, said.strip()) == (0, "incident-1 is open.")
    for name in names:
        assert run("alerts", "ack", name, "--owner", "physicist")[0] == 0
        assert run("alerts", "investigate", name, "--note", "looking")[0] == 0
        assert run("alerts", "comment", name, "--note", "found it")[0] == 0
        assert run("alerts", "assign", name, "--owner", "vendor", "--due", "2026-12-24")[0] == 0
        refused, _, why = run("alerts", "resolve", name, "--true")
        assert (refused, why.strip()) == (
            2,
            "An alert is resolved with its cause and what was done about it; give both.",
        )
        done = ("--cause", "planted", "--action", "none, it is a demo")
        assert run("alerts", "resolve", name, "--true", *done)[0] == 0
        assert run("alerts", "ack", name)[0] == 2
        assert run("alerts", "reopen", name, "--note", "once more")[0] == 0
        assert run("alerts", "resolve", name, "--false", *done)[0] == 0
        shown = json.loads(run("alerts", "show", name, "--json")[1])
        steps = [one["event"] for one in shown["history"] if one["actor"] == "test" and one["event"] != "linked"]
        answered = ["acknowledged", "investigating", "commented", "assigned"]
        assert steps == [*answered, "resolved", "reopened", "resolved"]
        assert name in run("alerts", "show", name)[2]
    assert run("alerts", "list")[2].strip() == "No alert is open."
    figures = json.loads(run("alerts", "stats", "--json")[1])
    assert {one["severity"] for one in figures} == {"act", "watch"}
    assert sum(one["false"] for one in figures) == sum(one["opened"] for one in figures) == 4
    decided = ("--decision", "restrict", "--owner", "chair", "--due", "2026-12-31", "--note", "until it is mended")
    assert run("incidents", "decide", "incident-1", *decided)[0] == 0
    audit = _rows(hospital, t.audits)[-1]["id"]
    assert run("incidents", "close", "incident-1", "--follow-up", audit)[0] == 2, "it was made before the incident"
    (incident,) = json.loads(run("incidents", "list", "--json")[1])
    assert (incident["title"], incident["alerts"]) == ("What the spring brought", names[:2])
    assert "incident-1" in run("incidents", "list")[1]
    assert run("schedule", "list")[0] == run("schedule", "runs")[0] == run("thresholds", "show")[0] == 0
    assert verify(hospital.ledger(), hospital.lake()).ok
    # what was due since July has not been run by anybody: the watchdog says so
    code, _, said = run("schedule", "check")
    assert code == 3
    assert "Overdue: chest-drafter/fortnightly-audit" in said


def test_a_backtest_says_what_the_rules_would_have_said(
    hospital: Workspace,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("AUDITOR_WORKSPACE", str(hospital.path))
    monkeypatch.setenv("AUDITOR_KEY_FILE", str(hospital.key_file))
    here = hospital.path / "incoming" / "audit.yaml"
    before, after = (f"act: {act}\n    rationale: >-\n      Stated" for act in (0.04, 0.5))
    softer = tmp_path / "proposed.yaml"
    softer.write_text(here.read_text().replace(before, after))

    def past(file: Path) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in json.loads(run("thresholds", "backtest", str(file), "--json")[1])}

    assert past(here)["calibration_gap"]["act"] >= 3
    assert past(here)["calibration_gap"]["alarms"] == 1
    chart = past(here)["stop question: report contradicted_reports"]
    assert chart["looks"] >= 10
    assert past(softer)["calibration_gap"]["act"] == past(softer)["calibration_gap"]["alarms"] == 0
    assert len(_rows(hospital, t.thresholds)) == len(past(here)), "nothing was recorded"
