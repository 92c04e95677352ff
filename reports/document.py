"""A document as blocks: what is said and in which order; how it looks is the writers' business (HTML, PDF).

A `Cell` is a line of inline parts. Every text is plain: writers escape it, nothing in it is ever a command.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal, TypeAlias

from reports.figures.style import Figure

#: "line" stands on a line of its own, smaller; "next" on its own as large, "alarm" so and bold; "mark" is
#: highlighted; "code" is a name for machines.
Style = Literal["", "strong", "line", "next", "alarm", "mark", "code"]


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text in one style."""

    kind: ClassVar[str] = "run"
    text: str
    style: Style = ""


@dataclass(frozen=True, slots=True)
class Badge:
    """A verdict: its word beside its shape."""

    kind: ClassVar[str] = "badge"
    status: str


Cell: TypeAlias = tuple[Run | Badge, ...]


def cell(text: str, *lines: str, style: Style = "") -> Cell:
    """A text, and smaller lines beneath it; empty ones are left out.

    >>> cell("5.2 %", "1,204 reports")
    (Run(text='5.2 %', style=''), Run(text='1,204 reports', style='line'))
    """
    first = (Run(text, style),) if text else ()
    return (*first, *(Run(line, "line") for line in lines if line))


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section: level 3, or 4 beneath it."""

    kind: ClassVar[str] = "heading"
    text: str
    level: int = 3


@dataclass(frozen=True, slots=True)
class Paragraph:
    kind: ClassVar[str] = "paragraph"
    content: Cell
    small: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    kind: ClassVar[str] = "bullets"
    items: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of a row names it. `numeric` columns hold numbers; `widths` are relative, by column.

    `foot` stands beneath, small: how its numbers were made.
    """

    kind: ClassVar[str] = "table"
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: tuple[int, ...] = ()
    widths: tuple[float, ...] = ()
    name: str = ""  # where other text or a style refers to it
    foot: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    kind: ClassVar[str] = "figures"
    figures: tuple[Figure, ...]
    square: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels and what they stand for; `across` sets them side by side."""

    kind: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, Cell], ...]
    across: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One number that a reader takes away, and what must be known beside it."""

    kind: ClassVar[str] = "card"
    title: str
    big: str
    lines: tuple[Cell, ...]
    figure: Figure | None = None


@dataclass(frozen=True, slots=True)
class Cards:
    kind: ClassVar[str] = "cards"
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of page one."""

    kind: ClassVar[str] = "verdict"
    label: str
    status: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Legend:
    """What the verdicts mean."""

    kind: ClassVar[str] = "legend"
    label: str
    items: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One judged error."""

    kind: ClassVar[str] = "example"
    title: str
    about: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Examples:
    kind: ClassVar[str] = "examples"
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Folded:
    """Long tables that few read: closed on a screen, at the end of a printed section."""

    kind: ClassVar[str] = "folded"
    title: str
    blocks: "tuple[Block, ...]"


Block: TypeAlias = (
    Heading | Paragraph | Bullets | Table | Figures | Facts | Cards | Verdict | Legend | Examples | Folded
)


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered part of a document; number 0 has none."""

    name: str
    title: str
    blocks: tuple[Block, ...]
    number: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A whole document. `first` is page one and stands alone; `footer` stands on every page."""

    language: str
    title: str
    kicker: str
    about: str  # a line for lists of documents and for screen readers
    dated: date  # of what it tells, not of the moment at which a file of it is made
    banner: str  # stands on every page; "" for none
    footer: str
    first: tuple[Block, ...]
    sections: tuple[Section, ...]


def consecutive(blocks: Iterable[Block], above: int) -> tuple[Block, ...]:
    """The blocks with headings that never skip a level beneath one of level `above`: screen readers go by them.

    >>> consecutive((Heading("a", 4), Heading("b", 4)), 1)
    (Heading(text='a', level=2), Heading(text='b', level=2))
    """
    made: list[Block] = []
    levels: dict[int, int] = {}  # as asked for -> as given, of the headings that are open
    for block in blocks:
        if isinstance(block, Heading):
            levels = {asked: given for asked, given in levels.items() if asked < block.level}
            levels[block.level] = max(levels.values(), default=above) + 1
            made.append(Heading(block.text, levels[block.level]))
        else:
            made.append(block)
    return tuple(made)


def paragraph(text: str, *, small: bool = False) -> Paragraph:
    return Paragraph((Run(text),), small)


def bullets(items: Iterable[str]) -> Bullets:
    return Bullets(tuple((Run(text),) for text in items))
