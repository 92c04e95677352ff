"""False alarms of the demo hospital without its faults, over several seeds, beside the budget that it declares.

    python -m benchmarks.faultless [--seeds 20] [--first 0]

Each seed is a hospital of 26 weeks that is handed in and audited as the demo is. An alarm is a stop question's
chart that alarms, or a threshold of the system that says `act` in an audit (once a measure, finding and group,
however many audits repeat it). The budget of the demo is one false alarm a year; of many hospitals the count is
Poisson, and its 97.5 % point is the target.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from scipy import stats

from auditor.demo.hospital import simulate
from auditor.demo.run import Opened, alerts_of, live_through
from auditor.settings import parse_settings
from reports.dossier import Dossier


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    alarms: Counter[str] = Counter()
    watched: Counter[str] = Counter()
    years, budget, began = 0.0, 0.0, time.perf_counter()
    opened: list[Opened] = []
    for seed in range(asked.first, asked.first + asked.seeds):
        hospital = simulate(seed, faults=False)
        with tempfile.TemporaryDirectory() as folder:
            workspace, audits = live_through(hospital, Path(folder) / "twin", lambda stage, done, total: None)
            settings = parse_settings((workspace.path / "incoming" / "audit.yaml").read_text())
            opened += [one for one in alerts_of(workspace.ledger()) if one.severity != "watch"]
        years += hospital.weeks / 52
        budget += settings.alarms_a_year * hospital.weeks / 52
        acted, others = alarms_of(audits)
        alarms.update(acted)
        watched.update(others)
        print(f"seed {seed}: {len(acted)} alarms {sorted(acted)}", file=sys.stderr, flush=True)
    point = int(stats.poisson.ppf(0.975, budget))
    total = sum(alarms.values())
    said = "met" if total <= point else "MISSED"
    print(f"{asked.seeds} faultless hospitals, {years:.1f} years, {time.perf_counter() - began:,.0f} s")
    print(f"alarms: {total} (budget {budget:.1f}; its 97.5 % Poisson point {point}): {said}")
    for name, count in alarms.most_common():
        print(f"  {count:3d}  {name}")
    print(f"alerts opened, other than to watch: {len(opened)}")
    for one in opened:
        print(f"       {one.opened} {one.severity} {one.about}: {one.reason}")
    print(f"verdicts of watch whose whole interval lies beyond the bound: {sum(watched.values())}")
    for name, count in watched.most_common():
        print(f"  {count:3d}  {name}")


def alarms_of(audits: list[Dossier]) -> tuple[set[str], set[str]]:
    """What called for action at any time, and what was beyond its watch bound without doing so."""
    from auditor.demo.run import beyond_watch

    acted: set[str] = set()
    watched: set[str] = set()
    for dossier in audits:
        for row in dossier.rows:
            name = " ".join(filter(None, (row.measure, row.item, row.slice, row.contrast)))
            if row.status == "act":
                acted.add(name)
            elif beyond_watch(row):
                watched.add(name)
    return acted, watched


if __name__ == "__main__":
    main()
