"""An audit of the small hospital that dies: python -m … FOLDER WHERE COUNT kills itself at that call.

WHERE is `write` (a segment of the lake is on disk), `commit` (a transaction was committed), `insert` (in the
middle of a transaction) or `never`.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from auditor.judges.report import ReportJudge
from auditor.store.lake import Lake
from auditor.store.ledger import Transaction
from tests.auditor import small_hospital

PLACES: dict[str, tuple[type, str]] = {
    "write": (Lake, "write"),
    "commit": (Transaction, "finish"),
    "insert": (Transaction, "insert"),
}


def dying(method: Callable[..., Any], at: int) -> Callable[..., Any]:
    """The method, which does its work and then kills its process at call number `at`."""
    calls = 0

    def run(*args: Any, **named: Any) -> Any:
        nonlocal calls
        result = method(*args, **named)
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return run


def main(folder: Path, where: str, count: int) -> None:
    ReportJudge.block = 20  # so that sixty drafts are judged in more than one block
    if where != "never":
        owner, name = PLACES[where]
        setattr(owner, name, dying(getattr(owner, name), count))
    (site,) = small_hospital.opened(folder)
    sys.stdout.write(site.audit().audit)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
