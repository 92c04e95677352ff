"""Runs of equal values that stand side by side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def starts_of_runs(values: NDArray[Any]) -> NDArray[np.int64]:
    """Where each run begins, ascending.

    >>> starts_of_runs(np.array([4, 4, 7, 4])).tolist(), starts_of_runs(np.array([])).tolist()
    ([0, 2, 3], [])
    """
    return np.flatnonzero(np.r_[True, values[1:] != values[:-1]][: len(values)])
