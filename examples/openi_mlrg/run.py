"""Audit a public report generator on public chest studies, from three files to an HTML report.

    python examples/openi_mlrg/run.py REPORTS.jsonl mlrg_reports.csv studies.csv [--workspace DIR] [--months]
        [--plant DAY]

REPORTS.jsonl: radiologists' reports (uid, findings, impression, indication); mlrg_reports.csv: drafts (uid,
image, report); studies.csv: uid, study_date, age, views, vendor. `--months` audits each month as well.
`--plant 2012-01-01` adds a pneumothorax to every third draft from that day on, to see an auditor find it, and the
report says so.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
from calendar import monthrange
from pathlib import Path

HERE = Path(__file__).parent
SYSTEM = "mlrg-openi"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", type=Path)
    parser.add_argument("drafts", type=Path)
    parser.add_argument("studies", type=Path)
    parser.add_argument("--workspace", type=Path, default=Path("openi-workspace"))
    parser.add_argument("--months", action="store_true")
    parser.add_argument("--plant", metavar="DAY")
    asked = parser.parse_args()

    with asked.studies.open(newline="") as file:
        days = {row["uid"]: row["study_date"] or None for row in csv.DictReader(file)}
    workspace = asked.workspace.resolve()
    if not (workspace / "workspace.json").exists():
        auditor(workspace, "init", str(workspace))
    prepared = prepare(asked.reports, asked.drafts, days, workspace / "prepared", asked.plant)
    settings = workspace / "prepared" / "audit.yaml"
    settings.write_text(settings_text(asked.plant))
    auditor(workspace, "apply", str(settings))
    for kind, file in (("cases", asked.studies), *prepared.items()):
        auditor(workspace, "ingest", kind, str(file), "--system", SYSTEM, "--mapping", str(HERE / f"{kind}.yaml"))
    if asked.months:
        for month in sorted({day[:7] for day in days.values() if day}):
            last = monthrange(int(month[:4]), int(month[5:]))[1]
            auditor(
                workspace, "audit", SYSTEM, "--from", f"{month}-01", "--to", f"{month}-{last}", ok=(0, 1, 3, 2)
            )
    window = ("--from", asked.plant) if asked.plant else ()
    code = auditor(workspace, "audit", SYSTEM, *window, ok=(0, 1, 3))
    auditor(workspace, "report", SYSTEM, "--format", "html,pdf,json", "--output", str(workspace / "report"))
    return code


def settings_text(plant: str | None) -> str:
    """The settings; where a fault is planted, every page of the report must say so."""
    text = (HERE / "audit.yaml").read_text()
    if plant is None:
        return text
    title = "title: MLRG report drafts on Open-i"
    why = f"A fault was planted in its drafts from {plant} on."
    return (
        text.replace(title, f"{title}, with a fault planted from {plant} on")
        + f"""
not_measured:
  - what: The system as it is
    reason: {why}
"""
    )


def prepare(
    reports: Path, drafts: Path, days: dict[str, str | None], folder: Path, plant: str | None
) -> dict[str, Path]:
    """Give drafts and reports the day of their study, which lies in another file."""
    folder.mkdir(parents=True, exist_ok=True)
    with drafts.open(newline="") as file:
        outputs = [row | {"study_date": days.get(row["uid"])} for row in csv.DictReader(file)]
    for row in outputs:
        if plant and (row["study_date"] or "") >= plant and int(row["uid"]) % 3 == 0:
            row["report"] += " there is a large left pneumothorax."
    references = []
    for line in reports.read_text().splitlines():
        report = json.loads(line)
        uid = str(report["uid"])
        sections = {
            f"{name}_section": f"{name.upper()}: {report[name]}" if report[name] else None
            for name in ("findings", "impression")
        }
        kept = {"uid": uid, "indication": report["indication"] or None, "study_date": days.get(uid)}
        if any(sections.values()):
            references.append(kept | sections)
    written = {}
    for kind, rows in (("references", references), ("outputs", outputs)):
        written[kind] = folder / f"{kind}.jsonl"
        written[kind].write_text("".join(json.dumps(row) + "\n" for row in rows))
    return written


def auditor(workspace: Path, *command: str, ok: tuple[int, ...] = (0,)) -> int:
    """Run one command as a person would, and stop where it refuses."""
    print("$ auditor", *command, file=sys.stderr)
    environment = os.environ | {"AUDITOR_WORKSPACE": str(workspace)}
    code = subprocess.run([sys.executable, "-m", "auditor", *command], env=environment).returncode
    if code not in ok:
        sys.exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
