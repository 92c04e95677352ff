"""The drift benchmark runs and prints its table; how fast anything is, is no test."""

import subprocess
import sys
from pathlib import Path


def test_the_drift_benchmark_prints_every_column_beside_evidently() -> None:
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "benchmarks.drift", "--rows", "2000", "--runs", "1"]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    for text in (
        "Drift of 20 columns, 2,000 rows",
        "tallies of both windows",
        "null bands",
        "Evidently, same columns",
    ):
        assert text in ran.stdout, text
    assert "NO" not in ran.stdout.split()
