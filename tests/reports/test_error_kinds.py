"""The table of kinds of error: what there is, in the order of its weight, and what was never found."""

from dataclasses import replace
from typing import Any

from reports.document import Paragraph, Table
from reports.dossier import Row
from reports.sections.error_kinds import error_kinds
from tests.reports.samples import bare, row, text_of


def _row(measure: str, value: float | None, unit: str = "share", **changes: Any) -> Row:
    low, high = (None, None) if value is None else (value / 2, 2 * value + 0.01)
    return row(measure, value, title=measure, unit=unit, low=low, high=high, **changes)


ROWS = [
    _row("laterality_reports", 0.02),
    _row("laterality_claims", 0.004, "per positive claim"),
    _row("weighted_laterality", 0.012, "per report"),
    _row("fabricated_reports", 0.11),
    _row("fabricated_claims", 0.05),
    _row("weighted_fabricated", 0.06, "per report"),
    _row("device_reports", 0.0),
    _row("device_claims", 0.0, "per positive claim"),
    _row("weighted_device", 0.0, "per report"),
    _row("draft_words", 41.26, "words"),
    _row("reference_words", 55.0, "words"),
]


def _blocks(rows: list[Row]) -> list[Any]:
    return list(error_kinds(bare(rows=tuple(rows))))


def test_the_weightiest_kind_comes_first_with_three_numbers() -> None:
    (table,) = (block for block in _blocks(ROWS) if isinstance(block, Table))
    said = [[text_of(cell) for cell in line] for line in table.rows]
    assert [line[0] for line in said] == ["Fabricated finding", "Wrong side"]
    assert said[0][1].startswith("11.0 %") and said[0][2].startswith("5.0 %")
    assert said[1][2].startswith("4.0 per 1,000 positive claims")
    assert said[1][3].startswith("12.0 per 1,000 reports")


def test_what_was_never_found_is_said_and_what_was_not_looked_for_is_not() -> None:
    words = " ".join(text_of(block.content) for block in _blocks(ROWS) if isinstance(block, Paragraph))
    assert "Not found in any judged draft: wrong device." in words
    assert "place" not in words
    assert "Drafts have 41.3 words on average, references 55.0." in words


def test_another_version_a_group_and_a_change_are_not_in_it() -> None:
    others = [replace(one, version="0") for one in ROWS] + [replace(one, slice="sex=F") for one in ROWS]
    others += [replace(one, contrast="reference") for one in ROWS]
    assert _blocks(others) == []
