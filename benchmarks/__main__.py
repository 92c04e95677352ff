"""Speed and memory, side by side with what one would use instead: `make bench`.

python -m benchmarks            the real ChexNet set where it lies beside the checkout, else a simulated one
python -m benchmarks --quick    a tiny simulated set and one run each: that it works, not how fast it is
"""

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Size:
    """How much is measured, and how often."""

    images: int | None  # simulated images; None: the real set, or a simulated one of its size
    rows: int  # of each file that is ingested
    records: int  # that go into the ledger at once
    runs: int  # of everything that takes seconds
    starts: int  # of the start-up
    replicates: int  # of fairlearn's bootstrap, which is run once


FULL = Size(images=None, rows=200_000, records=5_000, runs=3, starts=9, replicates=100)
QUICK = Size(images=60, rows=600, records=50, runs=1, starts=1, replicates=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, no targets")
    quick = parser.parse_args().quick
    for name in ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"):
        os.environ[name] = "true"
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    run(QUICK if quick else FULL, targets=not quick)


def run(size: Size, targets: bool) -> None:
    """Measure everything and print the table."""
    # imported here: the processes that parse rows import this module again, and need none of it
    from benchmarks import audit_chexnet, groups, ingest, ledger
    from benchmarks.chexnet_data import predictions
    from benchmarks.measure import auditor
    from benchmarks.table import Figure, show

    load = os.getloadavg()[0]
    starts = [auditor("--help").seconds for _ in range(size.starts)]
    figures = [Figure.of("start-up: auditor --help", starts, "s", "–", at_most=1 if targets else None)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = predictions(folder, size.images)
        say(f"taking in {chosen.origin}")
        prepared = folder / "prepared"
        audit_chexnet.prepare(prepared, chosen.path)
        say("auditing it")
        audited = audit_chexnet.measure(prepared, folder, size.runs, targets)
        say(f"group metrics, ours and fairlearn's (n_boot={size.replicates}: some minutes for the full set)")
        compared = groups.measure(prepared, size.runs, size.replicates)
    say(f"ingesting {size.rows:,} rows of each kind")
    figures += [*audited.figures, *ingest.measure(size.rows, size.runs, targets)]
    figures += [*ledger.measure(size.records, size.runs, targets), *compared]
    notes = [f"Audit and group metrics: {chosen.origin}; {audited.judgements:,} (output, finding) judgements."]
    notes.append(
        f"Load average at the start: {load:.2f} (what others run at the same time makes every figure worse)."
    )
    if not targets:
        notes.append("Quick: sizes too small for any figure to mean something; no targets are set.")
    show(notes, figures)


def say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
