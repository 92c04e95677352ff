"""Every kind of error in drafts side by side: how often, per claim, and weighted by what it matters."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from monitors.error_codes import CODES
from reports.document import Block, Cell, Heading, Table, cell, paragraph
from reports.dossier import Dossier, Row
from reports.headline import is_whole
from reports.numbers import NONE, basis, hidden, integer, number, result, without_unit
from reports.sections.tables import foot, heads
from reports.text import ERROR_CODES, WORDS

#: Measures of the hallucination monitor that count the same under another name.
_ELSEWHERE: Final = {
    "omitted_reports": "omission_reports",
    "omitted_claims": "omitted_findings",
}
#: Rows of one kind of error: by report, by positive claim, and weighted by report.
_Three = tuple[Row | None, Row | None, Row | None]


def error_kinds(dossier: Dossier) -> Iterator[Block]:
    """One line a kind of error that the current version made, the weightiest first; the others in sentences.

    Zero, hidden and not measured are told apart: of what is hidden or was not measured nothing is known.
    """
    rows = {row.measure: row for row in dossier.rows if is_whole(row) and row.version == dossier.current_version}
    found = {code: _three(name, rows) for code, (name, *_) in CODES.items()}
    by_state: dict[str, list[str]] = defaultdict(list)
    for code, three in found.items():
        by_state[_state(three)].append(code)
    if not by_state.keys() - {"not looked for"}:
        return
    yield Heading(WORDS["error_kinds"])
    yield paragraph(f"{WORDS['error_kinds_lead']} {_lengths(rows)}")
    if made := by_state["made"]:
        made.sort(key=lambda code: -_weight(found[code][2]))
        yield Table(
            heads=heads("error_kinds_heads"),
            rows=tuple((cell(ERROR_CODES[code], style="strong"), *map(_said, found[code])) for code in made),
            numeric=(1, 2, 3),
            widths=(2, 2.4, 2.6, 2.4),
            foot=foot(row for code in made for row in found[code] if row),
        )
    yield from _never({code: found[code][0] for code in by_state["never"]})
    if by_state["hidden"]:
        yield paragraph(
            WORDS["error_kinds_hidden"].format(why=hidden("all"), kinds=_names(by_state["hidden"])), small=True
        )
    if by_state["unknown"]:
        yield paragraph(WORDS["error_kinds_unknown"].format(kinds=_names(by_state["unknown"])), small=True)


def _three(name: str, rows: Mapping[str, Row]) -> _Three:
    names = (f"{name}_reports", f"{name}_claims", f"weighted_{name}")
    by_report, by_claim, weighted = (rows.get(_ELSEWHERE.get(one, one)) for one in names)
    return by_report, by_claim, weighted


def _state(three: _Three) -> Literal["made", "never", "hidden", "unknown", "not looked for"]:
    """What is known of one kind of error in the judged drafts."""
    there = [row for row in three if row]
    if not there:
        return "not looked for"
    if any(row.suppressed for row in there):
        return "hidden"
    if any(row.value for row in there):
        return "made"
    by_report = three[0]
    return "never" if by_report is not None and by_report.value is not None else "unknown"


def _never(rows: Mapping[str, Row | None]) -> Iterator[Block]:
    """Kinds that no judged draft has, and how often they may still occur."""
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for code, row in rows.items():
        if row is not None:
            most = number(row.high, row.unit) if row.high is not None else ""
            alike[integer(row.n), most].append(code)
    for (n, most), codes in alike.items():
        words = WORDS["error_kinds_never" if most else "error_kinds_never_unsure"]
        yield paragraph(words.format(n=n, most=most, kinds=_names(codes)), small=True)


def _names(codes: list[str]) -> str:
    return ", ".join(ERROR_CODES[code].lower() for code in codes)


def _said(row: Row | None) -> Cell:
    """A number in the unit of its column, and what it was counted on."""
    if row is None:
        return cell(NONE)
    by_report = row.unit == "share" and row.counted == "reports"
    return cell(result(row) if by_report else without_unit(row), basis(row) if row.value is not None else "")


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
