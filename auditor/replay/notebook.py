"""Answers on disk from the moment they arrive until the lake has them, so that none is paid for twice.

A line an answer, written and flushed to the disk before the next is taken: after `kill -9`, or a power cut,
the next replay finds every answer but those still on their way. The file holds what the lake will hold
(pseudonyms, text) and is readable by its owner only.
"""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from auditor.replay.protocol import ReplayError


class Notebook:
    """The notebook of one system; only one process has it open at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(handle, "r+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ReplayError("Another replay of this system is running; wait for it to end.") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._file.close()

    def rows(self) -> list[dict[str, Any]]:
        """What was written down and not yet cleared; a last line that was cut off is dropped."""
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) != len(content):
            self._file.truncate(len(whole))
        return [json.loads(line) for line in whole.splitlines()]

    def write(self, row: dict[str, Any]) -> None:
        """Durable when this returns."""
        self._file.write(json.dumps(row).encode("ascii") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def clear(self) -> None:
        """Forget everything: the lake has it."""
        self._file.truncate(0)
        self._file.flush()
        os.fsync(self._file.fileno())
