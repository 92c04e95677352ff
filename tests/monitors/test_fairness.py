"""The worst slice and what moves with a gap; without fault both must be quiet."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.stats import chi2_contingency
from scipy.stats.contingency import association

from monitors import frame
from monitors.casemix import CaseMixError
from monitors.error_codes import ERROR_CODES
from monitors.fairness_confounders import Confounder, confounders, cramers_v
from monitors.fairness_worst import worst_slice
from monitors.hallucination import HALLUCINATION
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice, Window
from monitors.performance import PERFORMANCE
from monitors.selection import select, select_rest
from monitors.tally import Tally, TallyError
from tests.monitors.population import STRATA, classifications, reports, risks

_RATE = "contradicted_reports"


def sliced(
    seed: int, patients: int = 400, rate: float = 0.1, rho: float = 0.2, levels: int = 6, worse: float = 0.0
) -> Tally:
    """Reports with a patient attribute in place of sex; `worse` is added to the rate of its first level."""
    rng = np.random.default_rng(seed)
    table = reports(rng, patients, rho=rho)
    subjects = table["subject_id"].combine_chunks().dictionary_encode()
    owner, n = subjects.indices.to_numpy(), len(subjects.dictionary)
    shares = 1 / np.arange(1, levels + 1)
    level = rng.choice(levels, n, p=shares / shares.sum())
    risk = np.clip(risks(rng, n, rate, rho) + worse * (level == 0), 0, 1)
    wrong = (rng.uniform(size=len(owner)) < risk[owner]).astype(np.int32)
    return Tally.of(HALLUCINATION, rewritten(table, wrong, sex=[f"level {i}" for i in level[owner]]), STRATA)


def rewritten(table: pa.Table, wrong: np.ndarray, **attributes: list[str]) -> pa.Table:
    """The reports with `wrong` as their only errors, and other slice attributes."""
    known = pc.equal(table["status"].cast(pa.string()), "judged")
    columns = {name: pa.array(values).dictionary_encode() for name, values in attributes.items()}
    for name in ("contradicted", "unsupported", "unaddressed", "significant_contradicted"):
        counts = pa.array(wrong if name == "contradicted" else np.zeros(len(wrong), np.int32))
        columns[name] = pc.if_else(known, counts, pa.scalar(None, pa.int32()))
    for name, column in columns.items():
        field = table.schema.field(name)
        table = table.set_column(table.column_names.index(name), field, column.cast(field.type))
    return table


def rows_of(made: list[Measurement], name: str = _RATE) -> dict[str, Measurement]:
    return {row.slice: row for row in made if row.measure == name}


def asked(tally: Tally) -> list[Slice]:
    return frame.slices_of(tally, [("sex",)], version="v1")


def test_an_attribute_nobody_recorded_is_a_slice_and_in_no_rest() -> None:
    tally = Tally.of(HALLUCINATION, reports(np.random.default_rng(0), 300), STRATA)
    slices = frame.slices_of(tally, [("site",)], version="v1")
    assert [str(s) for s in slices[1:]] == ["site=(missing)", "site=north", "site=south"]
    sizes = {
        str(s): [tally.group_totals(f(tally, s, version="v1"))[:, 0].sum() for f in (select, select_rest)]
        for s in slices
    }
    inside = {name: both[0] for name, both in sizes.items()}
    assert sizes["site=north"][1] == inside["site=south"]
    assert sizes["site=(missing)"][1] == inside["site=north"] + inside["site=south"]


def test_the_worst_slice_is_named_and_leaves_its_band() -> None:
    tally = sliced(5, 1500, worse=0.2)
    found = worst_slice(Desk(HALLUCINATION, tally, "v1"), ["sex"], _RATE)
    gaps = rows_of(frame.gaps(Desk(HALLUCINATION, tally, "v1"), asked(tally), items=[""], window=Window()))
    assert found.slice == max(gaps, key=lambda name: gaps[name].value) == "sex=level 0"
    assert found.gap == pytest.approx(gaps[found.slice].value)
    assert found.gap > found.null_high > found.null_median > 0
    assert found.chance < 0.01
    assert found == worst_slice(Desk(HALLUCINATION, tally, "v1"), ["sex"], _RATE)


def test_the_worst_of_equal_slices_stays_in_its_band() -> None:
    """The gap itself is above zero every time: that is why it is shown beside a band."""
    found = [
        worst_slice(Desk(HALLUCINATION, sliced(seed, 500), "v1"), ["sex"], _RATE, seed=seed) for seed in range(80)
    ]
    assert all(one.gap > 0 for one in found)
    assert np.mean([one.gap > one.null_high for one in found]) <= 0.12
    assert 0.3 < np.mean([one.gap > one.null_median for one in found]) < 0.7


@pytest.mark.parametrize(("measure", "item"), [("auroc", "Nodule"), ("sensitivity", "")])
def test_worse_is_lower_where_lower_is_worse(measure: str, item: str) -> None:
    table = classifications(np.random.default_rng(8), 900)
    tally = Tally.of(PERFORMANCE, table, STRATA)
    found = worst_slice(Desk(PERFORMANCE, tally, "v1"), ["site"], measure, item=item)
    gaps = rows_of(
        frame.gaps(
            Desk(PERFORMANCE, tally, "v1"),
            frame.slices_of(tally, [("site",)], version="v1"),
            items=[item],
            window=Window(),
        ),
        measure,
    )
    assert found.slice == min(gaps, key=lambda name: gaps[name].value)
    assert found.gap == pytest.approx(-gaps[found.slice].value)
    assert math.isfinite(found.null_high)


def test_small_slices_are_never_named() -> None:
    tally = sliced(6, 150, levels=8)
    found = worst_slice(Desk(HALLUCINATION, tally, "v1"), ["sex"], _RATE)
    assert found.left_out > 0
    sizes = {str(s): tally.patients(select(tally, s, version="v1"))[0] for s in asked(tally)}
    assert sizes[found.slice] >= 11
    alone = worst_slice(Desk(HALLUCINATION, sliced(6, 12), "v1"), ["sex"], _RATE)
    assert alone.slice == ""
    assert math.isnan(alone.gap)
    with pytest.raises(TallyError, match="no measure"):
        worst_slice(Desk(HALLUCINATION, tally, "v1"), ["sex"], "auroc")


def test_cramers_v_is_scipys() -> None:
    counts = np.random.default_rng(0).integers(1, 60, size=(3, 4)).astype(float)
    v, chance = cramers_v(counts, float(counts.sum()))
    assert v == pytest.approx(association(counts.astype(int), method="cramer"))
    assert v == pytest.approx(math.sqrt(chi2_contingency(counts).statistic / counts.sum() / 2))
    assert chance == pytest.approx(math.sqrt(6 / counts.sum() / 2))
    assert all(math.isnan(x) for x in cramers_v(np.array([[3.0, 4.0], [0.0, 0.0]]), 7.0))
    null = [
        cramers_v(
            np.random.default_rng(s).multinomial(500, np.full(12, 1 / 12)).reshape(3, 4).astype(float), 500.0
        )
        for s in range(200)
    ]
    assert np.sqrt(np.mean([v**2 for v, _ in null])) == pytest.approx(null[0][1], rel=0.1)


def through(seed: int, by_site: bool, overlap: float = 0.8) -> Confounder:
    """Women have more errors, either because their site has, or by themselves; most women are in the north."""
    rng = np.random.default_rng(seed)
    table = reports(rng, 2500)
    female = pc.equal(table["sex"].cast(pa.string()), "F").to_numpy()
    north = rng.uniform(size=len(female)) < np.where(female, overlap, 1 - overlap)
    risk = np.where(north if by_site else female, 0.25, 0.08)
    wrong = (rng.uniform(size=len(female)) < risk).astype(np.int32)
    table = rewritten(table, wrong, site=np.where(north, "north", "south").tolist())
    tally = Tally.of(HALLUCINATION, table, STRATA)
    women = Slice((("sex", "F"),))
    (found,) = confounders(Desk(HALLUCINATION, tally, "v1"), women, ["site", "sex"], _RATE)
    plain = rows_of(frame.gaps(Desk(HALLUCINATION, tally, "v1"), [women], items=[""], window=Window()))["sex=F"]
    assert (found.crude, found.crude_low, found.crude_high) == pytest.approx((plain.value, plain.low, plain.high))
    return found


def test_a_gap_that_is_the_sites_vanishes_when_sites_are_held_equal() -> None:
    found = through(0, by_site=True)
    assert found.attribute == "site"
    assert found.cramers_v == pytest.approx(0.6, abs=0.05)
    assert found.by_chance < 0.1
    assert found.crude_low > 0.05
    assert found.adjusted_low < 0 < found.adjusted_high
    assert found.explained == pytest.approx(found.crude - found.adjusted)
    assert found.sufficient


def test_what_goes_with_one_group_alone_is_seen_beside_it() -> None:
    """Of three levels only the first is in the north: V is that of the group and the rest, not of all levels."""
    rng = np.random.default_rng(4)
    table = reports(rng, 1500)
    level = np.array(["A", "B", "C"])[rng.integers(0, 3, table.num_rows)]
    north = np.where(level == "A", "north", "south").tolist()
    wrong = (rng.uniform(size=len(level)) < 0.1).astype(np.int32)
    tally = Tally.of(HALLUCINATION, rewritten(table, wrong, sex=level.tolist(), site=north), STRATA)
    desk = Desk(HALLUCINATION, tally, "v1")
    found = {name: confounders(desk, Slice((("sex", name),)), ["site"], _RATE)[0].cramers_v for name in ("A", "B")}
    assert found["A"] == pytest.approx(1)
    assert found["B"] == pytest.approx(0.5, abs=0.05)


def test_a_gap_of_its_own_stays() -> None:
    found = through(1, by_site=False)
    assert found.adjusted == pytest.approx(0.17, abs=0.04)
    assert found.adjusted_low > 0.05


def test_sides_that_never_meet_are_not_compared() -> None:
    found = through(2, by_site=True, overlap=1.0)
    assert not found.sufficient
    assert found.covered < 0.9
    assert "% of the mix" in found.note
    assert found.cramers_v == pytest.approx(1)


def test_only_shares_and_known_attributes_are_standardised() -> None:
    tally = sliced(0, 100)
    where = Slice((("sex", "level 0"),))
    with pytest.raises(CaseMixError, match="share"):
        confounders(Desk(HALLUCINATION, tally, "v1"), where, ["site"], "auroc")
    with pytest.raises(CaseMixError, match="vendor"):
        confounders(Desk(HALLUCINATION, tally, "v1"), where, ["vendor"], _RATE)


def test_the_rate_of_errors_a_report_has_a_worst_slice_too() -> None:
    counts = next(m for m in HALLUCINATION.measures if math.isinf(m.high))
    found = worst_slice(Desk(HALLUCINATION, sliced(9, 1200), "v1"), ["sex"], counts.name)
    assert found.slices >= 2
    assert math.isfinite(found.null_high)


def weighed(seed: int, women: float, men: float, weights: tuple[float, ...]) -> Desk:
    """Reports with at most one wrong severity each, of a weight drawn from `weights`."""
    rng = np.random.default_rng(seed)
    table = reports(rng, 400)
    female = pc.equal(table["sex"].cast(pa.string()), "F").to_numpy()
    wrong = rng.uniform(size=len(female)) < np.where(female, women, men)
    errors = [
        None if status != "judged" else [{"code": "SEV", "weight": float(rng.choice(weights))}] * int(one)
        for status, one in zip(table["status"].to_pylist(), wrong, strict=True)
    ]
    field = table.schema.field("errors")
    table = table.set_column(table.column_names.index("errors"), field, pa.array(errors, field.type))
    return Desk(ERROR_CODES, Tally.of(ERROR_CODES, table, STRATA), "v1")


def test_light_errors_have_a_band_as_light() -> None:
    """Every error weighs a tenth: so do the gap and its band, and chance stays what it was."""
    desk = weighed(0, 0.4, 0.2, (0.1,))
    whole, light = (worst_slice(desk, ["sex"], name) for name in ("severity_reports", "weighted_severity"))
    assert light.slice == whole.slice == "sex=F"
    assert light.gap == pytest.approx(whole.gap / 10, rel=1e-3)
    assert light.null_high == pytest.approx(whole.null_high / 10, rel=0.3)  # counts scatter more than shares
    assert light.chance == whole.chance < 0.001


@pytest.mark.parametrize("weights", [(0.1,), (1.0, 0.5, 0.25, 0.1)])
def test_the_worst_of_slices_with_equal_weighted_errors_stays_in_its_band(weights: tuple[float, ...]) -> None:
    found = [
        worst_slice(weighed(seed, 0.3, 0.3, weights), ["sex"], "weighted_severity", seed=seed)
        for seed in range(60)
    ]
    assert np.mean([one.gap > one.null_high for one in found]) <= 0.12
    assert 0.3 < np.mean([one.gap > one.null_median for one in found]) < 0.7
