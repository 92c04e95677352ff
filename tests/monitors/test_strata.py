"""Strata of rows are their distinct combinations of values, ascending, however many there could be."""

import numpy as np
import pyarrow as pa
import pytest

from monitors.strata import strata_of


@pytest.mark.parametrize(("columns", "values"), [(1, 1), (3, 4), (9, 300)])
def test_a_stratum_is_a_combination_of_values(columns: int, values: int) -> None:
    """Nine columns of 300 values have more combinations than 64 bits count."""
    rng = np.random.default_rng(0)
    names = tuple(f"c{i}" for i in range(columns))
    some = rng.integers(values, size=(400, columns))[rng.integers(400, size=1_000)]
    words = [[f"v{value}" for value in column] for column in some.T]
    levels, stratum = strata_of(pa.table(dict(zip(names, words, strict=True))), names)
    rows = list(zip(*words, strict=True))
    assert list(levels) == sorted(set(rows))
    assert [levels[i] for i in stratum] == rows
