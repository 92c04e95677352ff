"""The lexicon as the rules use it: findings, structures, normal statements, and what phrases mean.

Nothing here knows an anatomy: what a structure is called and what may be said of it is data.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.claims.kinds import Term
from auditor.claims.terms import Words

#: The files that are shipped, in order.
SHIPPED: Final = ("english", "chest_anatomy", "chest", "chest_devices", "chest_normal")

#: From most to least pressing.
SIGNIFICANCES: Final = ("urgent", "actionable", "not_actionable", "benign")


class LexiconError(ValueError):
    """A lexicon file that cannot be used: which file, what is wrong."""


@dataclass(frozen=True)
class Finding:
    """A finding or device: where it belongs, what it is a kind of, how much it matters."""

    id: str
    name: str
    kind: str
    parents: tuple[str, ...]
    like: tuple[str, ...]  # not kinds of each other, but often taken for each other
    structure: str
    significance: str
    acute: bool
    unsided: bool
    abstract: bool
    family: str | None
    umbrella: str | None
    tip: bool
    radlex: str | None
    adjust: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Structure:
    """A structure or site: what it is part of, the side it lies on, the sites it is easily taken for."""

    id: str
    part_of: str | None
    side: str | None
    stands_for: str
    near: frozenset[str]
    unsided: bool
    radlex: str | None


@dataclass(frozen=True)
class Normal:
    """A statement of normality: the findings it denies and the structures it speaks about."""

    id: str
    covers: frozenset[str]
    addresses: frozenset[str]


#: A trie node: what a phrase that ends here means, and how it may go on.
Node = tuple[Term | None, "dict[str, Node] | None"]


@dataclass
class Lexicon:
    """The compiled lexicon; treat it as read-only."""

    findings: dict[str, Finding] = field(default_factory=dict)
    structures: dict[str, Structure] = field(default_factory=dict)
    states: frozenset[str] = frozenset()
    normals: dict[str, Normal] = field(default_factory=dict)
    words: Words = field(default_factory=lambda: Words({}, ()))
    trie: dict[str, Node] = field(default_factory=dict)
    composed: dict[tuple[str, str], str] = field(default_factory=dict)
    ancestors: dict[str, frozenset[str]] = field(default_factory=dict)
    kin: dict[str, tuple[str, ...]] = field(default_factory=dict)  # itself, what it is a kind of, its kinds
    within: dict[str, frozenset[str]] = field(default_factory=dict)
    severity_rank: dict[str, float] = field(default_factory=dict)
    unit_mm: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    headings: dict[tuple[str, ...], str] = field(default_factory=dict)
    fresh: frozenset[str] = frozenset()
    abbreviations: frozenset[str] = frozenset()
    heading_line: re.Pattern[str] | None = None  # a heading that stands alone on its line
    openers: re.Pattern[str] | None = None
    context_sections: frozenset[str] = frozenset()
    conflicts: list[str] = field(default_factory=list)
    digest: str = ""
