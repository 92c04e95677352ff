"""The benchmarks run and print their table. How fast anything is, is no test: machines differ."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import judged_rows, tally, tally_groups, tally_work
from benchmarks.measure import CommandError, auditor, resident
from benchmarks.table import Figure
from monitors.editing import EDITING


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
        "50 rows, journalled",
        "n_boot=2",
        "EXTRAPOLATED",
    ):
        assert figure in ran.stdout, figure
    assert "NO" not in ran.stdout.split()


def test_a_million_judgements_in_small(tmp_path: Path) -> None:
    for task in ("report", "classification"):
        judged_rows.write(task, 700, tmp_path / task)
        assert sum(part.num_rows for part in judged_rows.parts(tmp_path / task)) == 700
    tallied = tally_work.WORK["tally-report"](tmp_path / "report", 1)
    assert tallied["rows"] == 700
    assert tallied["sums"] > 700
    read = tally_work.read([EDITING], tmp_path / "report", 1)
    assert read["replicates"] == (1 + read["slices"]) * tally_work.REPLICATES * len(EDITING.measures)
    assert min(read["counts"]) > 0
    tally_work.WORK["keep-days"](tmp_path / "report", 1)
    assert tally_work.WORK["day"](tmp_path / "report", 1)["days"] == 365
    groups = tally_groups.ours(tmp_path / "classification", 1)["groups"]
    tally._check_same(groups, tally_groups.fairlearn(tmp_path / "classification", 1)["groups"])
    name = next(iter(groups))
    with pytest.raises(RuntimeError, match="differ"):
        tally._check_same(groups, {name: groups[name]})


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
