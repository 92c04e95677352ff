"""What a stated probability is held against: claims of a report and searches."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitors import frame
from monitors.calibration import CONFIDENCE_CLAIMS, CONFIDENCE_RETRIEVAL, Calibration
from monitors.columns import JudgedError
from monitors.judged import GRID
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice, Window
from monitors.tally import Tally
from tests.monitors.population import STRATA, reports, searches

SILENT_RIGHT, SILENT_WRONG = CONFIDENCE_CLAIMS


def replaced(table: pa.Table, **columns: Any) -> pa.Table:
    for name, values in columns.items():
        at, field = table.column_names.index(name), table.schema.field(name)
        table = table.set_column(at, field, pa.array(values, field.type))
    return table


def claimed(lists: list[Any], **columns: Any) -> pa.Table:
    """One draft a list of (confidence, right), each of a patient of its own."""
    table = reports(np.random.default_rng(0), 60).slice(0, len(lists))
    told = [None if one is None else [{"confidence": c, "right": r} for c, r in one] for one in lists]
    return replaced(table, claims=told, subject_id=[f"p{i}" for i in range(len(lists))], **columns)


def sums(monitor: Calibration, table: pa.Table) -> list[float]:
    """How many, the sum of what is stated, right and wrong ones."""
    return [round(n, 4) for n in Tally.of(monitor, table, STRATA).group_totals().sum(axis=0)[:4].tolist()]


def whole(monitor: Calibration, table: pa.Table) -> dict[str, Measurement]:
    tally = Tally.of(monitor, table, STRATA)
    rows = frame.measure(Desk(monitor, tally, "v1"), [Slice()], items=[""], window=Window())
    return {row.measure: row for row in rows}


def test_claims_are_counted_one_by_one_and_silence_is_taken_both_ways() -> None:
    table = claimed([[(1.0, 1), (0.5, None)], None, [], [(0.0, 0), (0.5, 1), (1.0, None)]])
    assert sums(SILENT_RIGHT, table) == [5, 3.0, 4, 1]
    assert sums(SILENT_WRONG, table) == [5, 3.0, 2, 3]


def test_the_claims_of_one_draft_are_of_one_patient_and_weigh_what_it_weighs() -> None:
    table = claimed([[(1.0, 1)] * 7, [(0.5, 0)]])
    tally = Tally.of(SILENT_RIGHT, table, STRATA)
    assert tally.patients() == (2, True)
    assert sorted(tally.group_totals()[:, 0][tally.group_totals()[:, 0] > 0].tolist()) == [1, 7]
    assert sums(SILENT_RIGHT, replaced(table, weight=[GRID // 2, GRID])) == [4.5, 4.0, 3.5, 1]


def test_the_truth_lies_between_both_gaps() -> None:
    table = reports(np.random.default_rng(3), 300, confident=True)
    most, least = whole(SILENT_WRONG, table), whole(SILENT_RIGHT, table)
    flat = [one for row in table["claims"].to_pylist() for one in row or ()]
    stated = np.mean([one["confidence"] for one in flat])
    right = [one["right"] for one in flat]
    assert least["silent_right_claim_confidence_gap"].value == pytest.approx(
        stated - np.mean([r != 0 for r in right])
    )
    assert most["silent_wrong_claim_confidence_gap"].value == pytest.approx(
        stated - np.mean([r == 1 for r in right])
    )
    assert least["silent_right_claim_confidence_gap"].n == len(flat)
    assert least["silent_right_claim_confidence_gap"].patients <= 300


def test_a_draft_that_contradicts_much_makes_its_claims_a_cluster() -> None:
    """Ten claims of one draft that stand or fall together say as much as one."""
    rng = np.random.default_rng(5)
    alone = claimed([[(0.9, int(rng.uniform() < 0.9))] for _ in range(60)])
    together = claimed([[(0.9, right)] * 10 for right in (rng.uniform(size=60) < 0.9).astype(int).tolist()])
    one, ten = (whole(SILENT_RIGHT, table)["silent_right_claim_confidence_gap"] for table in (alone, together))
    assert ten.n == 10 * one.n
    assert ten.deff > 5
    assert ten.n_eff < 2 * one.n_eff


def test_a_claim_surer_than_certain_is_refused_without_quoting_it() -> None:
    with pytest.raises(JudgedError, match="claims") as caught:
        Tally.of(SILENT_RIGHT, claimed([[(1.25, 1)]]), STRATA)
    assert "1.25" not in str(caught.value)


def test_a_search_is_right_whose_first_is_a_match_and_a_tie_for_the_first_place_is_neither() -> None:
    table = searches(np.random.default_rng(0), 60)
    judged = table.take([i for i, s in enumerate(table["status"].to_pylist()) if s == "judged"]).slice(0, 5)
    made = replaced(judged, recall_at_1=[1, 0, 0.5, None, 1], confidence=[0.75, 0.5, 1, 1, None])
    assert sums(CONFIDENCE_RETRIEVAL, made) == [2, 1.25, 1, 1]
    unparseable = replaced(made, status=["unparseable"] * 5)
    assert sums(CONFIDENCE_RETRIEVAL, unparseable) == [0, 0, 0, 0]
