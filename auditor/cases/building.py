"""Making the index of an audit beside the pages that wait for it: once, whoever asks, and never in their way."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from auditor.cases.build import build, delete_abandoned
from auditor.cases.errors import CasesError
from auditor.cases.index import CaseIndex
from auditor.cases.seen import Seen, seen_by
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger

#: Indexes of a workspace that are kept, the newest: at a million outputs one takes some hundred megabytes.
KEPT: Final = 6


@dataclass(frozen=True)
class Progress:
    """How far the work is, or why it cannot be done."""

    stage: str = "starting"
    done: int = 0
    total: int = 1
    failed: str | None = None

    @property
    def percent(self) -> int:
        return min(99, 100 * self.done // max(self.total, 1))


@dataclass
class _Work:
    lock: threading.Lock = field(default_factory=threading.Lock)
    turn: threading.Lock = field(default_factory=threading.Lock)  # of pages' work: one at a time, however many ask
    going: dict[Path, Progress] = field(default_factory=dict)


#: What this process is at. Another process that makes the same file does the work twice, and ends with the same.
_WORK: Final = _Work()


def path_of(workspace: Path, seen: Seen) -> Path:
    """Where the index of what an audit saw lies; another path once the lake was rewritten."""
    return workspace / "cache" / f"cases-{seen.name}.sqlite"


def ready(workspace: Path, seen: Seen) -> CaseIndex | None:
    """The index, where it has been made."""
    path = path_of(workspace, seen)
    return CaseIndex(path) if path.is_file() else None


def progress_of(workspace: Path, seen: Seen) -> Progress | None:
    """How far the work on an index is; None where none is going on. A failure is told once, then forgotten."""
    path = path_of(workspace, seen)
    with _WORK.lock:
        found = _WORK.going.get(path)
        if found and found.failed:
            del _WORK.going[path]
        return found


def start(ledger: Ledger, lake: Lake, workspace: Path, seen: Seen) -> None:
    """Make the index in a thread of its own, unless it is there or being made."""
    path = path_of(workspace, seen)
    with _WORK.lock:
        if path.is_file() or path in _WORK.going:
            return
        _WORK.going[path] = Progress()
    threading.Thread(target=_make, args=(ledger, lake, workspace, seen), name="cases", daemon=True).start()


def make(ledger: Ledger, lake: Lake, workspace: Path, seen: Seen) -> CaseIndex:
    """The index, made now if need be. Raises CasesError or StoreError where it cannot be made."""
    path = path_of(workspace, seen)
    if not path.is_file():
        _say(path, Progress())
        try:
            sweep(ledger, workspace)
            build(ledger, lake, seen, path, lambda stage, done, total: _say(path, Progress(stage, done, total)))
        finally:
            with _WORK.lock:
                _WORK.going.pop(path, None)
        sweep(ledger, workspace)  # an erasure may have come meanwhile
        if not path.is_file():
            raise CasesError("Rows were erased while the list of cases was made; open the page again.")
    return CaseIndex(path)


def sweep(ledger: Ledger, workspace: Path) -> int:
    """Delete indexes that no longer tell of what the lake holds, and all but the newest few; says how many."""
    folder = workspace / "cache"
    delete_abandoned(folder)
    files = sorted(folder.glob("cases-*.sqlite"), key=_made_at, reverse=True)
    gone = 0
    for place, file in enumerate(files):
        if place >= KEPT or not _is_current(ledger, file):
            file.unlink(missing_ok=True)
            gone += 1
    return gone


def _made_at(file: Path) -> int:
    with suppress(FileNotFoundError):  # somebody else may be sweeping
        return file.stat().st_mtime_ns
    return 0


def _is_current(ledger: Ledger, file: Path) -> bool:
    """Whether a file's name is still the one that its audit gives: system, 12 and 16 digits."""
    audit, _, _ = file.stem.removeprefix("cases-").rpartition("-")
    system, _, _ = audit.rpartition("-")
    try:
        return seen_by(ledger, system, audit).name == file.stem.removeprefix("cases-")
    except ValueError:  # the audit, its settings or its judge are not to be had any more
        return False


def _make(ledger: Ledger, lake: Lake, workspace: Path, seen: Seen) -> None:
    path = path_of(workspace, seen)
    try:
        with _WORK.turn:
            make(ledger, lake, workspace, seen)
    except ValueError as error:  # a sentence of ours
        _say(path, replace(Progress(), failed=str(error)))
    except Exception as error:  # noqa: BLE001 -- a thread has nobody to raise to
        _say(path, replace(Progress(), failed=f"The list could not be made: {type(error).__name__}."))


def _say(path: Path, progress: Progress) -> None:
    with _WORK.lock:
        _WORK.going[path] = progress
