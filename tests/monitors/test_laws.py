"""One battery of laws over every monitor in the catalogue."""

import functools
import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors import drift, frame
from monitors.calibration import CALIBRATION
from monitors.catalogue import CATALOGUE, monitors_of
from monitors.drift import Drift
from monitors.drift_rows import DISTANCE, Of, measurement
from monitors.levels import Desk
from monitors.measurement import Interval, Measurement, Slice, Window
from monitors.monitor import Monitor
from monitors.tally import Tally
from monitors.threshold import Bound, Status, decide
from tests.monitors.population import STRATA, TABLES

every_monitor = pytest.mark.parametrize("monitor", CATALOGUE, ids=lambda m: m.name)


@functools.cache
def table_of(task: str, seed: int = 0, patients: int = 60) -> pa.Table:
    return TABLES[task](np.random.default_rng(seed), patients)


def tally_of(monitor: Monitor, seed: int = 0, patients: int = 60) -> Tally:
    return Tally.of(monitor, table_of(monitor.task, seed, patients), STRATA)


def part(table: pa.Table, outputs: set[str]) -> pa.Table:
    return table.filter(pc.is_in(table["output_id"], pa.array(sorted(outputs), pa.string())))


@every_monitor
def test_zero_is_the_identity(monitor: Monitor) -> None:
    tally, zero = tally_of(monitor), Tally.zero(monitor, STRATA)
    assert tally + zero == tally == zero + tally
    assert (tally + zero).to_bytes() == tally.to_bytes()
    assert zero + zero == zero


@every_monitor
def test_merging_commutes_associates_and_mutates_nothing(monitor: Monitor) -> None:
    a, b, c = (tally_of(monitor, seed) for seed in (1, 2, 3))
    before = [t.to_bytes() for t in (a, b, c)]
    assert (a + b).to_bytes() == (b + a).to_bytes()
    assert ((a + b) + c).to_bytes() == (a + (b + c)).to_bytes() == Tally.merge([c, a, b]).to_bytes()
    assert [t.to_bytes() for t in (a, b, c)] == before


@every_monitor
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_partition_into_whole_outputs_equals_the_whole_bit_for_bit(
    monitor: Monitor, data: st.DataObject
) -> None:
    table = table_of(monitor.task)
    outputs = sorted(set(table["output_id"].to_pylist()))
    owner = data.draw(st.lists(st.integers(0, 4), min_size=len(outputs), max_size=len(outputs)))
    order = data.draw(st.integers(0, 2**31))
    shuffled = table.take(np.random.default_rng(order).permutation(table.num_rows))
    parts = [
        part(shuffled, {o for o, k in zip(outputs, owner, strict=True) if k == chosen}) for chosen in range(5)
    ]
    made = Tally.merge([Tally.of(monitor, p, STRATA) for p in parts])
    assert made.to_bytes() == tally_of(monitor).to_bytes()


@every_monitor
def test_empty_and_one_row_batches(monitor: Monitor) -> None:
    table = table_of(monitor.task)
    assert Tally.of(monitor, table.slice(0, 0), STRATA) == Tally.zero(monitor, STRATA)
    empty = monitor.contributions(pa.RecordBatch.from_pylist([], schema=table.schema))
    assert len(empty.row) == len(empty.cell) == len(empty.value) == 0
    one = Tally.of(monitor, table.slice(0, 1), STRATA)
    assert one.patients() == (1, True)
    for measured in everything(monitor, one):
        assert measured.patients <= 1


@every_monitor
def test_nothing_measured_reads_as_undefined(monitor: Monitor) -> None:
    """Missing is never zero."""
    assert np.isnan(monitor.read(np.zeros(len(monitor.cells)))).all()
    zero = Tally.zero(monitor, STRATA)
    for measured in everything(monitor, zero):
        assert math.isnan(measured.value)
        assert measured.note


@every_monitor
def test_bytes_round_trip(monitor: Monitor) -> None:
    tally = tally_of(monitor)
    again = Tally.from_bytes(tally.to_bytes())
    assert again == tally
    assert again.to_bytes() == tally.to_bytes()
    assert Tally.from_bytes(Tally.zero(monitor, STRATA).to_bytes()) == Tally.zero(monitor, STRATA)


@every_monitor
def test_declared_ranges_hold_and_intervals_hold_their_value(monitor: Monitor) -> None:
    declared = {m.name: m for m in monitor.measures}
    for patients in (3, 12, 60):
        for measured in everything(monitor, tally_of(monitor, 4, patients)):
            one = declared[measured.measure]
            for number in (measured.value, measured.low, measured.high):
                assert math.isnan(number) or one.low <= number <= one.high
            if math.isfinite(measured.low) and one.interval is not Interval.Q_HAT:
                assert measured.low <= measured.value <= measured.high
            if one.interval is Interval.JEFFREYS and math.isfinite(measured.value):
                assert measured.n_eff <= measured.n + 1e-9
                assert measured.deff >= 1
            assert measured.patients <= patients


@every_monitor
def test_read_is_vectorised_over_leading_axes(monitor: Monitor) -> None:
    totals = tally_of(monitor).group_totals()
    one_by_one = np.stack([monitor.read(row) for row in totals])
    np.testing.assert_array_equal(monitor.read(totals), one_by_one)
    assert one_by_one.shape == (256, len(monitor.measures))


@every_monitor
def test_weights_halve_what_is_counted(monitor: Monitor) -> None:
    """Two drafts of a case, each of weight ½, count as one."""
    table = table_of(monitor.task)
    at = table.column_names.index("weight")
    half = table.set_column(at, table.schema.field("weight"), pa.array([1 << 19] * table.num_rows))
    full, halved = tally_of(monitor).group_totals(), Tally.of(monitor, half, STRATA).group_totals()
    np.testing.assert_allclose(halved, full / 2, atol=table.num_rows * 2.0**-21)


def everything(monitor: Monitor, tally: Tally) -> list[Measurement]:
    slices = frame.slices_of(tally, [("sex",), ("sex", "site")], version="v1")
    items = ["", *tally.values("item")]
    return frame.measure(Desk(monitor, tally, "v1"), slices, items=items, window=Window())


#: Monitor → (measure, item, bound, what breaks it). The unbroken population must be quiet.
PLANTED: dict[str, tuple[str, str, Bound, dict[str, float]]] = {
    "hallucination": ("contradicted_reports", "", Bound(watch=0.09, act=0.1), {"contradicted": 0.2}),
    "error_codes": ("severity_reports", "", Bound(watch=0.2), {"severity": 0.3}),
    "editing": ("edit_distance", "", Bound(watch=0.15), {"edited": 0.2}),
    "reached": ("reached_reports", "", Bound(watch=0.06, act=0.08), {"reached": 0.2}),
    "confidence_report": ("confidence_gap", "", Bound(watch=0.05, act=0.06), {"contradicted": 0.5}),
    **{
        f"confidence_claims_silent_{taken}": (
            f"silent_{taken}_claim_confidence_gap",
            "",
            Bound(watch=0.05, act=0.07),
            {"contradicted": 0.5},
        )
        for taken in ("right", "wrong")
    },
    "performance": ("sensitivity", "", Bound(watch=0.55, act=0.5), {"missed": 0.5}),
    "calibration": ("calibration_gap", "", Bound(watch=0.05, act=0.07), {"shift": 1.5}),
    "underdiagnosis": ("underdiagnosis", "", Bound(watch=0.4, act=0.45), {"missed": 0.5}),
    "critical": ("critical_sensitivity", "", Bound(watch=0.55, act=0.5), {"missed": 0.5}),
    "vqa_performance": ("accuracy", "", Bound(watch=0.85, act=0.8), {"accuracy": 0.6}),
    "confidence_vqa": ("confidence_gap", "", Bound(watch=0.05, act=0.07), {"accuracy": 0.6}),
    "confidence_open": ("open_confidence_gap", "", Bound(watch=0.05, act=0.07), {"accuracy": 0.6}),
    "yes_no": ("yes_sensitivity", "", Bound(watch=0.85, act=0.8), {"accuracy": 0.6}),
    "retrieval": ("recall_at_5", "", Bound(watch=0.7, act=0.65), {"found": 0.4}),
    "confidence_retrieval": ("confidence_gap", "", Bound(watch=0.08, act=0.1), {"found": 0.4}),
    "drift_report": ("length", "", Bound(watch=0.1), {"words": 100}),
    "drift_classification": ("probability", "", Bound(watch=0.1), {"shift": 1.5}),
    "drift_vqa": ("answered_yes", "", Bound(watch=0.1), {}),
    "drift_retrieval": ("listed", "", Bound(watch=0.1), {"longest": 60}),
    "agreement_repeats": ("repeat_agreement", "contradicted", Bound(watch=0.95), {"noise": 0.2}),
    "agreement_judges": ("judge_ac1", "omitted", Bound(watch=0.9), {"noise": 0.2}),
    "agreement_frozen": ("frozen_agreement", "omitted", Bound(watch=0.95), {"noise": 0.2}),
    "agreement_moved": ("frozen_moved", "omitted", Bound(watch=0.05), {"noise": 0.2}),
    "grounding": ("image_gain", "", Bound(watch=0.3, act=0.25), {"blind": 0.9}),
    "reproduction": ("meaning_reproduced", "", Bound(watch=0.8, act=0.7), {"blind": 0.6}),
    "consistency": ("paraphrase_agreement", "", Bound(watch=0.8), {"blind": 0.5}),
}


def test_every_monitor_has_a_planted_fault() -> None:
    assert set(PLANTED) == {monitor.name for monitor in CATALOGUE}


@every_monitor
@pytest.mark.parametrize("seed", [11, 12])
def test_a_planted_fault_is_seen_and_clean_data_stay_quiet(monitor: Monitor, seed: int) -> None:
    name, item, bound, fault = PLANTED[monitor.name]
    rng = np.random.default_rng(seed)
    make = TABLES[monitor.task]
    clean = make(rng, 1500)
    broken = make(rng, 1500, **fault) if fault else always_yes(make(rng, 1500))
    before, good, bad = (Tally.of(monitor, t, STRATA) for t in (make(rng, 1500), clean, broken))
    if isinstance(monitor, Drift):
        quiet, loud = (
            {c.column: c for c in drift.compare(t, before, version="v1", attributes=("sex",))} for t in (good, bad)
        )
        quiet_row, loud_row, other_row = (
            measurement(Of(DISTANCE, monitor.name, monitor.version, monitor.task, "v1", Window()), c)
            for c in (quiet[name], loud[name], loud["sex"])
        )
        assert decide(quiet_row, DISTANCE, bound).status is Status.OK
        assert decide(loud_row, DISTANCE, bound).status is Status.WATCH
        assert decide(other_row, DISTANCE, Bound(watch=0.2)).status is Status.OK
        return
    declared = {m.name: m for m in monitor.measures}
    verdicts = []
    for tally in (good, bad):
        rows = frame.measure(Desk(monitor, tally, "v1", before), [Slice()], items=[item], window=Window())
        row = next(r for r in rows if r.measure == name)
        verdicts.append(decide(row, declared[name], bound))
    assert verdicts[0].status is Status.OK, verdicts[0].reason
    gravest = Status.ACT if declared[name].ceiling == "act" else Status.WATCH
    assert verdicts[1].status is gravest, verdicts[1].reason


def always_yes(table: pa.Table) -> pa.Table:
    at = table.column_names.index("answered_yes")
    kind = table.schema.field("answered_yes")
    return table.set_column(
        at, kind, pc.if_else(pc.is_valid(table["answered_yes"]), pa.scalar(1, kind.type), None)
    )


def test_calibration_bins_come_from_the_reference_and_say_so_when_not() -> None:
    tally, reference = tally_of(CALIBRATION), tally_of(CALIBRATION, 7, 200)
    notes = {
        row.note
        for parent in (None, reference)
        for row in frame.measure(Desk(CALIBRATION, tally, "v1", parent), [Slice()], items=[""], window=Window())
        if row.measure == "calibration_error"
    }
    assert notes == {"", "bins taken from this window: no reference window"}


def test_every_task_has_a_monitor() -> None:
    assert all(monitors_of(task) for task in TABLES)
