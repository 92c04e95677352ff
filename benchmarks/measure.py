"""Run a command as a user would, and say how long it took and how much memory it and its children held."""

import math
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Between two looks at the processes. A peak shorter than this is still seen where one process has it.
_EVERY = 0.02


class CommandError(RuntimeError):
    """A command that a benchmark is made of did not do what it was asked for."""


@dataclass(frozen=True)
class Usage:
    """What one command cost: wall time, peak resident memory, and what it printed."""

    seconds: float
    peak_gb: float  # 10⁹ bytes; NaN where the system has no /proc
    output: str


def auditor(*arguments: str, environment: Mapping[str, str] | None = None, allowed: Sequence[int] = (0,)) -> Usage:
    """`python` with an `auditor` command."""
    return python("auditor", *arguments, environment=environment, allowed=allowed)


def python(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None, allowed: Sequence[int] = (0,)
) -> Usage:
    """Run a module in a process of its own.

    Peak memory is the largest sum of resident sizes over the process and its descendants seen at one moment
    (pages that they share count for each, so it errs upwards), and no less than the largest high-water mark of
    any one of them.

    Raises CommandError with the end of what the command said when its exit code is not allowed.
    """
    command = [sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as told:
        began = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=out, stderr=told)
        peak = 0 if Path("/proc/self/status").exists() else math.nan
        while True:
            peak = max(peak, resident(process.pid)) if peak == peak else peak
            try:
                code = process.wait(_EVERY)
                break
            except subprocess.TimeoutExpired:
                continue
        seconds = time.perf_counter() - began
        out.seek(0)
        told.seek(0)
        output, said = out.read().decode(), told.read().decode(errors="replace")
    if code not in allowed:
        raise CommandError(f"{module} {arguments[0]} ended with exit code {code}: {said.strip()[-2000:]}")
    return Usage(seconds, peak / 1e9, output)


def resident(root: int) -> int:
    """Bytes that a process and its descendants hold now, or the most that one of them has held if that is more."""
    now, most = 0, 0
    for pid in _family(root):
        sizes = _status(pid)
        now += sizes.get("VmRSS", 0)
        most = max(most, sizes.get("VmHWM", 0))
    return max(now, most)


def _family(root: int) -> list[int]:
    """A process and all that descend from it."""
    children = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # the name may hold spaces and brackets; the parent is the second field after it
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue  # ended while we looked
        children[parent].append(int(folder.name))
    family = [root]
    for pid in family:
        family += children[pid]
    return family


def _status(pid: int) -> dict[str, int]:
    """The memory lines of /proc/PID/status in bytes; empty when the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {
        line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))
    }
