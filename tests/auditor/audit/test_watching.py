"""Stop questions in an audit: what a chart sees, that its past stands, and what it says."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from auditor.audit.scope import newest_settings
from auditor.registry import apply_settings
from auditor.settings import SettingsError, parse_settings
from auditor.store import tables as t
from monitors.charts.cusum import limit_of
from reports.dossier import Chart
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import SYSTEM, Site

BASE, WATCHED, A_WEEK = 13, 8, 90
START = date(2026, 1, 5)  # a Monday
REFERENCE_END = START + timedelta(weeks=BASE, days=-1)
YAML = f"""
system: small
tasks: {{report: {{}}}}
slices: [sex]
maturity_days: 7
reference_window: {{from: {START}, to: {REFERENCE_END}}}
stop_questions:
  - {{task: report, measure: contradicted_reports}}
alarms_a_year: 2
case_mix: [sex]
"""


def _at(week: int) -> datetime:
    """Six in the morning of the Monday after a week, from 1."""
    return datetime.combine(START + timedelta(weeks=week), datetime.min.time(), UTC) + timedelta(hours=6)


def _week(number: int, wrong: int) -> dict[str, list[dict[str, Any]]]:
    """Ninety studies of ninety patients in one week, of which the first `wrong` drafts are contradicted."""
    day = START + timedelta(weeks=number - 1, days=2)
    ids = [f"W{number}-{i}" for i in range(A_WEEK)]
    bad, good = "There is a large left pleural effusion.", "There is no pleural effusion."
    return {
        "cases": [
            {"case_id": c, "patient_id": f"P{number}-{i}", "attributes": {"sex": "FM"[i % 2]}}
            for i, c in enumerate(ids)
        ],
        "references": [small.report_reference(0, case_id=c, finalised_at=f"{day}") for c in ids],
        "outputs": [
            {
                "case_id": c, "output_id": f"O-{c}", "task": "report", "version": "1",
                "produced_at": f"{day}T10:00:00Z", "text": bad if i < wrong else good,
            }
            for i, c in enumerate(ids)
        ],
    }  # fmt: skip


def _receive(site: Site, number: int, wrong: int, at: int | None = None) -> None:
    for kind, rows in _week(number, wrong).items():
        site.hand_in(kind, rows, _at(at or number))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def watched_folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Thirteen weeks with one draft of eighteen contradicted, four more like them, then three times as many."""
    folder = tmp_path_factory.mktemp("watched")
    small.build_empty(folder, YAML)
    (site,) = small.opened(folder)
    for number in range(1, BASE + 5):
        _receive(site, number, 5)
    site.ledger.close()
    return folder


@pytest.fixture
def watched(watched_folder: Any, tmp_path: Any) -> Any:
    yield from small.opened(small.copied(watched_folder, tmp_path / "watched"))


def _chart(site: Site, week: int) -> tuple[Chart, str]:
    made = site.audit(_at(week))
    (chart,) = site.dossier(made.audit).charts
    return chart, made.status


def test_a_quiet_chart_is_ok_and_counts_what_went_in(watched: Site) -> None:
    chart, status = _chart(watched, BASE + 5)
    # sealed: a week and its seven days of maturity have passed
    assert [one.week for one in chart.weeks] == [START + timedelta(weeks=BASE + i) for i in range(4)]
    assert [(one.n, one.events) for one in chart.weeks] == [(A_WEEK, 5)] * 4
    assert chart.baseline == pytest.approx(5 / A_WEEK)
    assert chart.bound is not None and chart.baseline is not None and chart.bound > chart.baseline
    assert chart.threshold == 26
    assert (chart.status, status) == ("ok", "ok")
    assert "a doubling would be seen in" in chart.reason
    last = chart.weeks[-1]
    assert last.low is not None and last.high is not None and last.low < 5 / A_WEEK < last.high
    # beside it the CUSUM, held to the same weeks between false alarms
    assert chart.cusum_limit == limit_of(26, A_WEEK, 5 / A_WEEK, 10 / A_WEEK)
    assert [(one.cusum, one.cusum_alarm) for one in chart.weeks] == [(0, False)] * 4


def test_trends_stand_beside_the_case_mix_of_the_reference_window(watched: Site) -> None:
    """A week with fewer men: crude is what was seen, standardised as if half were men."""
    dossier = watched.dossier(watched.audit(_at(BASE + 5)).audit)
    points = [p for p in dossier.trend if p.measure == "contradicted_reports"]
    assert len(points) == BASE + 4
    for point in points:
        assert point.value == pytest.approx(5 / A_WEEK)
        assert point.standardised == pytest.approx(5 / A_WEEK)
        assert point.standardised_low is not None and point.standardised_high is not None
        assert point.standardised_low < 5 / A_WEEK < point.standardised_high
        assert [point.difference, point.covered, point.outside] == pytest.approx([0, 1, 0])
    rows = _week(BASE + 5, 6)  # the errors are those of the first six: three women and three men
    keep = {c["case_id"] for i, c in enumerate(rows["cases"]) if i % 2 == 0 or i % 6 == 1}
    for i in (10, 20, 30):
        rows["cases"][i]["attributes"]["sex"] = "X"  # whose like the reference window never saw
    for kind, handed in rows.items():
        watched.hand_in(kind, [r for r in handed if r["case_id"] in keep], _at(BASE + 5))  # type: ignore[arg-type]
    dossier = watched.dossier(watched.audit(_at(BASE + 6)).audit)
    last = [p for p in dossier.trend if p.measure == "contradicted_reports"][-1]
    women, men = [i for i in range(A_WEEK) if i % 2 == 0], [i for i in range(A_WEEK) if i % 6 == 1]
    share = [sum(i < 6 for i in group) / len(group) for group in (women, men)]
    assert last.value == pytest.approx(sum(i < 6 for i in [*women, *men]) / len([*women, *men]))
    share[0] *= len(women) / (len(women) - 3)
    assert last.standardised == pytest.approx(sum(share) / 2)  # as many women as men in the reference window
    assert last.difference == pytest.approx((last.value or 0) - (last.standardised or 0))
    assert last.covered == pytest.approx(1)
    assert last.outside is None  # three outputs are fewer than eleven


def test_a_tripled_rate_alarms_within_weeks_and_says_since_when(watched: Site) -> None:
    change = BASE + 5
    for number in range(change, change + 4):
        _receive(watched, number, 15)
    chart, status = _chart(watched, change + 5)
    first = next(one for one in chart.weeks if one.alarm)
    assert first.changed == START + timedelta(weeks=change - 1)
    assert first.week <= START + timedelta(weeks=change + 1)
    assert (chart.status, status) == ("act", "act")
    row = next(r for r in watched.dossier().rows if r.contrast == "chart")
    assert (row.measure, row.status, row.version) == ("contradicted_reports", "act", "1")
    assert row.act == chart.bound
    alerts = watched.ledger.read(t.alerts.select())
    assert [(one["measure"], one["contrast"], one["version"]) for one in alerts] == [
        ("contradicted_reports", "chart", "1")
    ]
    # with more than four quiet weeks since, the alarm is history: to watch, no longer to act on
    for number in range(change + 4, change + 9):
        _receive(watched, number, 5)
    late, _ = _chart(watched, change + 10)
    assert not any(one.alarm for one in late.weeks[-4:])
    assert late.status == "watch"


def test_what_arrives_later_changes_no_past_week(watched: Site) -> None:
    before, _ = _chart(watched, BASE + 5)
    # a late file: in a week long folded, all of them wrong, and corrections that turn good drafts bad
    late = _week(BASE + 1, A_WEEK)
    for kind, key in (("cases", "case_id"), ("references", "case_id"), ("outputs", "case_id")):
        rows = [row | {key: f"LATE-{row[key]}"} for row in late[kind]]
        rows = [row | ({"output_id": f"LATE-{row['output_id']}"} if kind == "outputs" else {}) for row in rows]
        rows = [row | ({"patient_id": f"LATE-{row['patient_id']}"} if kind == "cases" else {}) for row in rows]
        watched.hand_in(kind, rows, _at(BASE + 5) + timedelta(hours=1))  # type: ignore[arg-type]
    _receive(watched, BASE + 5, 5)
    after, _ = _chart(watched, BASE + 6)
    assert after.weeks[: len(before.weeks)] == before.weeks
    assert len(after.weeks) == len(before.weeks) + 1
    assert after.bound == before.bound


def test_the_same_audit_again_is_the_same_and_one_of_the_past_is_too(watched: Site) -> None:
    early = watched.audit(_at(BASE + 3))
    assert watched.audit(_at(BASE + 3)) == replace(early, cached=True)
    _receive(watched, BASE + 5, 5)
    late = watched.audit(_at(BASE + 6))
    assert not late.cached and late.audit != early.audit
    assert watched.audit(_at(BASE + 3)) == replace(early, cached=True)
    assert watched.audit(_at(BASE + 6)) == replace(late, cached=True)
    early_chart, late_chart = (watched.dossier(one.audit).charts[0] for one in (early, late))
    assert late_chart.weeks[: len(early_chart.weeks)] == early_chart.weeks


def test_an_audit_of_the_past_that_nobody_made_keeps_nothing(watched: Site) -> None:
    late = watched.audit(_at(BASE + 5))
    kept = [row["key"] for row in watched.ledger.read(t.artifacts.select()) if row["kind"] == "sealed"]
    watched.audit(_at(BASE + 3))
    again = [row["key"] for row in watched.ledger.read(t.artifacts.select()) if row["kind"] == "sealed"]
    assert again == kept
    assert watched.audit(_at(BASE + 5)) == replace(late, cached=True)


def test_a_short_reference_window_is_insufficient_and_says_what_is_missing(watched: Site) -> None:
    end = START + timedelta(weeks=5, days=-1)
    watched.apply(YAML.replace(str(REFERENCE_END), str(end)), _at(BASE + 5))
    chart, status = _chart(watched, BASE + 5)
    assert (chart.bound, chart.weeks, chart.status, status) == (None, (), "insufficient", "insufficient")
    assert "5 weeks with reports" in chart.reason and "tolerable rate" in chart.reason


def test_a_tolerable_rate_needs_no_reference_window(watched: Site) -> None:
    yaml = YAML.replace("measure: contradicted_reports", "measure: contradicted_reports, tolerable: 0.08")
    yaml = "\n".join(line for line in yaml.splitlines() if not line.startswith("reference_window"))
    watched.apply(yaml, _at(BASE + 5))
    chart, _ = _chart(watched, BASE + 5)
    assert (chart.bound, chart.baseline) == (0.08, None)
    assert len(chart.weeks) == BASE + 4
    assert chart.status == "ok"


def test_a_chart_that_would_see_a_doubling_too_late_is_not_ok(watched: Site) -> None:
    yaml = YAML.replace("measure: contradicted_reports", "measure: laterality_reports, tolerable: 0.001")
    watched.apply(yaml, _at(BASE + 5))
    chart, status = _chart(watched, BASE + 5)
    assert (chart.status, status) == ("insufficient", "insufficient")
    assert "a doubling would be seen not before" in chart.reason


def test_a_group_that_stands_out_is_listed_and_said_to_again(watched: Site) -> None:
    """From one week on nearly all errors are the women's; the week before stood out too in the second audit."""
    for number in (BASE + 5, BASE + 6):
        rows = _week(number, 0)
        women = {one["case_id"] for i, one in enumerate(rows["cases"]) if i % 2 == 0 and i < 50}
        for output in rows["outputs"]:
            if output["case_id"] in women:
                output["text"] = "There is a large left pleural effusion."
        for kind, handed in rows.items():
            watched.hand_in(kind, handed, _at(number))  # type: ignore[arg-type]
    quiet = watched.dossier(watched.audit(_at(BASE + 5)).audit)
    assert quiet.watch_list == ()
    for week, again in ((BASE + 6, False), (BASE + 7, True)):
        dossier = watched.dossier(watched.audit(_at(week)).audit)
        found = {one.measure: one for one in dossier.watch_list if one.slice == "sex=F"}
        one = found["contradicted_reports"]
        assert one.week == START + timedelta(weeks=week - 2)
        assert one.gap == pytest.approx(25 / 45)
        assert one.p_value is not None and one.p_value < 0.001
        assert one.again is again
        assert not [row for row in dossier.rows if row.slice == "sex=F" and row.status == "act"]
        assert "sex=M" not in {one.slice for one in dossier.watch_list}  # men are better off


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("measure: contradicted_reports", "measure: contradicted"), "There is no measure"),
        (("measure: contradicted_reports", "measure: sensitivity"), "not made for the task"),
        (("case_mix: [sex]", "case_mix: [age]"), "case_mix names age, which is no slice"),
        (("task: report, measure", "task: vqa, measure"), "which is not audited"),
        (("reference_window: {from", "window: all\n# {from"), "needs a reference_window"),
        (("stop_questions:", "stop_questions:\n  - {task: report, measure: contradicted_reports}"), "twice"),
        (("alarms_a_year: 2", "alarms_a_year: 0"), "alarms_a_year"),
    ],
)
def test_questions_that_cannot_be_asked_are_refused(change: tuple[str, str], sentence: str, watched: Site) -> None:
    with pytest.raises(SettingsError, match=sentence):
        apply_settings(watched.ledger, YAML.replace(*change), "audit.yaml", "test", _at(BASE + 5))
    assert newest_settings(watched.ledger, SYSTEM)[1] == parse_settings(YAML)
