"""The report says on which grid areas are computed, and how far off that may be."""

from reports.document import Paragraph
from reports.sections.evidence import evidence
from reports.text import WORDS
from tests.reports.samples import bare, row


def said(measure: str) -> list[str]:
    blocks = evidence(bare(rows=(row(measure=measure),)), None).blocks
    return [getattr(run, "text", "") for one in blocks if isinstance(one, Paragraph) for run in one.content]


def test_the_grid_is_stated_where_areas_are_printed() -> None:
    assert WORDS["score_grid"] in said("auroc")
    assert WORDS["score_grid"] not in said("contradicted_reports")
