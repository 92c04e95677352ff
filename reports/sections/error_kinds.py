"""Every kind of error in drafts side by side: how often, per claim, and weighted by what it matters."""

from collections.abc import Iterator, Mapping
from typing import Final

from monitors.error_codes import CODES
from reports.document import Block, Heading, Table, cell, paragraph
from reports.dossier import Dossier, Row
from reports.headline import is_whole
from reports.numbers import NONE, number, result
from reports.sections.tables import heads
from reports.text import ERROR_CODES, WORDS

#: Measures of the hallucination monitor that count the same under another name.
_ELSEWHERE: Final = {
    "omitted_reports": "omission_reports",
    "omitted_claims": "omitted_findings",
}


def error_kinds(dossier: Dossier) -> Iterator[Block]:
    """One line a kind of error that the current version made, the weightiest first; the others in a sentence."""
    rows = {row.measure: row for row in dossier.rows if is_whole(row) and row.version == dossier.current_version}
    found = {code: _three(name, rows) for code, (name, *_) in CODES.items()}
    made = [code for code, three in found.items() if any(row and row.value for row in three)]
    if not any(row for three in found.values() for row in three):
        return
    yield Heading(WORDS["error_kinds"])
    yield paragraph(f"{WORDS['error_kinds_lead']} {_lengths(rows)}")
    if made:
        yield Table(
            heads=heads("error_kinds_heads"),
            rows=tuple(
                (cell(ERROR_CODES[code], style="strong"), *(cell(_said(row)) for row in found[code]))
                for code in sorted(made, key=lambda code: -_weight(found[code][2]))
            ),
            numeric=(1, 2, 3),
            widths=(2.4, 2, 2.4, 2.4),
        )
    never = [ERROR_CODES[code].lower() for code, three in found.items() if code not in made and all(three[::2])]
    if never:
        yield paragraph(WORDS["error_kinds_never"].format(kinds=", ".join(never)), small=True)


def _three(name: str, rows: Mapping[str, Row]) -> tuple[Row | None, Row | None, Row | None]:
    """By report, by positive claim, and weighted by report."""
    names = (f"{name}_reports", f"{name}_claims", f"weighted_{name}")
    by_report, by_claim, weighted = (rows.get(_ELSEWHERE.get(one, one)) for one in names)
    return by_report, by_claim, weighted


def _said(row: Row | None) -> str:
    return NONE if row is None else result(row)


def _weight(row: Row | None) -> float:
    return row.value or 0.0 if row else 0.0


def _lengths(rows: Mapping[str, Row]) -> str:
    """How long drafts and references are, and of how much references speak: who says less errs less."""
    said = {
        name: number(row.value, row.unit)
        for name in ("draft_words", "reference_words", "reference_structures")
        if (row := rows.get(name)) and row.value is not None
    }
    if not said.keys() >= {"draft_words", "reference_words"}:
        return ""
    words = WORDS["error_kinds_words"].format(**said)
    if "reference_structures" not in said:
        return words
    return f"{words} {WORDS['error_kinds_structures'].format(**said)}"
