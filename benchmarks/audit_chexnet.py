"""What `auditor audit` costs on the ChexNet set, the first time and when nothing has changed."""

import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from auditor.intake.ingest import ingest
from auditor.intake.mapping import parse_mapping
from auditor.records import Kind
from auditor.settings import Environment
from auditor.workspace import open_workspace
from benchmarks.chexnet_data import EXAMPLE, settings
from benchmarks.measure import CommandError, Usage, auditor
from benchmarks.table import Figure

SYSTEM = "chexnet-nih"


@dataclass(frozen=True)
class Audited:
    """The figures, and what was audited, read from the audit's own record."""

    figures: list[Figure]
    judgements: int
    slices: int


def prepare(workspace: Path, predictions: Path) -> None:
    """A workspace with the set taken in, with the files of the example; its key lies beside it.

    In this process: nothing of it is timed, and each command would load the libraries of the checks anew.
    """
    with_key = environment(workspace)
    auditor("init", str(workspace), "--template", "classifier", environment=with_key)
    auditor("apply", str(EXAMPLE / "audit.yaml"), environment=with_key)
    place = open_workspace(Environment(workspace=workspace))
    ledger, lake = place.ledger(), place.lake()
    kinds: tuple[Kind, ...] = ("cases", "references", "outputs")
    for kind in kinds:
        ingest(
            predictions,
            kind,
            settings=settings(),
            mapping=parse_mapping((EXAMPLE / f"{kind}.yaml").read_text(encoding="utf-8"), kind, f"{kind}.yaml"),
            ledger=ledger,
            lake=lake,
            key=place.key(),
            received_at=datetime.now(UTC),
            actor="benchmark",
        )
    ledger.close()


def measure(prepared: Path, folder: Path, runs: int, targets: bool) -> Audited:
    """Audit fresh copies of a prepared workspace, each twice."""
    first, second = [], []
    found: dict[str, object] = {}
    for run in range(runs):
        workspace = folder / f"audited-{run}"
        shutil.copytree(prepared, workspace)
        # the written bytes of the copy would otherwise go to disk while the clock runs
        os.sync()
        first.append(_audit(workspace, cached=False))
        second.append(_audit(workspace, cached=True))
        found = json.loads(first[-1].output)
        shutil.rmtree(workspace)
    judgements, slices = _size(found)
    what = f"{judgements:,} judgements, {slices} slices"
    script = "a script with scikit-learn and fairlearn: no record, no verdict, nothing kept (not measured)"
    return Audited(
        [
            Figure.of(
                f"audit, {what}, first time",
                [u.seconds for u in first],
                "s",
                script,
                at_most=60 if targets else None,
            ),
            Figure.of(
                "  its peak memory, children included",
                [u.peak_gb for u in first],
                "GB",
                "",
                at_most=1.5 if targets else None,
            ),
            Figure.of(
                "audit again, nothing has changed",
                [u.seconds for u in second],
                "s",
                "the whole script again",
                at_most=2 if targets else None,
            ),
            Figure.of("  its peak memory, children included", [u.peak_gb for u in second], "GB", ""),
        ],
        judgements,
        slices,
    )


def environment(workspace: Path) -> dict[str, str]:
    """Names the workspace, and keeps its key out of the user's own folder of keys."""
    return {"AUDITOR_WORKSPACE": str(workspace), "AUDITOR_KEY_FILE": str(workspace.parent / "benchmark.key")}


def _audit(workspace: Path, cached: bool) -> Usage:
    usage = auditor("audit", SYSTEM, "--json", environment=environment(workspace), allowed=(0, 1, 3))
    if json.loads(usage.output)["cached"] is not cached:
        raise CommandError(f"The audit should{'' if cached else ' not'} have come from the cache.")
    return usage


def _size(audit: dict[str, object]) -> tuple[int, int]:
    """Judgements (one an output and finding) and slices, from what the audit recorded."""
    rows = audit["measurements"]
    assert isinstance(rows, list)
    levels = [row for row in rows if row["measure"] == "prevalence" and row["contrast"] == ""]
    whole = [row["n"] for row in levels if row["slice"] == "all" and row["item"] == ""]
    return int(sum(whole)), len({row["slice"] for row in levels} - {"all"})
