"""Kinds of error: counts and weights against plain loops, intervals of weighted rates against their definition."""

import numpy as np
import pyarrow as pa
import pytest

from monitors import frame
from monitors.columns import JudgedError
from monitors.error_codes import CODES, ERROR_CODES
from monitors.intervals import FEW_WEIGHED, jeffreys_count
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice, Window
from monitors.tally import Tally
from tests.monitors.population import STRATA, reports


def measured(table: pa.Table) -> dict[str, Measurement]:
    tally = Tally.of(ERROR_CODES, table, STRATA)
    rows = frame.measure(Desk(ERROR_CODES, tally, "v1"), [Slice()], items=[""], window=Window())
    return {row.measure: row for row in rows}


def with_errors(table: pa.Table, errors: list[list[dict[str, object]] | None]) -> pa.Table:
    at = table.column_names.index("errors")
    field = table.schema.field("errors")
    return table.set_column(at, field, pa.array(errors, field.type))


def test_every_rate_is_that_of_a_loop_over_the_errors() -> None:
    table = reports(np.random.default_rng(1), 150)
    rows = [row for row in table.to_pylist() if row["status"] == "judged"]
    found = measured(table)
    claims, findings = (sum(row[name] for row in rows) for name in ("asserted", "reference_findings"))
    for code, (name, *_) in CODES.items():
        errors = [[e["weight"] for e in row["errors"] if e["code"] == code] for row in rows]
        of = findings if code == "OMI" else claims
        expected = {
            f"{name}_reports": sum(bool(one) for one in errors) / len(rows),
            f"{name}_claims": sum(map(len, errors)) / of,
            f"weighted_{name}": sum(map(sum, errors)) / len(rows),
            f"weighted_{name}_claims": sum(map(sum, errors)) / of,
        }
        for measure, value in expected.items():
            if measure in found:
                assert found[measure].value == pytest.approx(value, abs=1e-6), measure
    everything = sum(e["weight"] for row in rows for e in row["errors"])
    assert found["weighted_all"].value == pytest.approx(everything / len(rows), abs=1e-6)
    assert found["reference_words"].value == pytest.approx(np.mean([row["reference_length"] for row in rows]))
    assert found["draft_words"].value == pytest.approx(np.mean([row["length"] for row in rows]))


def test_every_code_is_there_by_report_by_claim_and_by_weight_or_counted_elsewhere() -> None:
    names = {one.name for one in ERROR_CODES.measures}
    for code, (name, *_) in CODES.items():
        assert f"weighted_{name}" in names
        assert (f"{name}_reports" in names) == (code not in ("FAB", "OMI", "LAT"))
        assert (f"{name}_claims" in names) == (code not in ("FAB", "OMI"))
        assert f"weighted_{name}_claims" in names


def test_many_weighted_errors_vary_as_so_many_whole_ones_of_their_mean_weight() -> None:
    """One report a patient: 60 errors of weight 1 and 60 of .25 are 88.2 whole ones of weight .85."""
    table = reports(np.random.default_rng(2), 900, rho=0.0).slice(0, 800)
    alone = [f"{i}" for i in range(800)]
    table = table.set_column(table.column_names.index("subject_id"), "subject_id", pa.array(alone))
    judged = [status == "judged" for status in table["status"].to_pylist()]
    weights = iter([1.0] * 60 + [0.25] * 60)
    errors = [
        ([{"code": "SEV", "weight": weight}] if (weight := next(weights, None)) else []) if known else None
        for known in judged
    ]
    row = measured(with_errors(table, errors))["weighted_severity"]
    whole, weight = 75.0**2 / (60 + 60 / 16), (60 + 60 / 16) / 75.0
    low, high = jeffreys_count(whole, sum(judged), row.deff)
    assert [row.events, row.value] == pytest.approx([whole, 75 / sum(judged)])
    assert [row.low, row.high] == pytest.approx([weight * low, weight * high])
    assert row.deff == pytest.approx(1.0, abs=0.1)


def test_few_light_errors_say_nothing_about_heavy_ones() -> None:
    """As many as leave the upper limit where so much weight in whole errors would."""
    table = reports(np.random.default_rng(3), 300)
    judged = [status == "judged" for status in table["status"].to_pylist()]
    some = iter(range(FEW_WEIGHED - 1))
    errors = [
        ([{"code": "TMP", "weight": 0.1}] if next(some, None) is not None else []) if known else None
        for known in judged
    ]
    row = measured(with_errors(table, errors))["weighted_temporal"]
    assert row.events == pytest.approx(0.1 * (FEW_WEIGHED - 1), abs=1e-4)
    assert row.high == pytest.approx(jeffreys_count(row.events, row.n, row.deff)[1])
    nothing = measured(with_errors(table, [[] if known else None for known in judged]))["weighted_temporal"]
    assert (nothing.value, nothing.low) == (0, 0)
    assert nothing.high == pytest.approx(jeffreys_count(0, nothing.n, nothing.deff)[1])


@pytest.mark.parametrize("error", [{"code": "XYZ", "weight": 0.5}, {"code": "FAB", "weight": 0.0},
                                   {"code": "FAB", "weight": None}, {"code": None, "weight": 1.0},
                                   {"code": "FAB", "weight": 1.5}])  # fmt: skip
def test_what_no_judge_says_is_refused(error: dict[str, object]) -> None:
    table = reports(np.random.default_rng(4), 20)
    with pytest.raises(JudgedError, match="unknown code"):
        Tally.of(ERROR_CODES, with_errors(table, [[error]] * len(table)), STRATA)


def test_rows_without_a_judgement_are_in_no_rate_whatever_their_list_holds() -> None:
    table = reports(np.random.default_rng(5), 60)
    before = measured(table)
    filled = [
        row["errors"] if row["status"] == "judged" else [{"code": "FAB", "weight": 1.0}]
        for row in table.to_pylist()
    ]
    assert measured(with_errors(table, filled)) == before
