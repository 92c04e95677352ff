"""The tally's exactness, its refusals, and hostile bytes."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.editing import EDITING
from monitors.groups import assign, poisson_replicates
from monitors.hallucination import HALLUCINATION
from monitors.judged import GRID
from monitors.monitor import Contributions, Monitor
from monitors.performance import PERFORMANCE
from monitors.sketch import Subjects, ranked, smallest
from monitors.tally import SKETCH, Tally, TallyError
from tests.monitors.population import STRATA, classifications, reports


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return reports(np.random.default_rng(0), 150)


def replaced(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    at = table.column_names.index(name)
    kind = table.schema.field(name)
    return table.set_column(at, kind.name, pa.array(values, kind.type))


def test_a_patient_is_in_one_group_everywhere_and_another_seed_moves_it() -> None:
    names = [f"patient-{i}" for i in range(4000)]
    group, hashed = assign(pa.array(names), 0)
    again, _ = assign(pa.chunked_array([names[::-1]]), 0)
    np.testing.assert_array_equal(group, again[::-1])
    assert group[:3].tolist() == [149, 245, 185]  # fixed for good: stored tallies depend on it
    assert (group != assign(pa.array(names), 1)[0]).mean() > 0.98
    counts = np.bincount(group, minlength=256)
    assert ((counts - 4000 / 256) ** 2 / (4000 / 256)).sum() < 340  # χ², 255 degrees of freedom
    assert len(np.unique(hashed)) == 4000
    assert abs(np.corrcoef(group, hashed.astype(float))[0, 1]) < 0.05


def test_replicates_have_poisson_mean_and_share_their_draws() -> None:
    totals = np.random.default_rng(0).uniform(size=(256, 3))
    made = poisson_replicates(totals, 2000, seed=4)
    np.testing.assert_allclose(made.mean(axis=0), totals.sum(axis=0), rtol=0.02)
    np.testing.assert_allclose(made[:, :1], poisson_replicates(totals[:, :1], 2000, seed=4))


def test_totals_are_those_of_a_plain_count(table: pa.Table) -> None:
    tally = Tally.of(HALLUCINATION, table, STRATA)
    totals = dict(zip(HALLUCINATION.cells, tally.group_totals().sum(axis=0), strict=True))
    rows = table.to_pylist()
    judged = [r for r in rows if r["status"] == "judged"]
    assert totals["outputs"] == sum(r["status"] != "awaiting" for r in rows)
    assert totals["reports"] == len(judged)
    assert totals["asserted"] == sum(r["asserted"] for r in judged)
    assert totals["contradicted_reports"] == sum(r["contradicted"] > 0 for r in judged)
    women = tally.group_totals(tally.where(sex="F")).sum(axis=0)[HALLUCINATION.cells.index("reports")]
    assert women == sum(r["sex"] == "F" for r in judged)


def test_distinct_patients_are_exact_below_the_size_of_the_set(table: pa.Table) -> None:
    tally = Tally.of(HALLUCINATION, table, STRATA)
    assert tally.patients() == (len(set(table["subject_id"].to_pylist())), True)
    for sex in ("F", "M"):
        for site in ("north", "south", "(missing)"):
            here = [r["subject_id"] for r in table.to_pylist() if (r["sex"], r["site"]) == (sex, site)]
            made = tally.patients(tally.where(sex=sex, site=site))
            assert made == (len(set(here)), True)


def test_patients_of_a_union_are_not_counted_twice() -> None:
    table = reports(np.random.default_rng(1), 40)
    tally = Tally.of(HALLUCINATION, table, STRATA)
    assert tally.patients() == (40, True)
    assert sum(tally.patients(tally.where(site=s))[0] for s in tally.values("site")) > 40


def test_one_pass_for_several_monitors_makes_the_tally_of_each(table: pa.Table) -> None:
    monitors: list[Monitor] = [HALLUCINATION, EDITING]
    made = Tally.of_each(monitors, table, STRATA, 3)
    assert made == [Tally.of(monitor, table, STRATA, 3) for monitor in monitors]
    assert Tally.of_each(monitors, table.slice(0, 0), STRATA) == [Tally.zero(one, STRATA) for one in monitors]
    with pytest.raises(TallyError, match="no column 'weight'"):
        Tally.of_each(monitors, table.drop_columns(["weight"]), STRATA)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_totals_and_patients_of_any_strata_are_those_of_their_rows(table: pa.Table, share: float) -> None:
    """More than half of the entries are the whole without the others: to the bit."""
    tally = Tally.of(HALLUCINATION, replaced(table, "weight", [GRID // 3] * table.num_rows), STRATA)
    for seed in range(20):
        mask = np.random.default_rng(seed).uniform(size=len(tally.levels)) < share
        plain = np.zeros((256, tally.cells))
        stratum, group, cell, value = tally.sums
        kept = mask[stratum]
        np.add.at(plain, (group[kept], cell[kept]), value[kept].astype(float))
        np.testing.assert_array_equal(tally.group_totals(mask), plain / GRID)
        where, rank, kinds, _ = tally.subjects
        assert tally.patients(mask) == (len(np.unique(rank[mask[where]])), True)
        for kind, one in enumerate(tally.people, start=1):
            counted = mask[where] & (kinds >> kind & 1 == 1)
            assert tally.patients(mask, (one,)) == (len(np.unique(rank[counted])), True)


def test_a_stratum_keeps_the_smallest_distinct_hashes_of_each_kind() -> None:
    rng = np.random.default_rng(0)
    stratum, hashes = rng.integers(3, size=30_000), rng.integers(1 << 62, 1 << 63, 14_000, np.uint64)
    hashes = hashes[rng.integers(14_000, size=30_000)]
    kinds = (1 + 2 * (rng.random(30_000) < 0.6) + 4 * (rng.random(30_000) < 0.01)).astype(np.uint32)
    distinct, rank = ranked(hashes)
    where, kept, of = smallest(stratum, rank, kinds, 3)
    for one in range(3):
        for kind in range(3):
            mine = (stratum == one) & (kinds >> kind & 1 == 1)
            np.testing.assert_array_equal(
                distinct[kept[(where == one) & (of >> kind & 1 == 1)]], np.unique(hashes[mine])[:SKETCH]
            )
    assert len(where) > 3 * SKETCH  # of a rarer kind, some lie behind the smallest of everybody
    assert (np.diff(where * len(distinct) + kept) > 0).all()
    assert all(len(made) == 0 for made in smallest(stratum[:0], rank[:0], kinds[:0], 3))


def test_the_count_of_many_patients_is_unbiased() -> None:
    names = pa.array([f"patient-{i}" for i in range(10_000)])
    made = []
    for seed in range(40):
        _, hashed = assign(names, seed)
        everybody = np.zeros(SKETCH, np.int32), np.arange(SKETCH), np.ones(SKETCH, np.uint32)
        subjects = Subjects(*everybody, np.sort(hashed)[:SKETCH])
        tally = replace(
            Tally.zero(HALLUCINATION, ("version", "item"), seed), levels=(("v", "i"),), subjects=subjects
        )
        count, exact = tally.patients()
        assert not exact
        made.append(count)
    # the relative standard error is 1/√(k − 2) = .016, a sixth of that for the mean
    assert np.mean(made) == pytest.approx(10_000, rel=0.008)
    assert np.std(made) / 10_000 == pytest.approx(1 / np.sqrt(SKETCH - 2), rel=0.4)


def test_thirds_of_a_case_are_rounded_the_same_everywhere(table: pa.Table) -> None:
    third = replaced(table, "weight", [GRID // 3] * table.num_rows)
    tally = Tally.of(HALLUCINATION, third, STRATA)
    halves = [Tally.of(HALLUCINATION, t, STRATA) for t in (third.slice(0, 70), third.slice(70))]
    assert Tally.merge(halves).to_bytes() == tally.to_bytes()
    reports_ = tally.group_totals().sum(axis=0)[HALLUCINATION.cells.index("reports")]
    whole = Tally.of(HALLUCINATION, table, STRATA).group_totals().sum(axis=0)[HALLUCINATION.cells.index("reports")]
    assert reports_ == pytest.approx(whole / 3, rel=1e-5)


def test_chunks_with_other_dictionaries_make_the_same_tally(table: pa.Table) -> None:
    rows = sorted(table.to_pylist(), key=lambda r: str(r["site"]))
    chunked = pa.concat_tables(
        [pa.Table.from_pylist(part, schema=table.schema) for part in (rows[:50], rows[50:])]
    )
    assert Tally.of(HALLUCINATION, chunked, STRATA) == Tally.of(HALLUCINATION, table, STRATA)


class Enormous:
    """A monitor whose one cell outgrows exact sums."""

    name, version, task, cells, measures = "enormous", 1, "report", ("x",), ()

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        n = batch.num_rows
        sign = np.where(np.arange(n) % 2 == 0, 1, -1)
        return Contributions(np.arange(n), np.zeros(n, np.int32), sign * np.full(n, 1 << 41))

    def read(self, totals: np.ndarray) -> np.ndarray:
        return np.empty((*totals.shape[:-1], 0))


def test_a_total_that_could_leave_the_exact_range_raises_even_if_it_cancels(table: pa.Table) -> None:
    big = pa.concat_tables([table] * (1 + 4200 // table.num_rows))
    with pytest.raises(TallyError, match="exact sums"):
        Tally.of(Enormous(), big, STRATA)
    part = Tally.of(Enormous(), big.slice(0, 2500), STRATA)
    assert part.group_totals().shape == (256, 1)


def test_what_cannot_be_added_says_why(table: pa.Table) -> None:
    tally = Tally.of(HALLUCINATION, table, STRATA)
    for other, word in (
        (Tally.zero(HALLUCINATION, STRATA, seed=1), "seed"),
        (Tally.zero(HALLUCINATION, ("version", "item")), "strata"),
        (Tally.zero(PERFORMANCE, STRATA), "monitor"),
    ):
        with pytest.raises(TallyError, match=word):
            _ = tally + other
    with pytest.raises(TallyError, match="at least one"):
        Tally.merge([])
    with pytest.raises(TallyError, match="never pool versions"):
        Tally.zero(HALLUCINATION, ("item", "sex"))
    with pytest.raises(TallyError, match="'age'"):
        Tally.of(HALLUCINATION, table, ("version", "item", "age"))
    with pytest.raises(TallyError, match="no stratum 'age'"):
        tally.values("age")


def test_an_unjudged_count_in_a_judged_report_is_refused(table: pa.Table) -> None:
    gone = replaced(table, "omitted", [None] * table.num_rows)
    with pytest.raises(ValueError, match="no count of 'omitted'"):
        Tally.of(HALLUCINATION, gone, STRATA)
    many = replaced(table, "contradicted", [99] * table.num_rows)
    with pytest.raises(ValueError, match="more fabricated than asserted"):
        Tally.of(HALLUCINATION, many, STRATA)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_read_back_whole(data: st.DataObject) -> None:
    """Never a traceback: either a TallyError, or (the damage hit nothing that matters) a sound tally."""
    good = Tally.of(HALLUCINATION, reports(np.random.default_rng(2), 5), STRATA).to_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "noise"]))
    bad = {
        "flip": good[:at] + bytes([good[at] ^ 1 << data.draw(st.integers(0, 7))]) + good[at + 1 :],
        "cut": good[:at],
        "noise": data.draw(st.binary(max_size=200)),
    }[kind]
    try:
        tally = Tally.from_bytes(bad)
    except TallyError as error:
        assert str(error).endswith("make it anew.") or str(error).endswith("make the tally anew.")
    else:
        assert Tally.from_bytes(tally.to_bytes()) == tally


def test_only_keeps_what_was_asked_for(table: pa.Table) -> None:
    tally = Tally.of(HALLUCINATION, table, STRATA)
    women, men = (tally.only(tally.where(sex=s)) for s in ("F", "M"))
    assert women + men == tally
    assert women.values("sex") == ("F",)


def test_the_tally_of_many_rows_is_quick() -> None:
    """One pass over the rows: no Python loop over them but the hash of each distinct patient."""
    table = classifications(np.random.default_rng(0), 500)
    big = pa.concat_tables([table] * (60_000 // table.num_rows)).unify_dictionaries()
    tally = Tally.of(PERFORMANCE, big, STRATA)
    single = Tally.of(PERFORMANCE, table, STRATA)
    np.testing.assert_array_equal(tally.sums.value, single.sums.value * (60_000 // table.num_rows))
