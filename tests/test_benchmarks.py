"""The benchmarks run and print their table. How fast anything is, is no test: machines differ."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measure import CommandError, auditor, resident
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


@pytest.mark.parametrize(("value", "met"), [(59.0, "yes"), (60.0, "NO"), (math.nan, "NO")])
def test_a_target_is_met_only_below_it_and_never_by_what_was_not_measured(value: float, met: str) -> None:
    assert Figure.of("audit", [value], "s", "", at_most=60).met == met


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_counts_the_children_of_children() -> None:
    held = "held = bytes(1) * 300_000_000; print(len(held), flush=True); input()"
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "300000000"
        # of the child alone: this process may give memory back in the meantime
        assert resident(child.pid) > 300_000_000
        child.communicate("\n")


def test_a_command_that_fails_is_told_and_never_timed(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no workspace"):
        auditor("audit", "nobody", environment={"AUDITOR_WORKSPACE": str(tmp_path / "none")})
