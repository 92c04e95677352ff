"""The benchmarks run and print their table. How fast anything is, is no test: machines differ."""

import subprocess
import sys
from pathlib import Path

from benchmarks.measure import CommandError, auditor
from benchmarks.table import Figure


def test_the_table_prints_on_a_tiny_simulated_set() -> None:
    root = Path(__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"], cwd=root, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "SIMULATED set of 60 images" in ran.stdout
    assert "840 judgements, 12 slices" in ran.stdout
    for figure in (
        "start-up",
        "nothing has changed",
        "peak memory",
        "drafts of 60 words",
        "n_boot=2",
        "EXTRAPOLATED",
    ):
        assert figure in ran.stdout, figure
    assert "NO" not in ran.stdout.split()
