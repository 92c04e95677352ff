"""The tabs of a system that one dossier fills, made from the blocks of the reports: one look, one source."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from markupsafe import Markup

from dashboards.pages.system_unmeasured import NOT_MEASURED, PROBES, absent, is_of, named, unmeasured
from dashboards.place import Place
from dashboards.rendering import environment
from monitors.threshold import SUPPRESS_BELOW
from reports import headline
from reports.document import (
    Block,
    Cards,
    Facts,
    Folded,
    Heading,
    Run,
    Table,
    Verdict,
    bullets,
    cell,
    consecutive,
    paragraph,
)
from reports.dossier import Dossier
from reports.numbers import integer, slice_name
from reports.sections.calibration import calibration
from reports.sections.drift import drift
from reports.sections.errors import errors
from reports.sections.evidence import limits, provenance
from reports.sections.first import error_card, legend, uncorrected
from reports.sections.performance import MONITOR, performance, verdict_table
from reports.sections.scope import scope
from reports.sections.subgroups import subgroups_section
from reports.sections.tables import rows_table
from reports.text import ERROR_CODES, TASKS, WORDS

_SCROLLED: Final = '<div class="wide" tabindex="0" role="group" aria-label="Table">'
_VIEW_BOX: Final = re.compile(r'viewBox="0 0 ([0-9.]+) ')
_PARTS_NAMED: Final = re.compile(r' (?:role="graphics-[a-z]+"|aria-roledescription="[^"]*")')
_LARGER: Final = 1.2


def rendered(blocks: Sequence[Block]) -> Markup:
    """Blocks beneath the heading of a tab, with figures that scripts may bring to life."""
    made = (
        environment()
        .get_template("system_blocks.html")
        .render(blocks=consecutive(blocks, 2), inside=inside, sized=sized)
    )
    # what scrolls sideways must be reached by the keyboard; on paper nothing scrolls
    return Markup(made.replace('<div class="wide">', _SCROLLED))  # noqa: S704 - the template escapes


def inside(specification: str) -> Markup:
    """A figure's specification as a block of data in a page: no character in it can end the block."""
    safe = specification.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(safe)  # noqa: S704 - see above


def sized(drawing: Markup) -> Markup:
    """A drawing with a width of its own, a little above the one its letters were made for."""
    found = _VIEW_BOX.search(drawing)
    width = round(float(found[1]) * _LARGER) if found else 0
    # as plain text, or the tag that is put in would be escaped; a picture has no parts to be named one by one
    plain = _PARTS_NAMED.sub("", str(drawing))
    return Markup(plain.replace("<svg ", f'<svg width="{width}" ', 1)) if width else drawing  # noqa: S704


def remembered(place: Place, audit: str, dossier: Dossier, tab: str) -> Markup:
    """A tab of an audit and version; it never changes."""
    key = ("system tab", audit, dossier.current_version, tab)
    return place.remembered.of(key, lambda: rendered(tuple(PARTS[tab](dossier))))


def overview(dossier: Dossier) -> Iterator[Block]:
    table = headline.lines(dossier)
    yield Verdict(WORDS["verdict"], dossier.status, headline.answer(dossier, table))
    if cards := tuple(error_card(dossier)):
        yield Cards(cards)
    yield Heading(WORDS["gravest"].format(version=dossier.current_version or WORDS["absent_text"]))
    if note := uncorrected([dossier]):
        yield paragraph(note, small=True)
    yield verdict_table(table) if table else paragraph(WORDS["no_verdicts"])
    yield legend()
    # window and date stand above every tab
    yield from (block for block in scope(dossier).blocks if not isinstance(block, Facts))
    yield Heading(WORDS["methods_limits"])
    yield bullets(one for one in limits(dossier) if not one.startswith(NOT_MEASURED))
    yield Heading("What is not measured")
    yield bullets((*named(dossier), *absent(dossier)))
    pairs = tuple((label, (Run(value, "code"),)) for label, value in provenance(dossier.provenance))
    yield Folded(WORDS["provenance"], (paragraph(WORDS["provenance_lead"]), Facts(pairs)))


def older_version(dossier: Dossier) -> Iterator[Block]:
    """The overview of a version that the verdict is not of."""
    for block in overview(dossier):
        if not isinstance(block, Verdict):
            yield block


def measures(dossier: Dossier) -> Iterator[Block]:
    """What stands around the table of all measurements: corrections by reviewers, sentences, estimates."""
    said = errors(dossier).blocks
    for title in ("corrected", "templates"):
        yield from beneath(said, WORDS[title])
    yield from beneath(performance(_undrawn(dossier)).blocks, WORDS["estimated"])


def measures_without_texts(dossier: Dossier) -> Iterator[Block]:
    """The same for those who may not see texts: even a sentence that stands everywhere is one."""
    groups = tuple(
        replace(group, sentences=tuple(replace(one, words="") for one in group.sentences))
        for group in dossier.templates
    )
    return measures(replace(dossier, templates=groups))


def _undrawn(dossier: Dossier) -> Dossier:
    """Without what that section would draw, which stands in another tab."""
    return replace(dossier, charts=(), watch_list=(), trend=())


def beneath(blocks: Sequence[Block], title: str) -> Iterator[Block]:
    """The headings of this title, each with what stands beneath it."""
    level = 0
    for block in blocks:
        if isinstance(block, Heading):
            if block.text == title:
                level = block.level
            elif block.level <= level:
                level = 0
        if level:
            yield block


def subgroups(dossier: Dossier) -> Iterator[Block]:
    yield from subgroups_section(dossier).blocks
    if hidden := _suppressed(dossier):
        yield Heading("Suppressed")
        yield paragraph(
            f"Fewer than {SUPPRESS_BELOW} patients, or the next smallest group, from which the smallest could be "
            "had by subtraction. Their numbers are shown nowhere."
        )
        yield Table(heads=("Group", "Task", "Measurements withheld"), rows=hidden, numeric=(2,), widths=(3, 2, 1))


def _suppressed(dossier: Dossier) -> tuple[tuple[tuple[Run, ...], ...], ...]:
    counts = Counter((row.slice, row.task) for row in dossier.rows if row.suppressed and is_of(row, dossier))
    return tuple(
        (cell(slice_name(where), style="strong"), cell(TASKS.get(task, task)), cell(integer(count)))  # type: ignore[misc]
        for (where, task), count in sorted(counts.items())
    )


def probes(dossier: Dossier) -> Iterator[Block]:
    """What was measured by asking again, or how to have it measured."""
    rows = [
        row for row in dossier.rows
        if MONITOR.get(row.measure) in PROBES and row.slice == "all" and not row.contrast and is_of(row, dossier)
    ]  # fmt: skip
    yield paragraph(WORDS["probes_lead"])
    if not rows:
        yield paragraph(
            f"Not measured for version {dossier.current_version}: nothing is known of whether its answers hang on "
            "the image. Name the model and the probes in audit.yaml, then let the model be asked again:"
        )
        yield bullets(
            (
                "model: where the deployed model answers (a server, or a model on this machine);",
                "probes: which images (blank, noise, swapped, flipped, out_of_scope), options, other words and "
                "false premises to ask;",
                f"auditor replay {dossier.system}, then auditor audit {dossier.system}.",
            )
        )
        return
    for task in dict.fromkeys(row.task for row in rows):
        yield Heading(TASKS.get(task, task))
        yield rows_table([row for row in rows if row.task == task and not row.item], WORDS["measure"])


def error_codes(counts: Sequence[Mapping[str, int]]) -> list[Block]:
    """How often each kind of error was found; small counts could be traced to people."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    if not total:
        return []
    rows = tuple(
        (cell(ERROR_CODES.get(code, code), style="strong"), cell(code), cell(_count(total[code])))
        for code in sorted(total, key=lambda code: (-total[code], code))
    )
    lead = "Errors of the automatic judge in the window, in all versions; one report may hold several."
    return [
        Heading("Errors by kind"),
        paragraph(lead),
        Table(heads=("Error", "Code", "Found"), rows=rows, numeric=(2,), widths=(3, 1, 1)),
    ]


def _count(found: int) -> str:
    return integer(found) if found >= SUPPRESS_BELOW else f"fewer than {SUPPRESS_BELOW}"


#: The tabs that hold nothing but the audit's own numbers.
PARTS: Final[Mapping[str, Callable[[Dossier], Iterator[Block]]]] = {
    "overview": overview,
    "older version": older_version,
    "measures": measures_without_texts,
    "measures and texts": measures,
    "calibration": lambda dossier: iter(calibration(dossier).blocks),
    "subgroups": subgroups,
    "drift": lambda dossier: iter(drift(dossier).blocks),
    "probes": probes,
    "unmeasured": unmeasured,
}
