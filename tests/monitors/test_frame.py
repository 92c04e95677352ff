"""Levels, gaps and changes: what they cover, what they note, and where they are silent."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.special import ndtr

from monitors import frame
from monitors.adding import Entries
from monitors.calibration import CALIBRATION
from monitors.columns import logit_bin
from monitors.cut import Cut
from monitors.hallucination import HALLUCINATION
from monitors.judged import GRID, MISSING
from monitors.levels import Desk
from monitors.measurement import Interval, Measurement, Slice, Window
from monitors.monitor import Monitor
from monitors.performance import PERFORMANCE
from monitors.tally import Tally, TallyError
from tests.monitors.population import FINDINGS, STRATA, classifications, reports

NORTH = Slice((("site", "north"),))


def named(rows: list[Measurement], measure: str) -> Measurement:
    (row,) = [r for r in rows if r.measure == measure]
    return row


def levels(monitor: Monitor, tally: Tally, where: Slice | None = None, **more: object) -> list[Measurement]:
    desk = Desk(monitor, tally, "v1", **more)  # type: ignore[arg-type]
    return frame.measure(desk, [where or Slice()], items=[""], window=Window())


def as_version(table: pa.Table, version: str) -> pa.Table:
    kind = table.schema.field("version")
    values = pa.array([version] * table.num_rows, pa.string()).cast(kind.type)
    return table.set_column(table.column_names.index("version"), kind, values)


def test_slices_are_everything_and_each_level_seen() -> None:
    tally = Tally.of(HALLUCINATION, reports(np.random.default_rng(0)), STRATA)
    made = [str(s) for s in frame.slices_of(tally, [("site",), ("site", "sex")], version="v1")]
    assert made[:4] == ["all", "site=(missing)", "site=north", "site=south"]
    assert "sex=F & site=north" in made
    assert len(made) == 1 + 3 + 6
    assert frame.slices_of(tally, [("site",)], version="none") == [Slice()]


def test_versions_are_never_pooled() -> None:
    one, two = reports(np.random.default_rng(0)), as_version(reports(np.random.default_rng(1)), "v2")
    both = Tally.of(HALLUCINATION, pa.concat_tables([one, two]), STRATA)
    alone = Tally.of(HALLUCINATION, one, STRATA)
    assert named(levels(HALLUCINATION, both), "contradicted_reports").value == (
        named(levels(HALLUCINATION, alone), "contradicted_reports").value
    )


def test_a_slice_takes_its_correlation_from_the_parent() -> None:
    """With few events of its own a slice has no say in its design effect."""
    rng = np.random.default_rng(2)
    parent = Tally.of(HALLUCINATION, reports(rng, 3000, rho=0.3), STRATA)
    small = Tally.of(HALLUCINATION, reports(rng, 60, rho=0.3), STRATA)
    with_parent = named(levels(HALLUCINATION, small, parent=parent), "contradicted_reports")
    without = named(levels(HALLUCINATION, small), "contradicted_reports")
    assert with_parent.events < 10
    assert 1 < with_parent.deff < without.deff
    assert "wholly alike" in without.note
    assert not with_parent.note


def test_patients_behind_a_rare_denominator_are_not_those_of_the_slice() -> None:
    """Sensitivity rests on the patients who have the finding."""
    table = classifications(np.random.default_rng(3), 50)
    few = set(table.filter(pc.equal(table["label"], 1))["subject_id"].to_pylist()[:6])
    sick = pc.is_in(table["subject_id"], pa.array(sorted(few)))
    table = table.filter(pc.or_(pc.fill_null(pc.equal(table["label"], 0), False), sick))
    made = levels(PERFORMANCE, Tally.of(PERFORMANCE, table, STRATA))
    assert named(made, "sensitivity").patients == len(few)
    assert named(made, "prevalence").patients > 40


def test_gap_is_slice_minus_rest_without_the_unknown() -> None:
    table = reports(np.random.default_rng(4), 800)
    tally = Tally.of(HALLUCINATION, table, STRATA)
    rows = frame.gaps(Desk(HALLUCINATION, tally, "v1"), [Slice(), NORTH], items=[""], window=Window())
    assert {r.slice for r in rows} == {"site=north"}
    gap = named(rows, "contradicted_reports")
    known = table.filter(pc.equal(table["status"], "judged"))
    rate = {
        site: (known.filter(pc.equal(known["site"], site))["contradicted"].to_numpy() > 0).mean()
        for site in ("north", "south")
    }
    assert gap.value == pytest.approx(rate["north"] - rate["south"])
    assert gap.low < gap.value < gap.high
    assert (gap.contrast, gap.interval) == ("rest", Interval.MOVER.value)
    unknown = Slice((("site", MISSING),))
    rows = frame.gaps(Desk(HALLUCINATION, tally, "v1"), [unknown], items=[""], window=Window())
    assert math.isfinite(named(rows, "contradicted_reports").value)


def test_gaps_of_clean_slices_are_rarely_excluded_from_zero() -> None:
    """Rates by MOVER, bounded means by the jackknife: about one in twenty, and far from one in two."""
    rng = np.random.default_rng(5)
    hits = []
    for _ in range(60):
        tally = Tally.of(HALLUCINATION, reports(rng, 150, rho=0.3), STRATA)
        rows = frame.gaps(Desk(HALLUCINATION, tally, "v1"), [NORTH], items=[""], window=Window())
        hits += [
            not r.low <= 0 <= r.high for r in rows if r.measure in ("contradicted_reports", "unsupported_claims")
        ]
        scores = Tally.of(CALIBRATION, classifications(rng, 150), STRATA)
        rows = frame.gaps(Desk(CALIBRATION, scores, "v1"), [NORTH], items=[""], window=Window())
        hits += [not r.low <= 0 <= r.high for r in rows]
    assert np.mean(hits) < 0.08


def test_a_real_gap_is_seen() -> None:
    rng = np.random.default_rng(6)
    table = pa.concat_tables([reports(rng, 700, contradicted=rate) for rate in (0.05, 0.25)])
    sites = ["north" if i < reports_of(table, 0.5) else "south" for i in range(table.num_rows)]
    kind = table.schema.field("site")
    table = table.set_column(table.column_names.index("site"), kind, pa.array(sites, pa.string()).cast(kind.type))
    tally = Tally.of(HALLUCINATION, table, STRATA)
    south = Slice((("site", "south"),))
    rows = frame.gaps(Desk(HALLUCINATION, tally, "v1"), [south], items=[""], window=Window())
    assert named(rows, "contradicted_reports").low > 0.05


def reports_of(table: pa.Table, share: float) -> int:
    return int(table.num_rows * share)


def test_shared_patients_narrow_a_change_between_windows() -> None:
    """The same patients in both windows: their covariance is subtracted."""
    rng = np.random.default_rng(7)
    now = reports(rng, 400, contradicted=0.2, rho=0.6)
    same = Tally.of(HALLUCINATION, now, STRATA)
    other = replaced_subjects(now)
    widths = []
    for reference in (same, Tally.of(HALLUCINATION, other, STRATA)):
        rows = frame.changes(HALLUCINATION, same, reference, [Slice()], version="v1", items=[""], window=Window())
        row = named(rows, "contradicted_reports")
        assert row.value == 0
        widths.append(row.high - row.low)
    assert widths[0] < 0.2 * widths[1]


def replaced_subjects(table: pa.Table) -> pa.Table:
    names = [f"other-{s}" for s in table["subject_id"].to_pylist()]
    return table.set_column(
        table.column_names.index("subject_id"), table.schema.field("subject_id"), pa.array(names)
    )


def test_a_change_over_versions_is_seen_against_the_old_version() -> None:
    rng = np.random.default_rng(8)
    before = Tally.of(CALIBRATION, classifications(rng, 600), STRATA)
    after = Tally.of(CALIBRATION, as_version(classifications(rng, 600, shift=1.0), "v2"), STRATA)
    rows = frame.changes(
        CALIBRATION, after, before, [Slice()], version="v2", items=[""], window=Window(), reference_version="v1"
    )
    gap = named(rows, "calibration_gap")
    assert gap.low > 0.03
    assert (gap.contrast, gap.version) == ("reference", "v2")


def test_a_zero_rate_is_at_most_something() -> None:
    row = named(
        levels(
            HALLUCINATION, Tally.of(HALLUCINATION, reports(np.random.default_rng(9), 80, contradicted=0), STRATA)
        ),
        "contradicted_reports",
    )
    assert (row.value, row.low, row.events) == (0, 0, 0)
    assert 0 < row.high < 0.1
    assert row.n_eff < row.n


def test_a_smaller_alpha_widens_every_interval() -> None:
    tally = Tally.of(HALLUCINATION, reports(np.random.default_rng(10)), STRATA)
    for plain, strict in zip(levels(HALLUCINATION, tally), levels(HALLUCINATION, tally, alpha=0.005), strict=True):
        assert strict.high > plain.high


def test_another_monitors_tally_is_refused() -> None:
    tally = Tally.of(HALLUCINATION, reports(np.random.default_rng(0), 5), STRATA)
    with pytest.raises(TallyError, match="not of monitor performance"):
        levels(PERFORMANCE, tally)
    with pytest.raises(TallyError, match="seeds"):
        frame.changes(
            HALLUCINATION, tally, Tally.zero(HALLUCINATION, STRATA, seed=3), [Slice()],
            version="v1", items=[""], window=Window(),
        )  # fmt: skip


def test_measuring_twice_gives_the_same_numbers() -> None:
    tally = Tally.of(CALIBRATION, classifications(np.random.default_rng(1)), STRATA)
    assert repr(levels(CALIBRATION, tally)) == repr(levels(CALIBRATION, Tally.from_bytes(tally.to_bytes())))


def test_a_shared_desk_changes_no_number() -> None:
    """Whatever was asked of it before, in whatever order of findings."""
    tally = Tally.of(PERFORMANCE, classifications(np.random.default_rng(3), 300), STRATA)
    slices = frame.slices_of(tally, [("site",), ("sex",)], version="v1")
    shared = Desk(PERFORMANCE, tally, "v1")
    for item in ("", *FINDINGS, ""):
        for made in (frame.gaps, frame.measure, frame.gaps):
            again = made(shared, slices, items=[item], window=Window())
            alone = made(Desk(PERFORMANCE, tally, "v1"), slices, items=[item], window=Window())
            assert repr(again) == repr(alone)


def test_cuts_of_one_item_are_made_once_and_cannot_be_written_to() -> None:
    tally = Tally.of(PERFORMANCE, classifications(np.random.default_rng(3), 100), STRATA)
    cuts = Desk(PERFORMANCE, tally, "v1").cuts
    first = cuts.inside(NORTH, FINDINGS[0])
    assert cuts.inside(NORTH, FINDINGS[0]) is first
    assert cuts.rest(NORTH, FINDINGS[0]) is not first
    assert cuts.inside(NORTH, FINDINGS[1]) is not first
    assert cuts.inside(NORTH, FINDINGS[0]) is not first
    with pytest.raises(ValueError, match="read-only"):
        first.totals[0, 0] = 1.0


def test_auroc_intervals_cover_with_few_positive_patients() -> None:
    """Two normal populations of one image a patient: AUROC Φ(δ/√2), about 30 positives."""
    rng = np.random.default_rng(12)
    shift, covered = 1.8, []
    truth = float(ndtr(shift / np.sqrt(2)))
    positive, negative = (PERFORMANCE.cells.index(f"{c}_000") for c in ("positive", "negative"))
    scored = [PERFORMANCE.cells.index(c) for c in ("scored_positive", "scored_negative")]
    table = classifications(np.random.default_rng(0), 3)
    empty = Tally.of(PERFORMANCE, table, STRATA)
    for _ in range(300):
        label = rng.uniform(size=300) < 0.1
        score = np.where(label, shift, 0.0) + rng.normal(size=300)
        bins = logit_bin(1 / (1 + np.exp(-score)))
        totals = np.zeros((256, len(PERFORMANCE.cells)))
        group = rng.integers(256, size=300)
        np.add.at(totals, (group, np.where(label, positive, negative) + bins), 1)
        np.add.at(totals, (group, np.where(label, *scored)), 1)
        g, c = np.nonzero(totals)
        counted = replace(
            Tally.zero(PERFORMANCE, ("version", "item")),
            levels=(("v1", FINDINGS[0]),),
            sums=Entries(np.zeros(len(g), np.int64), g, c, (totals[g, c] * GRID).astype(np.int64)),
        )
        cut = Cut(PERFORMANCE, counted, np.ones(1, bool))
        level = Desk(PERFORMANCE, empty, "v1", None, 0.05).level(cut, 2, FINDINGS[0])
        covered.append(level.low <= truth <= level.high)
    assert np.mean(covered) >= 0.92
