"""Where a run is done: in a process of its own that can be stopped, or here and now under simulated time."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from auditor.clock.jobs import Outcome, Work, run_job
from auditor.workspace import Workspace

#: How long a process that was asked to end may take before it is killed, in seconds.
PATIENCE: Final = 10.0


class Child(Protocol):
    """A run that was started."""

    def poll(self) -> Outcome | None:
        """How it ended, None while it goes on."""

    def stop(self) -> None:
        """End it now; what it did so far is done again by the next try."""


#: Starts the run of a row of `job_runs` joined with the options of its schedule.
Starter = Callable[[dict[str, Any]], Child]


@dataclass(frozen=True)
class _Done:
    outcome: Outcome

    def poll(self) -> Outcome | None:
        return self.outcome

    def stop(self) -> None:
        """It has ended already."""


def here(workspace: Workspace, clock: Callable[[], datetime], actor: str) -> Starter:
    """Runs in this process, to the end, at the time that `clock` gives."""

    def start(run: dict[str, Any]) -> Child:
        return _Done(run_job(run["job"], Work(workspace, run["system"], run["options"], clock, actor)))

    return start


class _Process:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def poll(self) -> Outcome | None:
        if (code := self._process.poll()) is None:
            return None
        assert self._process.stdout is not None
        said = self._process.stdout.read()
        self._close()
        try:
            told = json.loads(said)
            return Outcome(bool(told["ok"]), str(told["note"]))
        except (ValueError, KeyError, TypeError):
            return Outcome(False, f"The job's process ended with exit code {code} and said nothing.")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def processes(workspace: Workspace, actor: str) -> Starter:
    """Runs in processes of their own. They end when this one does, however it ends: see `worker`."""
    place = {
        "AUDITOR_WORKSPACE": str(workspace.path),
        "AUDITOR_LEDGER": workspace.ledger_url,
        "AUDITOR_LAKE": workspace.lake_uri,
        "AUDITOR_KEY_FILE": str(workspace.key_file),
        "AUDITOR_ACTOR": actor,
    }

    def start(run: dict[str, Any]) -> Child:
        work = {name: run[name] for name in ("job", "system", "options")}
        process = subprocess.Popen(  # noqa: S603 - our own module, and what the ledger says as one JSON argument
            [sys.executable, "-m", "auditor.clock.worker", json.dumps(work)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # tracebacks quote values; the worker names what can be said
            text=True,
            env={**os.environ, **place},
            start_new_session=True,  # a Ctrl-C at the terminal is for the scheduler, which ends its jobs in order
        )
        return _Process(process)

    return start
