"""Agreement of the report judge with three radiologists (RadPref), who took the reference as the truth.

What is measured is agreement with the reference report, not hallucination as such.
"""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.claims_radpref import Marks, agreement, marks, resampled

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def found(shared: Path) -> Marks:
    return marks(shared)


def test_counts_score_and_findings_follow_the_radiologists(found: Marks) -> None:
    false, missing, tau, f1 = agreement(found)
    assert false >= 0.80
    assert missing >= 0.85
    assert tau >= 0.60
    assert f1 >= 0.80


def test_median_over_studies_resampled(found: Marks) -> None:
    medians = np.median(resampled(found, draws=200), axis=0)
    assert medians[0] >= 0.85
    assert medians[1] >= 0.87
    assert medians[2] >= 0.60
