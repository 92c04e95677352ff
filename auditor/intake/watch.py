"""A folder that is watched for new files: each is taken in once it has stopped growing. Nothing is moved."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from auditor.intake.faults import IntakeError

_ENDINGS: Final = (".jsonl", ".ndjson", ".json", ".csv", ".parquet", ".jsonl.gz", ".ndjson.gz", ".csv.gz")

#: What says that a file is still the same: size and time of last change.
_State = tuple[int, int]


def watch(
    folder: Path,
    take: Callable[[Path], None],
    *,
    sleep: Callable[[float], None],
    interval: float = 5.0,
) -> int:
    """Hand every data file of `folder` to `take` when its size and time stood still over two looks.

    Ends when `sleep` raises KeyboardInterrupt (Ctrl-C) and returns how many files were taken. A file that
    changes later is taken again: its rows are known by identity, so nothing goes in twice. What `take` does
    about a bad file is its own affair; one that it cannot use is not tried again until it changes.
    Raises IntakeError where there is no such folder.
    """
    if not folder.is_dir():
        raise IntakeError(f"There is no folder {folder} to watch.")
    before: dict[Path, _State] = {}
    done: dict[Path, _State] = {}
    taken = 0
    try:
        while True:
            now = _look(folder)
            for path, state in now.items():
                if before.get(path) == state and done.get(path) != state:
                    done[path] = state
                    take(path)
                    taken += 1
            before = now
            sleep(interval)
    except KeyboardInterrupt:
        return taken


def _look(folder: Path) -> dict[Path, _State]:
    """The data files that are there now, by name; names with a leading dot are other programs' drafts."""
    found: dict[Path, _State] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.name.lower().endswith(_ENDINGS):
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # it went away while we looked: the next look will know
        if path.is_file() and status.st_size:
            found[path] = (status.st_size, status.st_mtime_ns)
    return found
