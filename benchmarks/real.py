"""Two public data sets, audited by the examples, each number beside what one would compute instead: `make real`.

ChexNet on NIH ChestX-ray14 (examples/chexnet) and MLRG drafts on Open-i (examples/openi_mlrg), by the commands
that a person would give, in a temporary workspace. The data lie beside the checkout, or where AUDITOR_SHARED says.

Exit code: 1 when a value is not what counting again gives (an AUROC: scikit-learn's to .002) or when intervals by
patient are narrower on average than naive ones; 2 where the data are missing or a command fails.
"""

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from calendar import monthrange
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks import real_chexnet, real_openi
from benchmarks.chexnet_data import ROOT, settings
from benchmarks.measure import CommandError
from benchmarks.real_beside import Part, mean_ratio
from benchmarks.table import header

SYSTEM: Final = "mlrg-openi"
_CODES: Final = (0, 1, 3)  # an audit that measured, whatever it found
#: Always the same key: patients fall into the same groups, and limits come out alike to the last digit.
_KEY: Final = hashlib.sha256(b"benchmarks.real").hexdigest()


class MissingError(RuntimeError):
    """The data sets are not there."""


class Station:
    """A folder in which commands are run, with workspace and keys inside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workspace = folder, folder / "workspace"
        folder.mkdir()
        key = folder / "key"
        key.write_text(_KEY)
        own = {name: value for name, value in os.environ.items() if not name.startswith("AUDITOR_")}
        self._environment = own | {
            "AUDITOR_WORKSPACE": str(self.workspace),
            "AUDITOR_KEY_FILE": str(key),
        }

    def run(self, *command: str, codes: Sequence[int] = _CODES) -> str:
        """Standard output of a Python command. Raises CommandError with the end of what it said when it fails."""
        print("…", *(Path(word).name for word in command), file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, *command], cwd=self.folder, env=self._environment, capture_output=True, text=True
        )
        if done.returncode not in codes:
            said = " ".join(done.stderr.split())[-300:]
            raise CommandError(f"{Path(command[0]).name} ended with exit code {done.returncode}: {said}")
        return done.stdout

    def report(self) -> dict[str, Any]:
        """The dossier of the report that an example wrote."""
        (path,) = (self.workspace / "report").glob("*-report.json")
        (dossier,) = json.loads(path.read_text(encoding="utf-8"))["dossiers"]
        found: dict[str, Any] = dossier
        return found


def shared() -> Path:
    """The folder of the data sets. Raises MissingError where it is not there."""
    folder = Path(os.environ.get("AUDITOR_SHARED", ROOT.parent / "shared")).resolve()
    for name in ("data/chexnet/predictions.csv.gz", "data/openi/mlrg_reports.csv", "tools/openi_reports.py"):
        if not (folder / name).is_file():
            raise MissingError(
                f"The real data sets are not here (no {name}): set AUDITOR_SHARED to the folder that holds them."
            )
    return folder


def chexnet(station: Station, data: Path) -> Part:
    """Run the example and lay its report beside the file it was made from."""
    predictions = data / "chexnet" / "predictions.csv.gz"
    script = str(ROOT / "examples" / "chexnet" / "run.py")
    station.run(script, str(predictions), "--workspace", str(station.workspace))
    return real_chexnet.part(real_chexnet.read(predictions, settings()), station.report()["rows"])


def openi(station: Station, data: Path) -> Part:
    """Run the example on the whole window, then audit each month by itself."""
    reports = station.folder / "reports.jsonl"
    station.run(str(data.parent / "tools" / "openi_reports.py"), str(reports), codes=(0,))
    files = [str(reports), str(data / "openi" / "mlrg_reports.csv"), str(data / "openi" / "studies.csv")]
    script = str(ROOT / "examples" / "openi_mlrg" / "run.py")
    station.run(script, *files, "--workspace", str(station.workspace))
    months = {}
    for month in months_of(data / "openi" / "studies.csv"):
        days = f"{month}-01", f"{month}-{monthrange(*map(int, month.split('-')))[1]}"
        said = station.run("-m", "auditor", "audit", SYSTEM, "--from", days[0], "--to", days[1], "--json")
        months[month] = json.loads(said)
    return real_openi.part(station.report(), months)


def months_of(studies: Path) -> list[str]:
    """The months in which studies were made, as 2011-03."""
    with studies.open(newline="", encoding="utf-8") as file:
        return sorted({row["study_date"][:7] for row in csv.DictReader(file)} - {""})


def problems(part: Part) -> list[str]:
    """What must not be: another value than counted again, or intervals by patient narrower than naive ones."""
    narrow = [
        f"{part.title}: the intervals of {kind} are narrower than naive ones ({mean_ratio(pairs):.2f})"
        for kind, pairs in part.beside.items()
        if not mean_ratio(pairs) >= 1
    ]
    return [*(f"{part.title}: {wrong}" for wrong in part.wrong), *narrow]


def show(part: Part, console: Console) -> None:
    """The notes, the tables, and what the intervals come to together."""
    console.rule(part.title)
    for line in part.notes:
        console.print(line)
    for one in part.tables:
        console.print(one)
    for kind, pairs in part.beside.items():
        console.print(
            f"{kind}: {len(pairs)} intervals, on average {mean_ratio(pairs):.2f} × as wide as naive ones "
            f"({min(p.ratio for p in pairs):.2f}–{max(p.ratio for p in pairs):.2f})"
        )
    told = [pair for pair in part.beside.get("gaps", []) if _excludes_zero(*pair.naive)]
    if told:
        kept = sum(_excludes_zero(pair.row["low"], pair.row["high"]) for pair in told)
        console.print(f"gaps that exclude 0: {len(told)} by the naive interval, {kept} of those by patient")


def _excludes_zero(low: float, high: float) -> bool:
    return low > 0 or high < 0


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            data = shared() / "data"
            parts = [chexnet(Station(folder / "chexnet"), data), openi(Station(folder / "openi"), data)]
        except (MissingError, CommandError) as error:
            print(error, file=sys.stderr)
            return 2
    return conclude(parts, time.perf_counter() - began)


def conclude(parts: Sequence[Part], seconds: float) -> int:
    """Print everything; exit code 1 where something is not as it must be."""
    console = Console(width=200, highlight=False, markup=False)
    for line in header():
        console.print(line)
    for part in parts:
        show(part, console)
    found = [problem for part in parts for problem in problems(part)]
    for problem in found:
        console.print(f"WRONG: {problem}")
    console.print(f"{len(found)} problems; {seconds:,.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
