"""Which measurement a threshold speaks about, and what is said when there is none."""

from datetime import date

import pytest

from auditor.audit.verdicts import is_stale, rule_on, rule_on_run, unknown_measures
from monitors.measurement import Measurement, Window
from monitors.threshold import Status
from tests.auditor.audit.rows import settings


def a_row(measure: str, value: float, **about: object) -> Measurement:
    fields: dict[str, object] = {
        "measure": measure,
        "monitor": "hallucination",
        "monitor_version": 1,
        "task": "report",
        "version": "1",
        "item": "",
        "slice": "all",
        "contrast": "",
        "window": Window(),
        "value": value,
        "low": value - 0.01,
        "high": value + 0.01,
        "n": 2000.0,
        "events": value * 2000,
        "n_eff": 1800.0,
        "patients": 900,
        "patients_exact": True,
        "deff": 1.1,
        "interval": "test",
    }
    return Measurement(**{**fields, **about})  # type: ignore[arg-type]


def _rule(text: str, *measurements: Measurement) -> list[tuple[str, int | None]]:
    ruled = rule_on(settings("thresholds:\n" + text), measurements, "1", {})
    return [(str(r.verdict.status), r.measurement) for r in ruled]


BOUND = "  - {measure: contradicted_reports, watch: 0.05, act: 0.10%s}\n"


@pytest.mark.parametrize(("value", "status"), [(0.02, "ok"), (0.07, "watch"), (0.20, "act")])
def test_three_zones(value: float, status: str) -> None:
    assert _rule(BOUND % "", a_row("contradicted_reports", value)) == [(status, 0)]


def test_what_was_not_measured_is_insufficient() -> None:
    assert _rule(BOUND % "") == [("insufficient", None)]


def test_an_old_version_is_ruled_on_but_does_not_answer_for_the_new() -> None:
    old = a_row("contradicted_reports", 0.2, version="0")
    ruled = rule_on(settings("thresholds:\n" + BOUND % ""), [old], "1", {})
    assert [(r.verdict.status, r.current) for r in ruled] == [(Status.ACT, False), (Status.INSUFFICIENT, True)]


def test_slices_are_those_asked_for() -> None:
    measured = [
        a_row("contradicted_reports", 0.02),
        a_row("contradicted_reports", 0.02, slice="sex=F"),
        a_row("contradicted_reports", 0.02, slice="site=a"),
        a_row("contradicted_reports", 0.02, slice="sex=F & site=a"),
    ]
    assert [n for _, n in _rule(BOUND % "", *measured)] == [0]
    assert [n for _, n in _rule(BOUND % ", slices: each", *measured)] == [1, 2]
    assert [n for _, n in _rule(BOUND % ", slices: [site]", *measured)] == [2]
    assert [n for _, n in _rule(BOUND % ", slices: [site, sex]", *measured)] == [1, 2, 3]


def test_contrasts_are_not_taken_for_levels() -> None:
    gap = a_row("contradicted_reports", 0.2, slice="sex=F", contrast="rest")
    assert _rule(BOUND % ", slices: each", gap) == [("insufficient", None)]


def test_items_are_one_each_or_the_whole() -> None:
    measured = [a_row("sensitivity", 0.9), a_row("sensitivity", 0.9, item="Edema")]
    text = "  - {measure: sensitivity, watch: 0.8%s}\n"
    assert [n for _, n in _rule(text % "", *measured)] == [0]
    assert [n for _, n in _rule(text % ", item: each", *measured)] == [1]
    assert [n for _, n in _rule(text % ", item: Edema", *measured)] == [1]


def test_stale_and_failed_runs_say_so() -> None:
    about = settings("stale_after_days: 7\n")
    assert not is_stale(about, date(2026, 3, 1), date(2026, 3, 8))
    assert is_stale(about, date(2026, 3, 1), date(2026, 3, 9))
    assert not is_stale(about, None, date(2026, 3, 9))
    found = list(rule_on_run(about, date(2026, 3, 1), date(2026, 3, 9), {"report": (6, 100)}))
    assert [r.verdict.status for r in found] == [Status.STALE, Status.FAILED]
    assert not list(rule_on_run(about, date(2026, 3, 8), date(2026, 3, 9), {"report": (5, 100)}))


def test_a_failing_judge_is_not_diluted_by_a_task_that_needs_none() -> None:
    failures = {"classification": (0, 10_000), "report": (6, 100), "vqa": (0, 0)}
    found = list(rule_on_run(settings(""), date(2026, 3, 8), date(2026, 3, 9), failures))
    assert [r.rule for r in found] == [{"rule": "judge_failures", "task": "report"}]
    assert "report judge failed on 6 of 100" in found[0].verdict.reason


def test_a_threshold_on_no_measure_is_named() -> None:
    wrong = settings("thresholds: [{measure: hallucinations, watch: 0.1}]")
    assert "hallucinations" in next(unknown_measures(wrong))
