"""The weekly report at fleet size: ten systems, 52 weekly audits each, 40 measures in 12 slices.

    make bench-reports

The ledger is filled with measurements of the right shape, not audited; beside the report stands what one would use
instead: a table of the same numbers by pandas, without figures, evidence or PDF.
"""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from auditor.issuing.issue import issue_fleet, issue_weekly
from auditor.registry import apply_settings
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from monitors.catalogue import CATALOGUE

SYSTEMS, WEEKS, MEASURES, SLICES = 10, 52, 40, 12
START = datetime(2026, 1, 5, 6, tzinfo=UTC)
YAML = """
system: {name}
title: System {name}
owner: Radiology informatics
intended_use: Drafts reports.
tasks: {{report: {{}}, classification: {{}}, vqa: {{}}}}
slices: [site]
thresholds:
  - {{measure: contradicted_reports, watch: 0.10, act: 0.15, approver: committee}}
  - {{measure: sensitivity, watch: 0.7, act: 0.6, approver: committee}}
"""


def _chosen() -> list[tuple[str, Any]]:
    found = [
        (monitor.task, one)
        for monitor in CATALOGUE
        if monitor.task in ("report", "classification", "vqa")
        for one in monitor.measures
        if one.unit in ("share", "score")
    ]
    assert len(found) >= MEASURES
    return found[:MEASURES]


def _audit(name: str, week: int, seq: int, rng: np.random.Generator) -> dict[str, list[dict[str, Any]]]:
    """The rows of one weekly audit."""
    audit, at = f"{name}-{week:02d}", START + timedelta(weeks=week)
    end = at.date() - timedelta(days=1)
    window = {"window_start": end - timedelta(days=27), "window_end": end}
    row = {"id": audit, "seq": seq, "system": name, "key": audit, "config": "", "as_of": at, "segment_pin": 0}
    row |= {"inputs": "i" * 64, "code": "0.1.0+bench", "seed": 0, "status": "watch", "versions": ["1"]} | window
    row |= {"started_at": at, "finished_at": at}
    measurements = []
    slices = ["all", *(f"site={chr(65 + i)}" for i in range(SLICES - 1))]
    for task, measure in _chosen():
        for where in slices:
            value = float(rng.uniform(0.05, 0.2) if "higher" in measure.direction else rng.uniform(0.75, 0.95))
            about = {
                "measure": measure.name,
                "monitor": "bench",
                "monitor_version": 1,
                "task": task,
                "version": "1",
            }
            numbers = {"value": value, "low": value - 0.03, "high": value + 0.03, "n": 400, "events": 400 * value}
            about |= {"item": "", "slice": where, "contrast": "", **window, **numbers, "n_eff": 380.0}
            about |= {"patients": 350, "patients_exact": True, "deff": 1.05, "interval": "Jeffreys", "note": ""}
            measurements.append({"audit": audit, "number": len(measurements), **about})
    bounds = [i for i, m in enumerate(measurements) if m["slice"] == "all"]
    verdicts = [
        {
            "audit": audit,
            "number": number,
            "measurement": i,
            "threshold": {"watch": 0.1, "act": 0.3, "current": True},
            "status": "watch",
            "reason": "The interval reaches the bound.",
        }
        for number, i in enumerate(bounds[:12])
    ]
    return {"audits": [row], "measurements": measurements, "verdicts": verdicts, "details": _details(audit, week)}


def _details(audit: str, week: int) -> list[dict[str, Any]]:
    flow = {"version": "1", "outputs": 1000, "linked": 950, "judged": 940, "awaiting": 50, "unparseable": 4}
    flow |= {"judge_failed": 2, "output_error": 4, "undated": 0, "cases": 990, "patients": 900}
    flows = [flow | {"task": task, "study_clustered_share": 0.0} for task in ("report", "classification", "vqa")]
    trend = [
        {
            "measure": measure.name, "task": task, "version": "1", "slice": "all",
            "window_start": (START + timedelta(weeks=back)).date().isoformat(), "value": 0.1, "low": 0.07,
            "high": 0.13, "n": 250, "patients": 220, "mature": True,
        }
        for task, measure in _chosen()[:6]
        for back in range(max(0, week - 13), week)
    ]  # fmt: skip
    payloads: dict[str, Any] = {
        "flows": flows, "current_version": "1", "version_changes": [], "segments": 3, "journal_head": "h" * 64,
        "judges": [["report", "rules 0123456789ab"]], "evidently": {}, "trend": trend, "parity": [],
        "reliability": [], "drift": [], "exemplars": [], "templates": [],
    }  # fmt: skip
    return [{"audit": audit, "kind": kind, "payload": payload} for kind, payload in payloads.items()]


def fill(ledger: Ledger, systems: int = SYSTEMS, weeks: int = WEEKS) -> None:
    """The ledger of a fleet after so many weeks."""
    rng = np.random.default_rng(0)
    for number in range(systems):
        name = f"system-{number}"
        config = apply_settings(ledger, YAML.format(name=name), "audit.yaml", "bench", START, "").config
        for week in range(weeks):
            rows = _audit(name, week, number * weeks + week + 1, rng)
            rows["audits"][0]["config"] = config
            with ledger.transaction("bench", START + timedelta(weeks=week)) as tx:
                for table in ("audits", "measurements", "verdicts", "details"):
                    tx.insert(t.PROJECTIONS[table], rows[table])


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        start = time.perf_counter()
        ledger, lake = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}"), Lake(str(folder / "lake"))
        ledger.create()
        lake.create()
        fill(ledger)
        count = ledger.read(sa.select(sa.func.count().label("n")).select_from(t.measurements))[0]["n"]
        print(f"filled: {count:,} measurements of {SYSTEMS} systems in {time.perf_counter() - start:.0f} s")
        at = START + timedelta(weeks=WEEKS)
        common: dict[str, Any] = {"actor": "bench", "alarms_a_year": 2.0}
        timings = {}
        for label, make in (
            ("weekly report, first in a process", lambda: issue_weekly(ledger, lake, "system-0", at=at, **common)),
            ("weekly report of another system", lambda: issue_weekly(ledger, lake, "system-1", at=at, **common)),
            ("weekly report, a week later", lambda: issue_weekly(
                ledger, lake, "system-1", audit="system-1-50", at=at, **common)),
            ("report of the fleet", lambda: issue_fleet(ledger, lake, at=at, **common)),
        ):  # fmt: skip
            start = time.perf_counter()
            issued = make()
            timings[label] = time.perf_counter() - start
            sizes = ", ".join(f"{name} {len(data) / 1e6:.1f} MB" for name, data in issued.files.items())
            print(f"{label:40s} {timings[label]:6.2f} s   {sizes}")
        start = time.perf_counter()
        rows = ledger.read(sa.select(t.measurements).where(t.measurements.c.audit == "system-0-51"))
        page = pd.DataFrame([dict(row) for row in rows]).to_html()
        plain = time.perf_counter() - start
        ratio = timings["weekly report of another system"] / plain
        print(
            f"{'the same numbers as a pandas table':40s} {plain:6.2f} s  {len(page) / 1e6:.1f} MB, × {ratio:.0f}"
        )
        ledger.close()


if __name__ == "__main__":
    main()
