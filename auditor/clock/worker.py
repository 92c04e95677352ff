"""One job in a process of its own: python -m auditor.clock.worker '{"job": …, "system": …, "options": …}'

It says how it ended as one line of JSON. Its standard input is a pipe that the scheduler holds and never writes
to: when the scheduler is gone, even killed, the pipe ends and so does the job, before another scheduler's try.
"""

import json
import os
import sys
import threading
from dataclasses import asdict

from auditor import telemetry


def _end_with_the_scheduler() -> None:
    sys.stdin.read()
    os._exit(75)


def main(told: str) -> None:
    """Do the job."""
    telemetry.switch_off()
    threading.Thread(target=_end_with_the_scheduler, daemon=True).start()

    from datetime import UTC, datetime

    from auditor.clock.jobs import Work, run_job
    from auditor.settings import Environment
    from auditor.workspace import open_workspace

    asked = json.loads(told)
    place = open_workspace(Environment())
    actor = os.environ.get("AUDITOR_ACTOR", "clock")
    work = Work(place, asked["system"], asked["options"], lambda: datetime.now(UTC), actor)
    print_to, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no outcome
    outcome = run_job(asked["job"], work)
    print_to.write(json.dumps(asdict(outcome)) + "\n")
    print_to.flush()
    os._exit(0)  # threads that libraries left behind are not waited for


if __name__ == "__main__":
    main(sys.argv[1])
