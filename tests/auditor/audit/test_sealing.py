"""Sealed weeks: what is sealed stays sealed, a planted doubling alarms, and quiet streams stay quiet."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from auditor.audit.scope import Scope
from auditor.audit.sealing import sealed_weeks
from auditor.audit.verdicts import unknown_measures
from auditor.audit.watching import as_reported, charts_of
from auditor.registry import apply_settings
from auditor.settings import Environment, parse_settings
from auditor.store.ledger import Ledger, Transaction
from auditor.workspace import create
from monitors.charts.confidence import beta_mixture
from monitors.judged import GRID, judged_schema
from monitors.measurement import Window
from reports.dossier import Chart

START = date(2025, 1, 6)
REFERENCE_WEEKS = 15
WATCHED = range(REFERENCE_WEEKS, REFERENCE_WEEKS + 8)
SETTINGS = """
system: drafts
tasks: {report: {}}
slices: [unit]
case_mix: [unit]
reference_window: {from: 2025-01-06, to: 2025-04-20}
stop_questions: [{measure: contradicted_reports, task: report}]
alarms_a_year: 2
"""


def drafts(rng: np.random.Generator, week: int, rate: float, n: int = 120, version: str = "1") -> pa.Table:
    """Judged drafts of one week, one a patient; one in four of intensive care, where errors are as likely."""
    wrong = (rng.uniform(size=n) < rate).astype(int)
    name = [f"{version}-{week}-{i}-{rng.integers(1 << 30)}" for i in range(n)]
    counts = dict.fromkeys(
        ("unsupported", "unaddressed", "omitted", "laterality", "significant_contradicted", "significant_omitted"),
        np.zeros(n, int),
    )
    columns = {
        "digest": [one.encode()[:16].ljust(16) for one in name],
        "output_id": name,
        "case_id": name,
        "subject_id": name,
        "clustered_by": ["patient"] * n,
        "task": ["report"] * n,
        "item": ["report"] * n,
        "version": [version] * n,
        "origin": ["recorded"] * n,
        "draft_seen": ["no"] * n,
        "day": [START + timedelta(days=7 * week + i % 7) for i in range(n)],
        "weight": [GRID] * n,
        "status": ["judged"] * n,
        "length": [40] * n,
        "confidence": [None] * n,
        "asserted": np.full(n, 3),
        "reference_findings": np.full(n, 2),
        "contradicted": wrong,
        **counts,
        "score": np.ones(n),
        "edited": [None] * n,
        "reached": [None] * n,
        "unit": ["icu" if i % 4 == 0 else "ward" for i in range(n)],
    }
    schema = judged_schema("report", ("unit",))
    nulls = [None] * n
    filled = {field.name: columns.get(field.name, nulls) for field in schema}
    return pa.table({field.name: pa.array(filled[field.name], field.type) for field in schema}, schema=schema)


def stream(seed: int, *rates: float) -> pa.Table:
    """Weeks at 6 % for the reference window, then one week at each of `rates`."""
    rng = np.random.default_rng(seed)
    return pa.concat_tables(drafts(rng, w, r) for w, r in enumerate((*[0.06] * REFERENCE_WEEKS, *rates)))


def unjudged(judged: pa.Table, which: NDArray[np.bool_]) -> pa.Table:
    """The same outputs, of which those of `which` still wait for their reference."""
    column = judged.schema.get_field_index("status")
    said = np.where(which, "awaiting", np.array(judged["status"].to_pylist()))
    made = pa.array(said.tolist()).dictionary_encode().cast(judged.schema.field("status").type)
    return judged.set_column(column, judged.schema.field("status"), made)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    environment = Environment.model_construct(workspace=tmp_path / "w", ledger=None, lake=None, key_file=None)
    made = create(environment, tmp_path / "w", datetime(2025, 1, 1, tzinfo=UTC)).ledger()
    apply_settings(made, SETTINGS, "audit.yaml", "test", datetime(2025, 1, 1, tzinfo=UTC))
    yield made
    made.close()


def charts(
    ledger: Ledger,
    judged: pa.Table,
    as_of: date,
    *,
    yaml: str = SETTINGS,
    judge: str = "rules",
) -> list[Chart]:
    moment = datetime.combine(as_of, time(12), tzinfo=UTC)
    scope = Scope("drafts", parse_settings(yaml), "c", Window(), moment, 0, {})
    transaction = partial[AbstractContextManager[Transaction]](ledger.transaction, actor="test", at=moment)
    (question,) = scope.settings.stop_questions
    sealed = sealed_weeks(scope, question, judge, judged, str(as_of), transaction)
    return [as_reported(chart) for chart in charts_of(scope, question, sealed, {})]


def mature(weeks: int) -> date:
    """The first day on which so many weeks are sealed."""
    return START + timedelta(weeks=weeks + 2)


def test_a_planted_doubling_alarms_acts_and_is_dated(ledger: Ledger) -> None:
    judged = stream(1, *[0.06] * 4, *[0.13] * 8)
    (chart,) = charts(ledger, judged, mature(REFERENCE_WEEKS + 12))
    first = next(week for week in chart.weeks if week.alarm)
    fault = START + timedelta(weeks=REFERENCE_WEEKS + 4)
    assert chart.status == "act"
    assert fault <= first.week <= fault + timedelta(weeks=6)
    assert first.changed is not None
    assert abs((first.changed - fault).days) <= 14


def test_quiet_streams_keep_to_the_budget(ledger: Ledger) -> None:
    """Thirty charts of half a year at one alarm in 26 weeks each: at most thirty are promised."""
    alarms = 0
    for seed in range(30):
        (chart,) = charts(ledger, stream(seed, *[0.06] * 26), mature(REFERENCE_WEEKS + 26), judge=f"judge {seed}")
        alarms += sum(week.alarm for week in chart.weeks)
    assert alarms <= 12


def test_what_arrives_later_changes_no_sealed_week(ledger: Ledger) -> None:
    rng = np.random.default_rng(4)
    early = stream(2, *[0.06] * 5)
    (before,) = charts(ledger, early, mature(REFERENCE_WEEKS + 5))
    late = [drafts(rng, week, 0.9) for week in (3, REFERENCE_WEEKS + 1)]  # into the reference, into the chart
    amended = early.set_column(
        early.schema.get_field_index("contradicted"),
        early.schema.field("contradicted"),
        pa.array(np.ones(early.num_rows), pa.int32()),
    )
    newest = drafts(rng, REFERENCE_WEEKS + 5, 0.06)
    (after,) = charts(ledger, pa.concat_tables([amended, *late, newest]), mature(REFERENCE_WEEKS + 6))
    assert after.weeks[:-1] == before.weeks
    assert len(after.weeks) == len(before.weeks) + 1
    assert after.bound == before.bound


def test_an_audit_of_an_earlier_day_sees_the_weeks_sealed_by_then(ledger: Ledger) -> None:
    judged = stream(2, *[0.06] * 6)
    (whole,) = charts(ledger, judged, mature(REFERENCE_WEEKS + 6))
    (day_before,) = charts(ledger, judged, mature(REFERENCE_WEEKS + 4) - timedelta(days=1))
    assert day_before.weeks == whole.weeks[:3]


def test_another_judge_is_another_chart(ledger: Ledger) -> None:
    judged = stream(2, 0.06, 0.06)
    (first,) = charts(ledger, judged, mature(REFERENCE_WEEKS + 2))
    worse = pa.concat_tables([judged, drafts(np.random.default_rng(0), REFERENCE_WEEKS + 1, 0.9)])
    (same,) = charts(ledger, worse, mature(REFERENCE_WEEKS + 2))
    (other,) = charts(ledger, worse, mature(REFERENCE_WEEKS + 2), judge="another")
    assert same == first
    assert other.weeks[-1].n == 240


def test_a_week_without_any_judgement_stays_open(ledger: Ledger) -> None:
    judged = stream(2, 0.06)
    waiting = unjudged(judged, np.ones(judged.num_rows, bool))
    assert charts(ledger, waiting, mature(REFERENCE_WEEKS + 1)) == []
    (chart,) = charts(ledger, judged, mature(REFERENCE_WEEKS + 1))
    assert chart.bound is not None
    assert [week.n for week in chart.weeks] == [120]


def test_so_few_outputs_that_a_doubling_takes_months_are_not_ok(ledger: Ledger) -> None:
    rare = SETTINGS.replace("task: report}", "task: report, tolerable: 0.02}")
    rng = np.random.default_rng(0)
    judged = pa.concat_tables(drafts(rng, week, 0.0, n=6) for week in range(20))
    (chart,) = charts(ledger, judged, mature(20), yaml=rare)
    assert chart.status == "insufficient"
    assert all(week.n is None and week.events is None and week.expected is None for week in chart.weeks)
    assert len(chart.weeks) == 20


def test_a_chart_is_not_ok_before_it_could_have_seen_anything(ledger: Ledger) -> None:
    judged = stream(2, *[0.06] * 8)
    (first,) = charts(ledger, judged, mature(REFERENCE_WEEKS + 1))
    assert first.status == "insufficient"
    assert "after one sealed week: too few, since a doubling would be seen in" in first.reason
    (later,) = charts(ledger, judged, mature(REFERENCE_WEEKS + 8))
    assert later.status == "ok"
    assert "after 8 sealed weeks; a doubling would be seen in" in later.reason


def test_a_chart_whose_newest_weeks_are_empty_is_not_ok(ledger: Ledger) -> None:
    """One empty week may be a holiday; with two the chart tells nothing of now, but an alarm is one still."""
    judged = stream(2, *[0.06] * 8)
    (one,) = charts(ledger, judged, mature(REFERENCE_WEEKS + 9))
    (two,) = charts(ledger, judged, mature(REFERENCE_WEEKS + 10))
    assert (one.status, two.status) == ("ok", "insufficient")
    assert "tells nothing of now: none of the 2 weeks after that of 9 June 2025 has a number" in two.reason
    (bad,) = charts(ledger, stream(2, *[0.06] * 4, *[0.3] * 4), mature(REFERENCE_WEEKS + 12), judge="another")
    assert bad.status == "act"


def test_a_version_that_was_replaced_ended_and_is_not_stale(ledger: Ledger) -> None:
    rng = np.random.default_rng(5)
    new = [drafts(rng, REFERENCE_WEEKS + 8 + i, 0.06, version="2") for i in range(8)]
    judged = pa.concat_tables([stream(2, *[0.06] * 8), *new])
    old, now = charts(ledger, judged, mature(REFERENCE_WEEKS + 16))
    assert [(one.version, one.status) for one in (old, now)] == [("1", "ok"), ("2", "ok")]
    old, now = charts(ledger, judged, mature(REFERENCE_WEEKS + 20))
    assert (old.status, now.status) == ("ok", "insufficient")


@pytest.mark.parametrize(("kept", "status"), [(0.1, "insufficient"), (0.8, "insufficient"), (0.97, "ok")])
def test_a_quiet_chart_of_which_little_was_judged_is_not_ok(ledger: Ledger, kept: float, status: str) -> None:
    judged = pa.concat_tables([stream(2), *(drafts(np.random.default_rng(w), w, 0.06, 1200) for w in WATCHED)])
    late = np.array(judged["day"].to_pylist()) >= START + timedelta(weeks=REFERENCE_WEEKS)
    lost = late & (np.random.default_rng(6).uniform(size=judged.num_rows) > kept)
    (chart,) = charts(ledger, unjudged(judged, lost), mature(REFERENCE_WEEKS + len(WATCHED)))
    assert chart.status == status
    share = int(100 * (1 - lost.sum() / late.sum()))
    few = f"only {share} % of the outputs could be judged: the others may differ, and settle it"
    assert (few in chart.reason) is (status != "ok")


def test_an_alarm_is_one_whatever_was_not_judged(ledger: Ledger) -> None:
    judged = stream(2, *[0.3] * 4)
    late = np.array(judged["day"].to_pylist()) >= START + timedelta(weeks=REFERENCE_WEEKS)
    lost = late & (np.random.default_rng(6).uniform(size=judged.num_rows) > 0.5)
    (chart,) = charts(ledger, unjudged(judged, lost), mature(REFERENCE_WEEKS + 4))
    assert chart.status == "act"


def test_where_nothing_of_a_version_could_be_judged_its_chart_says_so(ledger: Ledger) -> None:
    new = drafts(np.random.default_rng(7), REFERENCE_WEEKS + 1, 0.06, version="2")
    judged = pa.concat_tables([stream(2, *[0.06] * 2), unjudged(new, np.ones(new.num_rows, bool))])
    _, chart = charts(ledger, judged, mature(REFERENCE_WEEKS + 2))
    assert (chart.version, chart.status) == ("2", "insufficient")
    assert chart.reason == "None of the outputs of its sealed weeks could be judged."


def test_bands_of_past_weeks_stay_where_they_were_drawn(ledger: Ledger) -> None:
    """Weeks in which the same patients come back with the same outcome would widen them, were they asked."""
    rng = np.random.default_rng(8)
    weeks = [drafts(rng, REFERENCE_WEEKS + 4 + i, 0.06) for i in range(6)]
    for name in ("subject_id", "contradicted"):
        column, field = weeks[0].schema.get_field_index(name), weeks[0].schema.field(name)
        weeks = [one.set_column(column, field, weeks[0][name]) for one in weeks]
    judged = pa.concat_tables([stream(2, *[0.06] * 4), *weeks])
    (before,) = charts(ledger, judged, mature(REFERENCE_WEEKS + 4))
    (after,) = charts(ledger, judged, mature(REFERENCE_WEEKS + 10))
    assert before.weeks[0].low is not None
    assert after.weeks[: len(before.weeks)] == before.weeks


def test_without_a_baseline_the_band_is_at_the_design_effect_of_all_weeks(ledger: Ledger) -> None:
    rare = SETTINGS.replace("task: report}", "task: report, tolerable: 0.08}")
    (chart,) = charts(ledger, stream(2, *[0.06] * 2), mature(REFERENCE_WEEKS + 2), yaml=rare)
    counts = np.array([[week.n, week.events] for week in chart.weeks], np.float64)
    n, events = np.cumsum(counts, axis=0).T
    low, high = beta_mixture(n, events)  # nobody comes twice
    last = chart.weeks[-1]
    assert last.low is not None and last.high is not None
    assert last.low <= low[-1] and last.high >= high[-1]
    assert last.high - last.low < 1.5 * (high[-1] - low[-1])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("{measure: nonsense, task: report}", "nonsense"),
        ("{measure: accuracy, task: report}", "not made for the task"),
        ("{measure: significant_contradicted, task: report}", "share of outputs"),
        ("{measure: calibration_gap, task: classification, item: edema}", "share of outcomes"),
        ("{measure: unsupported_reports, task: report}", "watching"),
        ("{measure: sensitivity, task: classification}", "one item"),
        ("{measure: contradicted_reports, task: report, item: edema}", "no item"),
    ],
)
def test_questions_no_chart_can_answer_are_refused(asked: str, said: str) -> None:
    tasks = "tasks: {report: {}, classification: {}}"
    window = "reference_window: {from: 2026-01-05, to: 2026-04-05}"
    yaml = f"system: drafts\n{tasks}\n{window}\nstop_questions: [{asked}]"
    (sentence,) = unknown_measures(parse_settings(yaml))
    assert said in sentence
