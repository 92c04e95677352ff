"""Who is counted where few may not be shown: the patients behind a number, not images and not everybody."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from auditor.audit.confidence import bins_of
from auditor.audit.measuring import _parity
from monitors.calibration import CALIBRATION
from monitors.performance import PERFORMANCE
from monitors.reliability import reliability
from monitors.tally import Tally
from tests.monitors.population import STRATA, classifications


def _with(table: pa.Table, name: str, values: Any) -> pa.Table:
    place = table.column_names.index(name)
    kind = table.schema.field(name).type
    return table.set_column(place, table.schema.field(name), pa.array(values, kind, from_pandas=True))


def _first_patients(table: pa.Table, sex: str, patients: int) -> np.ndarray[Any, Any]:
    """Mask of the rows of women or men but of their first patients."""
    mine = np.array(table["sex"].cast("string").to_pylist()) == sex
    kept = sorted(set(np.array(table["subject_id"].to_pylist())[mine]))[:patients]
    left: np.ndarray[Any, Any] = mine & ~np.isin(table["subject_id"].to_pylist(), kept)
    return left


@pytest.mark.parametrize(("kept", "shown"), [(3, False), (10, False), (11, True), (40, True)])
def test_a_group_of_few_labelled_patients_has_no_differences(kept: int, shown: bool) -> None:
    """Hundreds of women were seen; the labels are those of a few."""
    table = classifications(np.random.default_rng(1), 600)
    labels = np.array(table["label"].to_pylist(), float)
    labels[_first_patients(table, "F", kept)] = np.nan
    decisions = np.where(
        np.isnan(np.array(table["decision"].to_pylist(), float)), 0, table["decision"].to_pylist()
    )
    table = _with(_with(table, "label", labels), "decision", decisions.astype(float))
    table = _with(table, "label", np.where(np.isnan(labels), np.nan, np.arange(len(labels)) % 2))  # both, for each
    tally = Tally.of(PERFORMANCE, table, STRATA)
    assert tally.patients(tally.where(version="v1", sex="F"))[0] > 100
    found = _parity(tally, "sex", "v1")
    assert (found.demographic_parity_difference is not None) == shown
    assert (found.note == "a group has fewer than 11 patients") == (not shown)
    if not shown:
        assert found.equalized_odds_difference is None


def test_odds_need_enough_patients_with_the_finding() -> None:
    """Sixty women have labels, four of them a finding: of the share flagged one may speak, of sensitivity not."""
    table = classifications(np.random.default_rng(2), 600)
    few = _first_patients(table, "F", 4)
    table = _with(table, "label", np.where(few, 0, table["label"].to_pylist()).astype(float))
    found = _parity(Tally.of(PERFORMANCE, table, STRATA), "sex", "v1")
    assert found.demographic_parity_difference is not None and found.equalized_odds_difference is None
    assert "with a finding, or without one" in found.note


def test_a_bin_of_many_images_of_two_patients_is_not_recorded() -> None:
    """Two patients have ten times their images at .95; everybody else lies below the bins of that height."""
    table = classifications(np.random.default_rng(3), 400)
    table = table.filter(pc.equal(table["version"].cast("string"), "v1"))
    patients = sorted(set(table["subject_id"].to_pylist()))[:2]
    mine = np.isin(table["subject_id"].to_pylist(), patients)
    rows = np.arange(len(mine))
    before = Tally.of(CALIBRATION, _with(table, "probability", (rows % 100 + 0.5) / 100), STRATA)
    low = _with(table, "probability", np.where(mine, 0.95, rows % 40 / 100 + 0.05))
    tally = Tally.of(CALIBRATION, pa.concat_tables([low, *[low.filter(pa.array(mine))] * 10]), STRATA)
    every = reliability(tally, version="v1", reference=before)
    (top,) = [one for one in every if one.low <= 0.95 < one.high]
    assert len(every) > 4 and top.n >= 11 and top.patients <= 2
    shown = [(one.low, one.n) for one in bins_of(CALIBRATION, tally, "v1", "", before)]
    gone = [one for one in every if (one.low, one.n) not in shown]
    assert top in gone and len(gone) == 2  # and the next smallest, or the whole would tell it
    assert sum(one.patients for one in gone) >= 11
