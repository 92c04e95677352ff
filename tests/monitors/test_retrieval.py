"""The sums behind recall and reciprocal rank, against plain means over the rows."""

import numpy as np
import pyarrow as pa
import pytest

from monitors import frame
from monitors.columns import JudgedError
from monitors.judged import CUTOFFS
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice, Window
from monitors.retrieval import RETRIEVAL
from monitors.sealed import SealedError, seal, weekly_counts
from monitors.tally import Tally
from tests.monitors.population import STRATA, searches
from tests.monitors.test_sealed import AS_OF, dated, measure, put


def measured(table: pa.Table) -> dict[str, Measurement]:
    tally = Tally.of(RETRIEVAL, table, STRATA)
    rows = frame.measure(Desk(RETRIEVAL, tally, "v1"), [Slice()], items=[""], window=Window())
    return {row.measure: row for row in rows}


def known(table: pa.Table, name: str) -> np.ndarray:
    """The values of a column in judged rows, without nulls."""
    rows = zip(table["status"].to_pylist(), table[name].to_pylist(), strict=True)
    return np.array([value for status, value in rows if status == "judged" and value is not None], float)


def test_every_measure_is_the_mean_of_its_column() -> None:
    table = searches(np.random.default_rng(5), 400)
    made = measured(table)
    columns = {"mrr": "reciprocal_rank", "mrr_at_most": "reciprocal_rank_high"}
    columns |= {f"{name}_at_{k}": f"{name}_at_{k}" for name in ("recall", "chance") for k in CUTOFFS}
    for name, column in columns.items():
        values = known(table, column)
        assert made[name].n == len(values)
        assert made[name].value == pytest.approx(values.mean(), abs=2e-6)
    listed = known(table, "listed")
    assert made["nothing_found"].value == pytest.approx((listed == 0).mean())
    assert made["short_lists"].value == pytest.approx((listed < 10).mean())
    assert made["mrr"].value <= made["mrr_at_most"].value


def test_chance_is_a_fact_without_width() -> None:
    made = measured(searches(np.random.default_rng(6), 300))
    for k in CUTOFFS:
        one = made[f"chance_at_{k}"]
        assert one.value == one.low == one.high == pytest.approx(k / 500, abs=2e-6)


def test_a_rank_that_is_no_share_is_refused() -> None:
    table = searches(np.random.default_rng(7), 5)
    with pytest.raises(JudgedError, match="recall_at_5"):
        measured(put(table, "recall_at_5", [5.0] * table.num_rows))


def test_a_chart_takes_a_match_that_hangs_on_a_tie_for_none() -> None:
    """Charts count outcomes of 0 or 1; the table beside them counts the tie as a half."""
    rng = np.random.default_rng(8)
    table = dated(rng, searches(rng, 150))
    rows = seal(table, as_of=AS_OF)
    half = known(rows, "recall_at_1")
    assert (half == 0.5).any()
    weeks = weekly_counts(rows, RETRIEVAL, measure(RETRIEVAL, "recall_at_1"))
    assert sum(week.n for week in weeks) == len(half)
    assert sum(week.events for week in weeks) == (half < 1).sum()
    with pytest.raises(SealedError, match="mrr"):
        weekly_counts(rows, RETRIEVAL, measure(RETRIEVAL, "mrr"))
