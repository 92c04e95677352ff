"""Who could be judged, as the report says it: small groups withheld, bounds where something was not judged."""

from reports.document import Folded, Table
from reports.dossier import Row, Selected
from reports.sections.selected import selection
from tests.reports.samples import bare, row, text_of


def _tables(lines: list[Selected], rows: tuple[Row, ...] = ()) -> list[list[list[str]]]:
    version = bare().current_version
    mine = [Selected(one.task, version, *(getattr(one, n) for n in one.__slots__[2:])) for one in lines]
    blocks = list(selection(bare(selected=tuple(mine), rows=rows)))
    inside = [part for block in blocks if isinstance(block, Folded) for part in block.blocks]
    tables = [block for block in (*blocks, *inside) if isinstance(block, Table)]
    return [[[text_of(cell) for cell in line] for line in table.rows] for table in tables]


WHOLE = Selected("report", "", "all", 200, 190, 178, 10, 40)
RATE = row("contradicted_reports", 0.05, title="Reports with a contradicted finding", status="watch")


def test_outputs_to_reviews_and_what_is_accounted_for() -> None:
    groups = [
        Selected("report", "", "site=a", 120, 118, 110, 2, 30),
        Selected("report", "", "site=b", suppressed=True),
    ]
    whole, bounds, found = _tables([WHOLE, *groups], (RATE,))
    assert whole[0][1:] == ["200", "190", "178", "40", "95.0 %"]
    assert found[0][1:] == ["120", "118", "110", "30", "98.3 %"]
    assert found[1][1:5] == ["–"] * 4 and "few" in found[1][5].lower()
    assert bounds == [["Reports with a contradicted finding", "5.0 %", "4.7 % to 10.1 %"]]


def test_no_bounds_where_everything_was_judged_or_the_rate_has_no_verdict() -> None:
    whole = Selected("report", "", "all", 200, 200, 200, 0, 0)
    assert len(_tables([whole], (RATE,))) == 1
    unruled = row("contradicted_reports", 0.05, title="x", status="")
    assert len(_tables([WHOLE], (unruled,))) == 1


def test_a_rate_of_some_questions_is_bounded_by_its_own_number() -> None:
    """Fifty of a thousand questions are unjudged: each of them may be one of the fifty open ones."""
    whole = Selected("vqa", "", "all", 1000, 950, 950, 50, 0)
    about = {"task": "vqa", "status": "ok", "title": "Open answers that are correct"}
    _, bounds = _tables([whole], (row("accuracy_open", 0.9, n=50.0, **about),))
    assert bounds == [["Open answers that are correct", "90.0 %", "45.0 % to 95.0 %"]]


def test_an_audit_that_recorded_nothing_of_it_says_nothing() -> None:
    assert list(selection(bare())) == []
