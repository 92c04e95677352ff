"""Agreement of judges: against scikit-learn, against hand-made tables, and by simulation."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from monitors import frame
from monitors.agreement import JUDGES, REPEATS, Agreement, cohen_kappa, gwet_ac1, measure
from monitors.columns import JudgedError
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice, Window
from monitors.tally import Tally
from tests.monitors.population import judged_twice

STRATA = ("version", "item")


def rows_of(table: pa.Table, item: str = "contradicted", monitor: Agreement = JUDGES) -> dict[str, Measurement]:
    tally = Tally.of(monitor, table, STRATA)
    found = measure(monitor, tally, version="v1", window=Window(), items=[item])
    return {m.measure.partition("_")[2]: m for m in found}


def pairs_table(pairs: Sequence[tuple[int | None, int | None]], **more: Any) -> pa.Table:
    """One pair a patient."""
    table = judged_twice(np.random.default_rng(0), 4 * len(pairs) + 50)
    table = table.filter(pc.equal(table["item"].cast(pa.string()), "contradicted")).slice(0, len(pairs))
    made = {
        "first": pa.array([a for a, _ in pairs], pa.int8()),
        "second": pa.array([b for _, b in pairs], pa.int8()),
        "subject_id": pa.array([f"p{i}" for i in range(len(pairs))]),
        "status": pa.array(["judged"] * len(pairs)).dictionary_encode(),
        **more,
    }
    for name, column in made.items():
        field = table.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, column.cast(field.type))
    return table


def counts(first: list[int], second: list[int]) -> list[Any]:
    agreed = sum(a == b for a, b in zip(first, second, strict=True))
    return [np.array([float(x)]) for x in (len(first), agreed, sum(first), sum(second))]


answers = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)


@given(answers)
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    ours = float(cohen_kappa(*counts(first, second))[0])
    if len({*first, *second}) == 1:
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


@given(answers)
def test_ac1_is_that_of_its_definition(pairs: list[tuple[int, int]]) -> None:
    """By the general formula for q categories: p_e = Σ π_k(1 − π_k)/(q − 1)."""
    n = len(pairs)
    shares = [sum((a == k) + (b == k) for a, b in pairs) / (2 * n) for k in (0, 1)]
    expected = sum(s * (1 - s) for s in shares)
    observed = sum(a == b for a, b in pairs) / n
    ours = float(gwet_ac1(*counts([a for a, _ in pairs], [b for _, b in pairs]))[0])
    assert ours == pytest.approx((observed - expected) / (1 - expected), abs=1e-12)
    assert -1 <= ours <= 1


def test_a_table_worked_by_hand() -> None:
    """Gwet 2008: 118 both yes, 5 and 2 apart, none both no; kappa falls below zero where 94 of 100 agree."""
    pairs = [(1, 1)] * 118 + [(1, 0)] * 5 + [(0, 1)] * 2
    found = rows_of(pairs_table(pairs))
    assert found["agreement"].value == pytest.approx(118 / 125)
    assert found["kappa"].value == pytest.approx(-0.0234, abs=5e-5)
    assert found["ac1"].value == pytest.approx(0.9408, abs=5e-5)
    assert (found["agreement"].events, found["agreement"].n, found["agreement"].patients) == (118, 125, 125)


def test_swapping_the_judges_changes_nothing() -> None:
    table = judged_twice(np.random.default_rng(5), 300, noise=0.1)
    names = ["second" if n == "first" else "first" if n == "second" else n for n in table.column_names]
    swapped = table.rename_columns(names).select(table.column_names)
    one, other = rows_of(table), rows_of(swapped)
    assert {k: (m.value, m.low, m.high) for k, m in one.items()} == {
        k: (m.value, m.low, m.high) for k, m in other.items()
    }


def test_a_missing_judgement_is_no_disagreement_and_is_counted() -> None:
    pairs: list[tuple[int | None, int | None]] = (
        [(1, 1)] * 20 + [(0, 0)] * 20 + [(1, None)] * 8 + [(None, None)] * 2
    )
    status = pa.array(["judged"] * 40 + ["judge_failed"] * 10).dictionary_encode()
    found = rows_of(pairs_table(pairs, status=status))
    assert (found["agreement"].value, found["agreement"].n) == (1.0, 40)
    assert (found["missing"].value, found["missing"].events, found["missing"].n) == (0.2, 10, 50)


def test_rows_that_wait_for_a_reference_were_not_asked() -> None:
    status = pa.array(["awaiting"] * 5 + ["judged"] * 15).dictionary_encode()
    found = rows_of(pairs_table([(None, None)] * 5 + [(1, 1)] * 15, status=status))
    assert (found["missing"].n, found["missing"].events) == (15, 0)


def test_where_only_one_answer_was_ever_given_there_is_no_kappa() -> None:
    found = rows_of(pairs_table([(0, 0)] * 60))
    kappa = found["kappa"]
    assert math.isnan(kappa.value) and math.isnan(kappa.low)
    assert "one thing throughout" in kappa.note
    assert found["ac1"].value == 1.0


@pytest.mark.parametrize("n", [20, 60, 300])
def test_full_agreement_is_not_certainty(n: int) -> None:
    """The jackknife alone would say 1.0 to 1.0."""
    found = rows_of(pairs_table([(1, 1)] * (n // 2) + [(0, 0)] * (n // 2)))
    low = found["agreement"].low
    assert found["kappa"].low == pytest.approx(2 * low - 1)  # chance agreement is one half
    assert found["ac1"].low == pytest.approx(2 * low - 1)
    assert found["kappa"].high == 1.0
    assert found["kappa"].n_eff == found["agreement"].n_eff == n


def test_shares_have_t_on_the_degrees_of_freedom_of_their_own_jackknife() -> None:
    """By hand: one patient left out at a time, each of whom has a group of 256 of his own or shares it."""
    tally = Tally.of(JUDGES, judged_twice(np.random.default_rng(3), 110, 0.2, 0.1, 0.2), STRATA)
    (found, *_) = measure(JUDGES, tally, version="v1", window=Window(), items=["contradicted"])
    (plain, *_) = frame.measure(Desk(JUDGES, tally, "v1"), [Slice()], items=["contradicted"], window=Window())
    groups = tally.group_totals(tally.where(version="v1", item="contradicted"))
    pairs, agreed = (groups[:, JUDGES.cells.index(name)] for name in ("pairs", "agreed"))
    without = [(agreed.sum() - a) / (pairs.sum() - n) for a, n in zip(agreed, pairs, strict=True) if n]
    parts = (np.array(without) - np.mean(without)) ** 2
    degrees = 2 * parts.mean() ** 2 / (parts.var(ddof=1) / len(parts))
    stretch = (stats.t.ppf(0.975, degrees) / stats.norm.ppf(0.975)) ** 2
    assert 1.02 < stretch < 2
    assert found.deff == pytest.approx(plain.deff * stretch)
    assert found.n_eff == pytest.approx(found.n / found.deff)
    a, b = found.events / found.deff + 0.5, (found.n - found.events) / found.deff + 0.5
    assert (found.low, found.high) == pytest.approx(stats.beta.ppf([0.025, 0.975], a, b))


def test_a_judgement_that_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(JudgedError, match="0, 1 or null"):
        Tally.of(JUDGES, pairs_table([(2, 1)] * 3), STRATA)


def test_comparisons_have_names_of_their_own() -> None:
    assert not {m.name for m in REPEATS.measures} & {m.name for m in JUDGES.measures}
    assert all(m.ceiling == "watch" for m in (*REPEATS.measures, *JUDGES.measures))


@pytest.mark.parametrize(
    ("prevalence", "noise", "patients"), [(0.2, 0.02, 60), (0.05, 0.05, 110), (0.2, 0.1, 110)]
)
def test_intervals_cover_what_is_true_when_patients_repeat(prevalence: float, noise: float, patients: int) -> None:
    """Errors of the second judge come in patients (ρ = .2). 150 runs: a true 95 % gives below 90 % in .5 %."""
    second = prevalence * (1 - noise) + (1 - prevalence) * noise
    by_judge = prevalence * second + (1 - prevalence) * (1 - second)
    mean = (prevalence + second) / 2
    truth = {
        "agreement": 1 - noise,
        "kappa": (1 - noise - by_judge) / (1 - by_judge),
        "ac1": (1 - noise - 2 * mean * (1 - mean)) / (1 - 2 * mean * (1 - mean)),
    }
    runs, held = 150, dict.fromkeys(truth, 0)
    for run in range(runs):
        found = rows_of(judged_twice(np.random.default_rng([run, patients]), patients, prevalence, noise, 0.2))
        for name, value in truth.items():
            # a kappa that is not defined claims nothing
            held[name] += math.isnan(found[name].value) or found[name].low <= value <= found[name].high
    assert min(held.values()) >= 0.90 * runs, held
