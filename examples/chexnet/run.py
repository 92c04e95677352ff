"""Audit a public finding classifier on public labels, from one CSV file to an HTML report.

    python examples/chexnet/run.py predictions.csv.gz [--workspace DIR]

The file holds images, patients, attributes, labels and scores side by side; three mappings read it three times.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SYSTEM = "chexnet-nih"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("--workspace", type=Path, default=Path("chexnet-workspace"))
    asked = parser.parse_args()
    workspace = asked.workspace.resolve()
    if not (workspace / "workspace.json").exists():
        auditor(workspace, "init", str(workspace), "--template", "classifier")
    auditor(workspace, "apply", str(HERE / "audit.yaml"))
    for kind in ("cases", "references", "outputs"):
        mapping = str(HERE / f"{kind}.yaml")
        auditor(workspace, "ingest", kind, str(asked.predictions), "--system", SYSTEM, "--mapping", mapping)
    code = auditor(workspace, "audit", SYSTEM, ok=(0, 1, 3))
    auditor(workspace, "report", SYSTEM, "--format", "html,json", "--output", str(workspace / "report"))
    return code


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
