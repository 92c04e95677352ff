"""A scheduler as a process: python -m … LEDGER_URL WORKSPACE LOG writes a line for each job that it starts.

Its lease is short, so that a test need not wait a minute for the next to take over.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from auditor.clock.children import Child, processes
from auditor.clock.clock import Clock
from auditor.clock.daemon import holder_name, run
from auditor.settings import Environment
from auditor.workspace import open_workspace


def main(url: str, folder: str, log: str) -> None:
    place = open_workspace(Environment(workspace=Path(folder), ledger=url))
    ledger = place.ledger()
    in_processes = processes(place, "clock")

    def start(row: dict[str, Any]) -> Child:
        with Path(log).open("a") as file:  # one short write: lines of several processes do not mix
            file.write(f"{row['id']} {row['attempt']} {os.getpid()}\n")
        return in_processes(row)

    clock = Clock(ledger, start, holder_name(), lease=timedelta(seconds=4))
    run(clock, ledger, heartbeat=timedelta(seconds=0.3), say=lambda line: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
