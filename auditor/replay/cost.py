"""What asking costs, in time of the model and in tokens: before, from earlier answers, and on the way.

Only what is known: a model that does not count its tokens has no estimate of them.
"""

from dataclasses import dataclass
from typing import Final

import pyarrow.compute as pc

from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import segments_of

_READ: Final = ["origin", "version", "latency_ms", "tokens"]


@dataclass(frozen=True)
class Earlier:
    """Earlier answers of one version: how many said how long they took or how many tokens, and the sums."""

    timed: int = 0
    seconds: float = 0.0
    counted: int = 0
    tokens: int = 0

    def for_questions(self, count: int) -> str:
        """What so many questions will cost, asked one after the other; empty where nothing is known.

        >>> Earlier(10, 60.0, 10, 5_000).for_questions(20)
        ', about 2.0 minutes of the model and 10,000 tokens by the 10 answers that it gave before'
        """
        costs = []
        if self.timed:
            costs.append(f"{count * self.seconds / self.timed / 60.0:,.1f} minutes of the model")
        if self.counted:
            costs.append(f"{count * self.tokens / self.counted:,.0f} tokens")
        if not costs:
            return ""
        return (
            f", about {' and '.join(costs)} by the {max(self.timed, self.counted):,} answers that it gave before"
        )


@dataclass(frozen=True)
class Underway:
    """How far a replay is: questions asked of all that are open, and what they have cost so far."""

    asked: int
    questions: int
    tokens: int
    seconds: float

    def __str__(self) -> str:
        """The cost so far and, at the same rate, at the end.

        >>> str(Underway(10, 40, 500, 12.0)), str(Underway(10, 40, 0, 12.0))
        ('500 of about 2,000 tokens, 12 of about 48 s', '12 of about 48 s')
        """
        rate = self.questions / max(self.asked, 1)
        tokens = f"{self.tokens:,} of about {self.tokens * rate:,.0f} tokens, " if self.tokens else ""
        return f"{tokens}{self.seconds:,.0f} of about {self.seconds * rate:,.0f} s"


def earlier_cost(ledger: Ledger, lake: Lake, settings: AuditSettings) -> Earlier:
    """What the replayed answers of the version that `model` names have cost, errors among them."""
    version = settings.model and settings.model.version
    timed = counted = tokens = 0
    seconds = 0.0
    for segment in segments_of(ledger, settings.system, "outputs"):
        table = lake.read(segment.sha256, _READ)
        mine = table.filter(pc.and_(pc.equal(table["origin"], "replayed"), pc.equal(table["version"], version)))
        timed += pc.count(mine["latency_ms"]).as_py()
        seconds += (pc.sum(mine["latency_ms"]).as_py() or 0.0) / 1000.0
        if "tokens" in mine.column_names:  # older segments do not have it
            counted += pc.count(mine["tokens"]).as_py()
            tokens += pc.sum(mine["tokens"]).as_py() or 0
    return Earlier(timed, seconds, counted, tokens)
