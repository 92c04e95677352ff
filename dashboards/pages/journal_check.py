"""Checking the whole record from the dashboard, and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from auditor.issuing.checking import anchors_of, check_workspace
from auditor.settings import Environment
from auditor.store.verify import Problem, verify
from dashboards.place import Place


@dataclass(frozen=True)
class Checked:
    """What a check found, and for whom it was made."""

    by: str
    ended: datetime
    problems: Sequence[Problem]
    entries: int
    segments: int
    anchors: int
    rubbish: int
    head: str


def check_all(place: Place, by: str) -> Checked:
    """As `auditor verify` does; costs one reading of the whole ledger and lake."""
    found = verify(place.ledger, place.lake)
    problems = check_workspace(place.workspace, place.ledger, place.lake, Environment().trusted_key)
    return Checked(
        by=by,
        ended=place.clock(),
        problems=(*found.problems, *problems),
        entries=found.entries,
        segments=found.segments,
        anchors=anchors_of(place.workspace),
        rubbish=len(found.rubbish),
        head=found.head[1],
    )
