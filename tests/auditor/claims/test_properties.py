"""Laws that hold for any text."""

import gc
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.claims import default_lexicon, extract
from auditor.judges.report import ReportJudge

#: Words that build reports; a real vocabulary finds more than random letters do.
WORDS = re.findall(
    r"\S+",
    """no not without the is are seen left right bilateral lower lobe base small large mild effusion pneumothorax
    opacity nodule heart enlarged lungs clear normal but however and or , . : possible likely versus atelectasis
    unchanged new 2.3 x 1.5 cm PICC tip SVC fracture rib with of in which cannot be excluded FINDINGS: IMPRESSION:
    recommend CT history resolved""",
)
reports = st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)
DRAFT_ONLY = {"CON", "REP", "PRI", "NUMFAB"}
JUDGE = ReportJudge()


def errors(reference: str, draft: str) -> list[str]:
    result = JUDGE.one({"id": 0, "reference": reference, "draft": draft})
    return [error["code"] for error in result["errors"]]


@given(st.one_of(st.text(), reports))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_claims_inside_it(text: str) -> None:
    known = default_lexicon()
    for claim in extract(text):
        assert 0 <= claim.span[0] < claim.span[1] <= len(text)
        assert claim.sentence[0] <= claim.span[0]
        assert claim.span[1] <= claim.sentence[1] <= len(text)
        assert claim.finding in known.findings or claim.finding in known.normals


@given(st.one_of(st.text(), reports))
@settings(max_examples=300, deadline=None)
def test_a_report_agrees_with_itself(text: str) -> None:
    assert not set(errors(text, text)) - DRAFT_ONLY


@given(reports, reports)
@settings(max_examples=300, deadline=None)
def test_swapping_draft_and_reference_swaps_fabricated_and_omitted(one: str, other: str) -> None:
    there = JUDGE.one({"id": 0, "reference": one, "draft": other})
    back = JUDGE.one({"id": 0, "reference": other, "draft": one})
    assert there["fabricated"] == back["omitted"]
    assert there["omitted"] == back["fabricated"]


@given(reports, reports)
@settings(max_examples=300, deadline=None)
def test_the_score_is_one_exactly_when_nothing_is_wrong(one: str, other: str) -> None:
    result = JUDGE.one({"id": 0, "reference": one, "draft": other})
    if result["status"] == "judged":
        assert 0 < result["score"] <= 1
        assert (result["score"] == 1) == (not result["errors"])


def seconds(text: str) -> float:
    """The least processor time of a few runs, without the garbage collector's pauses."""
    best = float("inf")
    gc.disable()
    try:
        for _ in range(4):
            start = time.process_time()
            extract(text)
            best = min(best, time.process_time() - start)
    finally:
        gc.enable()
    return best


@pytest.mark.parametrize(
    "unit",
    [
        "no effusion, ",
        "the heart is ",
        "left right ",
        "not excluded ",
        "opacity or ",
        "\n",
        "\n- ",
        "(((",
        "aaaaaaaa",
        "2.3 x ",
        "no ",
        "which may represent ",
        "pneumonia versus atelectasis and ",
        "tip in the SVC ",
    ],
)
def test_time_grows_with_length_only(unit: str) -> None:
    """Eight times the text takes no more than about eight times the time; a quadratic rule would take 64."""
    small = unit * (20_000 // len(unit))
    ratio = seconds(small * 8) / max(seconds(small), 1e-3)
    assert ratio < 32
