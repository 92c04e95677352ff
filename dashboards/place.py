"""What every page reads from: the workspace's two stores, the clock, and what need not be read twice."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request

from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.workspace import Workspace

_MOST: Final = 256
_Made = TypeVar("_Made")


class Remembered:
    """Values that were made once for a key. A key names something that never changes, such as one audit."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def of(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """The value of a key; of several who ask at once, one makes it and the others wait."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                known: _Made = self._values[key]
                return known
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._values:
                    known = self._values[key]
                    return known  # noqa: RET504 - typed
            try:
                value = make()
                with self._lock:
                    self._values[key] = value
                    while len(self._values) > self._most:
                        self._values.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value


@dataclass(frozen=True)
class Place:
    """An opened workspace, as pages see it."""

    workspace: Workspace
    ledger: Ledger
    lake: Lake
    clock: Callable[[], datetime]
    remembered: Remembered = field(default_factory=Remembered)


def _place_of(request: Request) -> Place:
    place: Place = request.app.state.place
    return place


Here = Annotated[Place, Depends(_place_of)]
