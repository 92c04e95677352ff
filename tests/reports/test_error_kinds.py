"""The table of kinds of error: what there is by its weight; what was never found, is hidden or is not known."""

from dataclasses import replace
from typing import Any

from reports.document import Paragraph, Table
from reports.dossier import Row
from reports.sections.error_kinds import error_kinds
from tests.reports.samples import bare, row, suppressed, text_of


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
    assert said[1][2].startswith("0.4 [") and table.heads[2] == "Per 100 positive claims"
    assert said[1][3].startswith("12.0 [") and table.heads[3] == "Weighted, per 1,000 reports"
    assert "1,204 reports (effective 1,100) of about 980 patients" in said[0][1]
    assert table.foot.startswith("How the intervals are made: Jeffreys")


def test_what_was_never_found_is_said_and_what_was_not_looked_for_is_not() -> None:
    words = _words(ROWS)
    assert "Not found in any of 1,204 judged drafts, so in at most 1.0 % (upper end of the 95 % interval)" in words
    assert "of all, each: wrong device." in words
    assert "wrong place" not in words
    assert "Drafts have 41.3 words on average, references 55.0." in words


def _words(rows: list[Row]) -> str:
    return " ".join(text_of(block.content) for block in _blocks(rows) if isinstance(block, Paragraph))


def test_kinds_that_are_hidden_or_were_not_measured_are_never_said_to_be_absent() -> None:
    small = [
        suppressed(measure="fabricated_reports"),
        suppressed(measure="weighted_fabricated", unit="per report"),
        _row("device_reports", None, note="no judged report", n=0.0),
        _row("weighted_device", None, "per report", note="no judged report", n=0.0),
    ]
    words = _words(small)
    assert "Not found" not in words
    assert (
        "Not shown, fewer than 11 patients, so it is not known whether there are any: fabricated finding." in words
    )
    assert "Could not be measured, so it is not known whether there are any: wrong device." in words


def test_kinds_with_other_limits_have_a_sentence_each() -> None:
    rows = [_row("device_reports", 0.0), _row("number_reports", 0.0, n=60.0)]
    rows[1] = replace(rows[1], high=None)
    words = _words(rows)
    assert "at most 1.0 %" in words and "each: wrong device." in words
    assert "Not found in any of 60 judged drafts; how often it may still occur could not be estimated" in words


def test_another_version_a_group_and_a_change_are_not_in_it() -> None:
    others = [replace(one, version="0") for one in ROWS] + [replace(one, slice="sex=F") for one in ROWS]
    others += [replace(one, contrast="reference") for one in ROWS]
    assert _blocks(others) == []
