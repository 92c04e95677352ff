"""Versions of a system, and two of them compared: computed from the lake beside the page, then remembered."""

import threading
from collections import OrderedDict
from typing import Final, NamedTuple

import sqlalchemy as sa

from auditor.audit.comparing import compare
from auditor.store import tables as t
from dashboards.errands import Errand, Errands, Progress
from dashboards.place import Place
from reports.comparison import Comparison
from reports.comparison_page import document
from reports.document import Block, Folded, Heading
from reports.html import printable

_MOST: Final = 20  # comparisons remembered; one more is measured again when it is asked for


class Name(NamedTuple):
    """What a comparison is of; what arrives later makes it another."""

    workspace: str
    newest_segment: int
    system: str
    old: str
    new: str

    @property
    def errand(self) -> str:
        return f"compare {self}"


class _Found:
    """The newest comparisons of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_name: OrderedDict[Name, Comparison] = OrderedDict()

    def keep(self, name: Name, comparison: Comparison) -> None:
        with self._lock:
            self._by_name[name] = comparison
            while len(self._by_name) > _MOST:
                self._by_name.popitem(last=False)

    def of(self, name: Name) -> Comparison | None:
        with self._lock:
            return self._by_name.get(name)


_FOUND: Final = _Found()


def name_of(place: Place, system: str, old: str, new: str) -> Name:
    """The name of the comparison of two versions by all that has been received."""
    query = sa.select(sa.func.max(t.segments.c.seq).label("last")).where(
        t.segments.c.system == system, t.segments.c.kind.in_(("outputs", "references", "cases"))
    )
    return Name(place.workspace.identity, int(place.ledger.read(query)[0]["last"] or 0), system, old, new)


def standing(errands: Errands, name: Name) -> tuple[Errand | None, Comparison | None]:
    """How far a comparison is, and what it found."""
    errand, found = errands.find(name.errand), _FOUND.of(name)
    forgotten = errand is not None and errand.state == "done" and found is None
    return None if forgotten else errand, found


def begin(place: Place, errands: Errands, name: Name, actor: str) -> None:
    """Compare beside the page, unless that is known or under way."""

    def work(progress: Progress) -> str:
        found = compare(
            place.ledger,
            place.lake,
            name.system,
            name.old,
            name.new,
            as_of=place.clock(),
            clock=place.clock,
            actor=actor,
            progress=progress,
        )
        _FOUND.keep(name, found)
        return found.status

    if _FOUND.of(name) is None:
        errands.start(name.errand, work, place.clock())


def versions_of(place: Place, system: str) -> list[sa.RowMapping]:
    """Every version that was audited, the newest first."""
    query = sa.select(t.versions).where(t.versions.c.system == system)
    return place.ledger.read(query.order_by(t.versions.c.first_seen_at.desc(), t.versions.c.version.desc()))


def blocks(found: Comparison, *, with_cases: bool) -> list[Block]:
    """The committee's report of a comparison; lists of cases are for those who may see cases."""
    made = document(printable(found))
    listed = list(made.first)
    for section in made.sections:
        listed.append(Heading(section.title))
        cases = section.name == "changed"
        listed += [one for one in section.blocks if with_cases or not (cases and isinstance(one, Folded))]
    return listed
