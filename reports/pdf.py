"""A document as PDF/A-3 and PDF/UA by typst: for the archive, for screen readers, with its evidence inside."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

from reports import fonts
from reports.document import Badge, Document, Figures
from reports.figures.style import Figure
from reports.text import STATUSES, WORDS, words_of

Paper = Literal["a4", "us-letter"]

#: Archive with attachments and tagged, and for universal access; one file can be both.
_STANDARDS: Final[list[Literal["a-3a", "ua-1"]]] = ["a-3a", "ua-1"]
_MISSING: Final = "\u25a1"  # drawn for a character that the font does not have


def render(
    document: Document, attached: Mapping[str, str], *, paper: Paper = "a4", author: str = "auditor"
) -> bytes:
    """The document as PDF; the same input always gives the same bytes.

    `attached` are files by name that lie inside the PDF, JSON by their nature. Characters that the shipped font
    does not have are drawn as a box: an archive must hold every letter that it shows.
    """
    import typst  # 30 MB that only this function needs

    content = _plain(document) | {
        "font": fonts.NAME,
        "paper": paper,
        "date": [document.dated.year, document.dated.month, document.dated.day],
        "author": author,
        "title_line": f"{document.title} · {document.kicker}",
        "statuses": _statuses(document),
        "words": {name: WORDS[name] for name in ("appendix", "folded")},
        "attached": [
            {
                "name": name,
                "content": text,
                "mime": "application/json",
                "description": WORDS["attached_evidence"],
            }
            for name, text in attached.items()
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        template = resources.files("reports").joinpath("templates/report.typ").read_bytes()
        (Path(folder) / "report.typ").write_bytes(template)
        (Path(folder) / "document.json").write_text(json.dumps(content), encoding="utf-8")
        made: bytes = typst.compile(
            str(Path(folder) / "report.typ"),
            font_paths=[fonts.folder()],
            ignore_system_fonts=True,
            pdf_standards=[*_STANDARDS],
            timestamp=0,
        )
    return made


def _plain(value: Any) -> Any:
    """Blocks as JSON, each naming its kind; every text in letters that the font has."""
    if isinstance(value, Figure):
        return {
            "title": _drawable(value.title),
            "svg": _drawable(str(value.svg)),
            "note": _drawable(value.note),
            "alt": _drawable(f"{value.title}. {value.described}"),
        }
    if isinstance(value, str):
        return _drawable(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        kind = getattr(type(value), "kind", None)
        return named | ({"kind": kind} if kind else {})
    return value.isoformat() if isinstance(value, date) else value


def _drawable(text: str) -> str:
    known = _letters()
    return text if known.issuperset(text) else "".join(c if c in known else _MISSING for c in text)


@cache
def _letters() -> frozenset[str]:
    from fontTools.ttLib import TTFont

    with TTFont(Path(fonts.folder()) / "SourceSans3-Regular.ttf") as font:
        return frozenset(map(chr, font.getBestCmap())) | {"\n"}


def _statuses(document: Document) -> dict[str, dict[str, str]]:
    """Word and shape of every verdict that occurs, known or not."""
    found = set(STATUSES) | set(_badges(document))
    return {
        _drawable(status): {"word": _drawable(words_of(status).word), "icon": _icon(words_of(status).icon)}
        for status in found
    }


def _badges(value: Any) -> list[str]:
    if isinstance(value, Badge):
        return [value.status]
    if isinstance(value, Figures):
        return []
    if isinstance(value, tuple):
        return [status for one in value for status in _badges(one)]
    if is_dataclass(value) and not isinstance(value, type):
        own = [value.status] if hasattr(value, "status") else []
        return own + [status for f in fields(value) for status in _badges(getattr(value, f.name))]
    return []


@cache
def _icon(name: str) -> str:
    """A shape of the page's icons as a picture of its own."""
    import re

    page = resources.files("reports").joinpath("templates/icons.html").read_text()
    found = re.search(rf'<symbol id="i-{re.escape(name)}" viewBox="([^"]+)">(.*?)</symbol>', page, re.DOTALL)
    assert found is not None, name
    drawn = found[2].replace("currentColor", _COLOURS.get(name, "#46505b"))
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{found[1]}">{drawn}</svg>'


_COLOURS: Final = {"circle-check": "#14613f", "triangle": "#7a5200", "octagon": "#a3123a", "square-cross": "#000"}
