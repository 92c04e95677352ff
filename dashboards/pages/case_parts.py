"""What the pages about cases say: filters, rows and images, from values to words and addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from fastapi import Request

from auditor.cases import picture, words
from auditor.cases.errors import PictureError
from auditor.cases.index import FIELDS, Entry, Facet
from auditor.cases.one import OneCase
from auditor.cases.picture import Facts
from auditor.cases.seen import Seen
from dashboards.place import Place
from monitors.judged import MISSING
from reports.text import TASKS

#: How a value that is nothing is written in an address, where an empty one means "any".
_NOTHING: Final = "-"
_TITLES: Final = {
    "outcome": "What became of it",
    "significance": "Significance",
    "code": "Error",
    "kind": "Kind of error",
    "finding": "Finding",
    "task": "Task",
    "version": "Version",
}
_WORDS: Final[dict[str, Mapping[str, str]]] = {
    "outcome": words.OUTCOMES,
    "significance": words.SIGNIFICANCE,
    "code": words.CODES,
    "kind": words.KINDS,
    "task": TASKS,
}


@dataclass(frozen=True)
class Choice:
    """One field to filter by: its values with their words, and which one is chosen."""

    name: str
    title: str
    options: tuple[tuple[str, str, int], ...]  # as in the address, in words, rows
    chosen: str


@dataclass(frozen=True)
class Row:
    """One row of the list in words."""

    href: str
    case: str
    entry: Entry
    what: str
    how: str
    finding: str
    significance: str
    found_by: str


@dataclass(frozen=True)
class Viewer:
    """An image as the page shows it: its number, the address of its pixels, or why there are none."""

    number: int
    address: str
    frame: int
    centre: float
    width: float
    windowed: bool  # a window was asked for
    facts: Facts | None
    fault: str


def filters_of(request: Request) -> dict[str, str]:
    """What the address filters by; everything else in it is left alone."""
    asked = {}
    for name, value in request.query_params.items():
        if value and (name in FIELDS or name.startswith("attributes.")):
            asked[name] = "" if name == "significance" and value == _NOTHING else value
    return asked


def list_address(seen: Seen, filters: Mapping[str, str]) -> str:
    return urlencode(
        {"system": seen.system, "audit": seen.audit} | {name: value or _NOTHING for name, value in filters.items()}
    )


def case_address(seen: Seen, entry: Entry, kept: str) -> str:
    return f"/cases/{quote(seen.system, safe='')}/{quote(entry.output_id, safe='')}?{kept}&at={entry.place}"


def choices(facets: Mapping[str, list[Facet]], filters: Mapping[str, str]) -> list[Choice]:
    """The fields that tell cases apart: those with several values, and those that are filtered by."""
    names = [*FIELDS, *sorted(name for name in facets if name not in FIELDS)]
    names += [name for name in filters if name not in names]
    found = []
    for name in names:
        values = facets.get(name, [])
        if len(values) < 2 and name not in filters:
            continue
        options = [(one.value or _NOTHING, _said(name, one.value), one.rows) for one in values]
        chosen = (filters[name] or _NOTHING) if name in filters else ""
        if chosen and chosen not in [value for value, _, _ in options]:
            options.append((chosen, chosen, 0))
        title = _TITLES.get(name) or name.removeprefix("attributes.").replace("_", " ").capitalize()
        found.append(Choice(name, title, tuple(options), chosen))
    return found


def _said(field: str, value: str) -> str:
    known = _WORDS.get(field, {}).get(value)
    if known:
        return known[0].upper() + known[1:]
    if value == MISSING:
        return "not recorded"
    return words.finding(value) if field == "finding" else value


def row(seen: Seen, entry: Entry, kept: str) -> Row:
    what = words.CODES.get(entry.code, entry.code) if entry.code else words.OUTCOMES.get(entry.outcome, "")
    judge = seen.judges[entry.task]
    return Row(
        case_address(seen, entry, kept),
        short(entry.case_id),
        entry,
        what,
        words.KINDS.get(entry.kind, entry.kind),
        words.finding(entry.finding),
        words.SIGNIFICANCE.get(entry.significance, entry.significance) if entry.code else "",
        f"{judge.name} {judge.digest[:8]}" if entry.code else "",
    )


def viewer_of(
    place: Place,
    seen: Seen,
    one: OneCase,
    number: int,
    frame: int,
    centre: float | None,
    width: float | None,
) -> Viewer:
    """The image that is looked at. Its file is opened here already, so that trouble with it stands on the page."""
    number = min(number, len(one.pictures))
    facts, fault = None, ""
    try:
        facts = picture.facts(one.pictures[number - 1], picture.folder_of(place.workspace.path), frame - 1)
    except PictureError as error:
        fault = str(error)
    windowed = centre is not None and width is not None and width > 0
    frame = min(frame, facts.frames if facts else 1)
    asked: dict[str, str] = {"audit": seen.audit}
    if frame > 1:
        asked["frame"] = str(frame)
    if windowed:
        asked |= {"centre": f"{centre:g}", "width": f"{width:g}"}
    base = f"/cases/{quote(seen.system, safe='')}/{quote(one.at.output_id, safe='')}/image/{number}"
    return Viewer(
        number=number,
        address=f"{base}?{urlencode(asked)}",
        frame=frame,
        centre=centre if windowed and centre is not None else (facts.centre if facts else 0.0),
        width=width if windowed and width is not None else (facts.width if facts else 0.0),
        windowed=windowed,
        facts=facts,
        fault=fault,
    )


def short(case_id: str) -> str:
    """The beginning of a keyed hash: enough to tell cases apart on a page."""
    return case_id[:10]
