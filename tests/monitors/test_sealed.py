"""Sealed weeks: who is picked, when, and what is counted of them."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors import frame, sealed
from monitors.calibration import CALIBRATION
from monitors.hallucination import HALLUCINATION
from monitors.judged import GRID
from monitors.levels import Desk
from monitors.measurement import Measure, Slice, Window
from monitors.monitor import Monitor
from monitors.performance import PERFORMANCE
from monitors.sealed import SealedError, WeekCounts, seal, sealed_until, weekly_counts
from monitors.tally import Tally
from tests.monitors.population import FINDINGS, STRATA, classifications, reports

AS_OF = date(2024, 6, 3)
START = date(2024, 1, 3)  # a Wednesday


def measure(monitor: Monitor, name: str) -> Measure:
    return next(m for m in monitor.measures if m.name == name)


def put(table: pa.Table, name: str, values: Any) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))


def dated(rng: np.random.Generator, table: pa.Table, weeks: int = 6) -> pa.Table:
    """Days over some weeks, the same for all rows of an output; some outputs of a second version."""
    outputs = table["output_id"].to_pylist()
    day = {name: START + timedelta(days=int(rng.integers(7 * weeks))) for name in sorted(set(outputs))}
    version = {name: rng.choice(["v1", "v2"], p=[0.8, 0.2]) for name in sorted(day)}
    return put(put(table, "day", [day[o] for o in outputs]), "version", [version[o] for o in outputs])


@pytest.fixture(scope="module")
def drafts() -> pa.Table:
    rng = np.random.default_rng(3)
    return dated(rng, reports(rng, patients=250, contradicted=0.2))


def places(table: pa.Table) -> list[tuple[Any, ...]]:
    monday = [d - timedelta(days=d.weekday()) for d in table["day"].to_pylist()]
    return list(zip(monday, table["version"].to_pylist(), table["subject_id"].to_pylist(), strict=True))


def test_one_output_a_patient_week_and_version_and_nobody_left_out(drafts: pa.Table) -> None:
    made = seal(drafts, as_of=AS_OF)
    assert Counter(places(made)).most_common(1)[0][1] == 1
    assert set(places(made)) == set(places(drafts))
    assert made["week"].to_pylist() == [monday for monday, _, _ in places(made)]
    assert len(places(made)) < drafts.num_rows


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 5))
def test_neither_order_nor_partition_decides(drafts: pa.Table, seed: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    shuffled = drafts.take(rng.permutation(drafts.num_rows))
    part = rng.integers(parts, size=drafts.num_rows)
    pieces = [seal(shuffled.filter(pa.array(part == i)), as_of=AS_OF) for i in range(parts)]
    whole = seal(drafts, as_of=AS_OF)
    assert seal(shuffled, as_of=AS_OF).to_pylist() == whole.to_pylist()
    assert seal(pa.concat_tables(pieces), as_of=AS_OF).to_pylist() == whole.to_pylist()


def test_what_a_judge_finds_or_amends_picks_nobody_else(drafts: pa.Table) -> None:
    before = seal(drafts, as_of=AS_OF)
    rows = drafts.num_rows
    amended = put(put(drafts, "status", ["awaiting"] * rows), "digest", [bytes(16)] * rows)
    assert seal(amended, as_of=AS_OF)["output_id"].to_pylist() == before["output_id"].to_pylist()


def test_another_seed_picks_others(drafts: pa.Table) -> None:
    first, second = (seal(drafts, as_of=AS_OF, seed=s)["output_id"].to_pylist() for s in (0, 1))
    assert first != second


def test_only_whole_mature_weeks_are_sealed_and_none_twice(drafts: pa.Table) -> None:
    monday = date(2024, 1, 15)  # this week ends on Sunday the 21st, whose outputs are mature on 4 February
    for as_of, newest in ((date(2024, 2, 4), date(2024, 1, 8)), (date(2024, 2, 5), monday)):
        assert sealed_until(as_of) == newest
        weeks = seal(drafts, as_of=as_of)["week"].to_pylist()
        assert max(weeks) == newest
    later = seal(drafts, as_of=date(2024, 2, 5), after=date(2024, 1, 8))
    assert set(later["week"].to_pylist()) == {monday}
    assert (
        seal(drafts, as_of=date(2024, 1, 22), maturity_days=0, after=date(2024, 1, 8)).num_rows == later.num_rows
    )


def test_undated_outputs_are_in_no_week(drafts: pa.Table) -> None:
    none = put(drafts, "day", [None] * drafts.num_rows)
    assert seal(none, as_of=AS_OF).num_rows == 0
    assert weekly_counts(seal(none, as_of=AS_OF), HALLUCINATION, measure(HALLUCINATION, "omission_reports")) == []


def test_every_output_has_its_chance_and_unranked_drafts_share_that_of_their_case() -> None:
    one = reports(np.random.default_rng(1), patients=1).slice(0, 1)
    rows, patients = pa.concat_tables([one] * 6000), [f"p{i}" for i in range(2000)]
    rows = put(rows, "subject_id", np.repeat(patients, 3).tolist())
    rows = put(rows, "output_id", [f"{p}-{letter}" for p in patients for letter in "abc"])
    rows = put(put(rows, "day", [START] * 6000), "weight", [GRID, GRID // 2, GRID // 2] * 2000)
    counts = Counter(name[-1] for name in seal(rows, as_of=AS_OF)["output_id"].to_pylist())
    assert counts["a"] == pytest.approx(1000, abs=80)
    assert counts["b"] == pytest.approx(500, abs=70)


def test_counts_are_those_of_a_plain_recount(drafts: pa.Table) -> None:
    rows = seal(drafts, as_of=AS_OF)
    expected: dict[Any, dict[Any, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    picked: Counter[Any] = Counter()
    for row in rows.to_pylist():
        key = (row["week"], row["version"])
        picked[key] += 1
        if row["status"] == "judged":
            cell = expected[key][row["site"], row["sex"]]
            cell[0] += 1
            cell[1] += row["contradicted"] > 0
    made = weekly_counts(
        rows, HALLUCINATION, measure(HALLUCINATION, "contradicted_reports"), columns=["site", "sex"]
    )
    assert [(w.week, w.version) for w in made] == sorted(expected)
    for week in made:
        key = (week.week, week.version)
        assert {s: list(c) for s, c in week.counts.items()} == expected[key]
        assert week.picked == picked[key] >= week.n


def test_where_lower_is_worse_the_miss_is_the_event_and_one_finding_is_named() -> None:
    rng = np.random.default_rng(5)
    rows = seal(dated(rng, classifications(rng, patients=200)), as_of=AS_OF)
    assert set(Counter(rows["output_id"].to_pylist()).values()) == {len(FINDINGS)}
    sensitivity = measure(PERFORMANCE, "sensitivity")
    made = weekly_counts(rows, PERFORMANCE, sensitivity, item="Nodule")
    of = [r for r in rows.to_pylist() if r["item"] == "Nodule" and r["label"] == 1 and r["decision"] is not None]
    assert sum(w.n for w in made) == len(of)
    assert sum(w.events for w in made) == sum(1 - r["decision"] for r in of)
    with pytest.raises(SealedError, match="name one item"):
        weekly_counts(rows, PERFORMANCE, sensitivity)


@pytest.mark.parametrize(
    ("monitor", "name", "say"),
    [
        (HALLUCINATION, "contradicted_claims", "share of outputs with at least one"),
        (HALLUCINATION, "significant_contradicted", "share of outputs with at least one"),
        (CALIBRATION, "calibration_gap", "worse direction"),
        (PERFORMANCE, "auroc", "worse direction"),
    ],
)
def test_what_is_not_0_or_1_for_an_output_has_no_chart(monitor: Monitor, name: str, say: str) -> None:
    rng = np.random.default_rng(6)
    made = reports(rng, contradicted=0.3) if monitor is HALLUCINATION else classifications(rng)
    if monitor is HALLUCINATION:
        n = made.num_rows  # two contradicted and significant findings of three in every report
        for column, value in (("asserted", 3), ("contradicted", 2), ("significant_contradicted", 2)):
            made = put(made, column, [value] * n)
        made = put(put(put(made, "unsupported", [0] * n), "unaddressed", [0] * n), "status", ["judged"] * n)
        for column in ("omitted", "significant_omitted", "reference_findings", "laterality"):
            made = put(made, column, [0] * n)
    rows = seal(dated(rng, made), as_of=AS_OF)
    with pytest.raises(SealedError, match=say):
        weekly_counts(rows, monitor, measure(monitor, name), item="" if monitor is HALLUCINATION else "Nodule")


def test_the_design_effect_is_that_of_the_level(drafts: pa.Table) -> None:
    rows = seal(put(drafts, "version", ["v1"] * drafts.num_rows), as_of=AS_OF)
    tally = Tally.of(HALLUCINATION, rows, STRATA)
    levels = frame.measure(Desk(HALLUCINATION, tally, "v1"), [Slice()], items=[""], window=Window())
    (level,) = [m for m in levels if m.measure == "contradicted_reports"]
    made = sealed.design_of(rows, HALLUCINATION, measure(HALLUCINATION, "contradicted_reports"))
    assert made.deff == pytest.approx(level.deff)
    assert made.n_eff == pytest.approx(level.n_eff)
    assert made.deff > 1


def test_few_events_take_patients_as_wholly_alike() -> None:
    totals = np.zeros((256, 2))
    totals[:50, 0] = 4  # fifty patients of four reports each
    made = sealed.design_of_groups(totals)
    assert made.deff == pytest.approx(made.cluster_size)
    assert made.n_eff == pytest.approx(50, rel=0.25)


def test_faults_are_named(drafts: pa.Table) -> None:
    with pytest.raises(SealedError, match="no column 'day'"):
        seal(drafts.drop_columns(["day"]), as_of=AS_OF)
    with pytest.raises(SealedError, match="negative"):
        seal(drafts, as_of=AS_OF, maturity_days=-1)
    with pytest.raises(SealedError, match="weight zero"):
        seal(put(drafts, "weight", [0] * drafts.num_rows), as_of=AS_OF)
    with pytest.raises(SealedError, match="no rate to chart"):
        sealed.design_of_groups(np.zeros((256, 2)))
    empty = seal(drafts, as_of=date(2023, 1, 1))
    with pytest.raises(SealedError, match="No sealed week"):
        sealed.design_of(empty, HALLUCINATION, measure(HALLUCINATION, "omission_reports"))


def test_a_week_sums_over_its_strata() -> None:
    week = WeekCounts(START, "v1", {("a",): (10, 2), ("b",): (5, 1)}, 20)
    assert (week.n, week.events) == (15, 3)
