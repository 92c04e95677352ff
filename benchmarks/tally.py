"""Tallies and what is read from them, at a million judgements and up: `make bench-tally`, the end of `make bench`.

python -m benchmarks.tally            a simulated year of 1,000,000 rows of each kind; the slope goes to 10,000,000
python -m benchmarks.tally --quick    a few hundred rows, one run each: that it works, not how fast it is

Files are made by another process before any clock starts. Every work is a process of its own, so that its peak
memory is its own; its seconds are taken inside, without the start of Python. Tallies are made from a Parquet file,
of which one row group is held at a time. A day more in a year is summed as an audit does it: from the kept sums of
weeks and of eight weeks, and the days since the last Monday.
"""

import argparse
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import python
from benchmarks.table import Figure, show

_MANY = 1_000


@dataclass(frozen=True)
class Size:
    """How much is measured, and how often."""

    rows: int
    runs: int
    slope: tuple[int, ...]
    n_boot: (
        int  # of fairlearn, once: one replicate of 40 groups over a million rows takes it half a minute or more
    )


FULL = Size(1_000_000, 5, (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000), 3)
QUICK = Size(700, 1, (100, 300), 1)


@dataclass(frozen=True)
class Bench:
    """Where the files lie, how much there is to do, and whether misses are to be called misses."""

    folder: Path
    size: Size
    targets: bool

    def file(self, task: str, rows: int) -> str:
        path = self.folder / f"{task}-{rows}.parquet"
        if not path.exists():
            python("benchmarks.judged_rows", task, str(rows), str(path))
        return str(path)

    def work(self, what: str, task: str, rows: int | None = None, runs: int | None = None) -> tuple[Any, float]:
        """What a piece of work printed, and its peak memory in GB."""
        path = self.file(task, rows or self.size.rows)
        used = python("benchmarks.tally_work", what, path, str(runs or self.size.runs))
        return json.loads(used.output), used.peak_gb

    def at_most(self, bound: float) -> float | None:
        return bound if self.targets else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, no targets")
    quick = parser.parse_args().quick
    load = os.getloadavg()[0]
    figures = measure(QUICK if quick else FULL, targets=not quick)
    show([f"Load average at the start: {load:.2f} (what others run at the same time makes it worse)."], figures)


def measure(size: Size, targets: bool) -> list[Figure]:
    """Everything, in the order of the table."""
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), size, targets)
        return [*_tallies(bench), *_read(bench), *_day(bench), *_groups(bench), *_slope(bench)]


def _tallies(bench: Bench) -> list[Figure]:
    figures = []
    for task, judgements in (("report", "report judgements"), ("classification", "judgements of 14 findings")):
        made, peak = bench.work(f"tally-{task}", task)
        name = f"tally of {made['rows']:,} {judgements}, {made['cells']:,} cells"
        figures += [Figure.of(name, made["seconds"], "s", "", bench.at_most(5.0)), _peak(peak, bench)]
        made, peak = bench.work(f"tally-{task}-all", task, runs=1)
        name = f"  by every monitor of the task, {made['cells']:,} cells"
        figures += [Figure.of(name, made["seconds"], "s", ""), _peak(peak, bench)]
    return figures


def _read(bench: Bench) -> list[Figure]:
    figures = []
    for task, of in (("report", "error rates of drafts"), ("classification", "classifier, findings pooled")):
        made, peak = bench.work(f"read-{task}", task)
        both = [a + b for a, b in zip(made["measured"], made["replicated"], strict=True)]
        name = f"{of}: {made['slices']} slices, intervals, gaps, {_MANY:,} replicates"
        figures += [
            Figure.of(name, both, "s", "", bench.at_most(10.0)),
            Figure.of(_counted(made), made["measured"], "s", ""),
            Figure.of(f"  {made['replicates']:,} replicated values", made["replicated"], "s", ""),
            _peak(peak, bench),
        ]
    made, peak = bench.work("read-findings", "classification", runs=1)
    name = f"each of {made['items']} findings in {made['slices']} slices:"
    return [*figures, Figure.of(name + _counted(made)[1:], made["measured"], "s", ""), _peak(peak, bench)]


def _counted(made: Any) -> str:
    levels, gaps, joint = made["counts"]
    return f"  {levels:,} levels, {gaps:,} gaps, {joint:,} joint gaps"


def _day(bench: Bench) -> list[Figure]:
    bench.work("keep-days", "report")
    made, peak = bench.work("day", "report")
    names = {
        "tallied": f"  tally of its {made['rows']:,} rows",
        "fetched": f"  {made['pieces']} kept sums of the {made['days'] - 1} other days, from their bytes",
        "merged": "  their sum",
        "levels": "  every level in 40 slices",
    }
    whole = [sum(runs) for runs in zip(*(made[name] for name in names), strict=True)]
    instead = f"  instead of kept sums: {made['days']} days, from their bytes, and their sum"
    return [
        Figure.of("one day more in a year of drafts", whole, "s", "every level again", bench.at_most(1.0)),
        *(Figure.of(title, made[name], "s", "") for name, title in names.items()),
        Figure.of(instead, made["by_days"], "s", ""),
        _peak(peak, bench),
    ]


def _groups(bench: Bench) -> list[Figure]:
    """Ours and fairlearn's; refuses to compare what is not the same."""
    path = bench.file("classification", bench.size.rows)
    us = json.loads(python("benchmarks.tally_groups", "ours", path, str(bench.size.runs)).output)
    them = json.loads(python("benchmarks.tally_groups", "fairlearn", path, str(bench.size.n_boot)).output)
    _check_same(us["groups"], them["groups"])
    ours = Figure.of(
        f"3 metrics in {len(us['groups'])} groups, {_MANY:,} replicates of patients, from the rows on",
        [a + b for a, b in zip(us["tallied"], us["replicated"], strict=True)], "s", "fairlearn, below",
    )  # fmt: skip
    each = (them["bootstrap"] - them["plain"]) / bench.size.n_boot
    boot = f"n_boot={bench.size.n_boot}"
    thousand = them["plain"] + _MANY * each
    basis, instead = "EXTRAPOLATED", f"linear in n_boot, from {boot}; not measured"
    rows = f"fairlearn MetricFrame, the same {them['rows']:,} rows and groups"
    at_least = 1_000.0 if bench.targets else None
    return [
        ours,
        Figure.of("  of that from the tally on", us["replicated"], "s", ""),
        Figure.of(f"{rows}, no interval", [them["plain"]], "s", "is what one would use instead"),
        Figure.of(f"{rows}, {boot}", [them["bootstrap"]], "s", "is what one would use instead"),
        Figure(f"  its {boot} over our {_MANY:,}", them["bootstrap"] / ours.value, "×", "from the two", ""),
        Figure(f"  its n_boot={_MANY:,}", thousand, "s", basis, instead),
        Figure(f"  its {_MANY:,} over our {_MANY:,}", thousand / ours.value, "×", basis, instead, None, at_least),
    ]


def _check_same(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> None:
    """The same groups and point values, but for rates without any case: NaN of ours, 0 of fairlearn's."""
    if {name for name, values in ours.items() if any(a == a for a in values)} != theirs.keys():
        raise RuntimeError("The groups differ; their times would not compare.")
    pairs = [(a, b) for name in theirs for a, b in zip(ours[name], theirs[name], strict=True) if a == a]
    if not pairs or max(abs(a - b) for a, b in pairs) > 1e-9:
        raise RuntimeError("Point values differ; their times would not compare.")


def _slope(bench: Bench) -> list[Figure]:
    """The tally of drafts again, at several sizes, once each."""
    figures = []
    for rows in bench.size.slope:
        made, peak = bench.work("tally-report", "report", rows, runs=1)
        name = f"slope: {made['rows']:,} report judgements, {made['sums']:,} sums"
        figures += [Figure.of(name, made["seconds"], "s", ""), _peak(peak, bench)]
    return figures


def _peak(peak: float, bench: Bench) -> Figure:
    return Figure.of("  its peak memory, children included", [peak], "GB", "", bench.at_most(2.0))


if __name__ == "__main__":
    main()
