"""Long work that a page starts and others look at: one of a name at a time, in a thread of its own."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

Progress = Callable[[str, int, int], None]
_OURS: Final = ("auditor", "monitors", "reports", "dashboards")
_log = logging.getLogger("auditor.dashboards")


@dataclass(frozen=True)
class Errand:
    """How a piece of work stands. `said` is its result, or why it failed, in one sentence."""

    name: str
    state: str  # running | done | failed
    stage: str
    done: int
    total: int
    said: str
    begun: datetime


class Errands:
    """The newest errand of each name, as long as this process lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Errand] = {}

    def start(self, name: str, work: Callable[[Progress], str], at: datetime) -> bool:
        """Begin, unless one of this name is running; says whether it began."""
        with self._lock:
            if name in self._known and self._known[name].state == "running":
                return False
            self._known[name] = Errand(name, "running", "", 0, 0, "", at)
        threading.Thread(target=self._run, args=(name, work), name=name, daemon=True).start()
        return True

    def find(self, name: str) -> Errand | None:
        with self._lock:
            return self._known.get(name)

    def _run(self, name: str, work: Callable[[Progress], str]) -> None:
        def move(stage: str, done: int, total: int) -> None:
            self._change(name, "running", "", stage, done, total)

        try:
            said = work(move)
        except Exception as error:  # noqa: BLE001 - whatever happens is shown, and never more than a sentence
            mine = isinstance(error, ValueError) and type(error).__module__.startswith(_OURS)
            said = str(error) if mine else f"It ended with an unexpected {type(error).__name__}."
            _log.error("%s failed: %s", name, type(error).__name__)
            self._change(name, "failed", said)
        else:
            self._change(name, "done", said)

    def _change(self, name: str, state: str, said: str, stage: str = "", done: int = 0, total: int = 0) -> None:
        with self._lock:
            self._known[name] = Errand(name, state, stage, done, total, said, self._known[name].begun)
