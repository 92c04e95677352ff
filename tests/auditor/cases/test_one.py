"""One case: the same pair and errors as the audit's, and no more text than the settings allow."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.cases.errors import NoSuchCaseError
from auditor.cases.marks import Claims, Mark, Piece, claims_of, pieces
from auditor.cases.one import OneCase, Shown, one_case
from auditor.cases.policy import shown
from auditor.model_settings import LlmSetting, RulesSetting
from tests.auditor import small_hospital as small
from tests.auditor.cases.conftest import Listed, list_cases
from tests.auditor.keeping.patients import kept
from tests.auditor.small_hospital import MARKER, RECEIVED, Site

_LONG = {
    "reference": "No pneumothorax. Small left pleural effusion. Stable heart (quokkamark).",
    "draft": "Small right pleural effusion. There is a large pneumothorax (quokkamark). The heart is normal.",
}


@pytest.fixture
def empty(tmp_path: Path) -> Any:
    """A site without rows, with these settings."""

    def make(yaml: str) -> Site:
        small.build_empty(tmp_path / "empty", yaml)
        (site,) = small.opened(tmp_path / "empty")
        return site

    return make


def _text(one: Shown) -> str:
    return "".join(piece.text for piece in one.pieces)


def _only(listed: Listed, **filters: str) -> OneCase:
    (entry, *_) = listed.index.page(filters).entries
    return one_case(listed.site.lake, listed.index, listed.seen, entry.output_id)


def _pair(site: Site, policy: str) -> OneCase:
    """A report with several errors, audited under this policy."""
    site.hand_in("cases", [small.case(1)], RECEIVED)
    site.hand_in("references", [small.report_reference(1, text=_LONG["reference"])], RECEIVED)
    site.hand_in("outputs", [small.report_output(1, text=_LONG["draft"])], RECEIVED)
    site.audit()
    one = _only(list_cases(site))
    assert one.policy == policy
    return one


def test_none_shows_no_word(empty: Any) -> None:
    one = _pair(empty(small.YAML.replace("exemplars: sentence", "exemplars: none")), "none")
    assert one.errors
    assert (one.draft, one.reference) == (Shown(True), Shown(True))
    assert one.pairs == ()
    for word in ("pneumothorax.", "Small", "quokkamark", "large"):
        assert word not in repr(one)


def test_span_shows_the_words_of_errors_only(empty: Any) -> None:
    one = _pair(empty(small.YAML.replace("exemplars: sentence", "exemplars: span")), "span")
    codes = [error.code for error in one.errors]
    assert set(codes) == {"LAT", "FAB"}
    for text in (one.draft, one.reference):
        shown_words = [piece for piece in text.pieces if piece.text]
        assert shown_words
        assert all("error" in piece.roles for piece in shown_words)
    assert MARKER not in repr(one)
    assert "Small" not in _text(one.draft)


def test_sentence_shows_the_sentences_around_errors_only(empty: Any) -> None:
    one = _pair(empty(small.YAML), "sentence")
    assert _text(one.draft) == "Small right pleural effusion.There is a large pneumothorax (quokkamark)."
    assert _text(one.reference) == "No pneumothorax.Small left pleural effusion."
    assert "normal" not in repr(one)
    assert [piece.gap for piece in one.draft.pieces][-1]


def test_matched_findings_have_one_number_in_both_texts(empty: Any) -> None:
    one = _pair(empty(small.YAML), "sentence")
    assert one.pairs == ((1, "pleural_effusion", "pleural_effusion"),)
    for text in (one.draft, one.reference):
        (piece,) = [p for p in text.pieces if any(mark.role == "pair" for mark in p.marks)]
        assert "effusion" in piece.text
        assert [mark.number for mark in piece.opens if mark.role == "pair"] == [1]


def test_every_error_is_marked_where_it_was_recorded(all_session: Listed) -> None:
    for entry in all_session.index.page({"task": "report", "outcome": "error"}, size=200).entries:
        one = one_case(all_session.site.lake, all_session.index, all_session.seen, entry.output_id)
        for error in one.errors:
            for there, text in ((error.in_draft, one.draft), (error.in_reference, one.reference)):
                marked = "".join(
                    p.text
                    for p in text.pieces
                    if any(m.role == "error" and m.number == error.number for m in p.marks)
                )
                assert bool(marked) == there
                assert "effusion" in marked or not there


def test_the_judge_is_named_with_its_digest(all_session: Listed) -> None:
    one = _only(all_session, task="report")
    assert one.judge == f"report {all_session.seen.judges['report'].digest[:12]}"


def test_no_reference_yet_is_said(all_session: Listed) -> None:
    one = _only(all_session, outcome="awaiting")
    assert (one.status, one.errors, one.reference) == ("awaiting", (), Shown(False))
    assert one.reason == "There is no reference report yet."
    assert one.draft == Shown(True)  # no error, so no sentence of it


def test_scores_stand_beside_their_labels(all_session: Listed) -> None:
    one = _only(all_session, task="classification", code="FN")
    assert {score.finding for score in one.scores} == {"Effusion", "Nodule"}
    missed = {error.finding for error in one.errors if error.code == "FN"}
    assert missed == {s.finding for s in one.scores if (s.decision, s.label) == (0, 1)}
    assert one.draft == one.reference == Shown(False)


def test_an_addendum_that_came_later_is_part_of_the_reference(site: Site) -> None:
    more = {
        "addendum": True,
        "version": 2,
        "finalised_at": "2026-02-25",
        "text": "There is a left pleural effusion.",
    }
    site.hand_in("references", [small.report_reference(1, **more)], RECEIVED)
    site.audit()
    listed = list_cases(site)
    wanted = {row["case_id"] for row in kept(site, "references") if row["addendum"]}
    rows = [one for one in listed.index.page({"task": "report"}, size=200).entries if one.case_id in wanted]
    assert rows
    for row in rows:
        at = listed.index.find(row.output_id)
        assert len(at.reference_segments) == 2
        one = one_case(site.lake, listed.index, listed.seen, row.output_id)
        assert one.status == row.outcome
        assert len(one.errors) == sum(r.error is not None for r in rows if r.output_id == row.output_id)


def test_a_wrong_answer_is_an_error_as_a_whole(empty: Any) -> None:
    site = empty("system: small\ntasks: {vqa: {}}\nexemplars: sentence\n")
    asked = {
        "task": "vqa",
        "version": "1",
        "produced_at": "2026-02-01T10:00:00Z",
        "prompt": "Is there an effusion?",
    }
    said = {"wrong": "No.", "right": "Yes.", "silent": "I cannot tell from this image."}
    site.hand_in(
        "outputs",
        [
            {**asked, "case_id": f"Q-{name}", "output_id": f"A-{name}", "item": "q", "text": text}
            for name, text in said.items()
        ],
        RECEIVED,
    )
    about = {"task": "vqa", "reference_kind": "answer", "item": "q", "text": "Yes"}
    site.hand_in("references", [{**about, "case_id": f"Q-{name}"} for name in said], RECEIVED)
    site.hand_in("cases", [{"case_id": f"Q-{name}"} for name in said], RECEIVED)
    site.audit()
    listed = list_cases(site)
    assert {one.value: one.rows for one in listed.index.facets()["code"]} == {"WRONG": 1, "ABS": 1}
    wrong, silent, right = (
        _only(listed, code="WRONG"),
        _only(listed, code="ABS"),
        _only(listed, outcome="no_error"),
    )
    assert (_text(wrong.question), _text(wrong.draft), _text(wrong.reference)) == (asked["prompt"], "No.", "Yes")
    assert [error.code for error in silent.errors] == ["ABS"]
    assert (_text(right.question), _text(right.draft), right.errors) == ("", "", ())


def test_attributes_that_the_settings_do_not_name_stay_out(empty: Any) -> None:
    site = empty(small.YAML)
    case = small.case(1) | {"attributes": {"sex": "F", "referrer": "Dr Quokka"}}
    site.hand_in("cases", [case], RECEIVED)
    site.hand_in("references", [small.report_reference(1)], RECEIVED)
    site.hand_in("outputs", [small.report_output(1)], RECEIVED)
    site.audit()
    assert _only(list_cases(site)).attributes == (("sex", "F"),)


@given(st.text())
def test_an_unknown_output_is_one_sentence(all_session: Listed, output: str) -> None:
    with pytest.raises(NoSuchCaseError, match="There is no such output in the window of this audit"):
        one_case(all_session.site.lake, all_session.index, all_session.seen, output)


_spans = st.tuples(st.integers(-3, 40), st.integers(-3, 40))
_marks = st.lists(
    st.builds(
        lambda span, role, number: Mark(span[0], span[1], role, number),
        _spans,
        st.sampled_from(["error", "pair", "present", "absent"]),
        st.integers(0, 3),
    ),
    max_size=6,
)


@given(st.text(max_size=30), _marks, st.sampled_from(["none", "span", "sentence", "all"]))
def test_pieces_are_the_allowed_text_and_nothing_else(text: str, marks: list[Mark], policy: str) -> None:
    errors = [mark for mark in marks if mark.role == "error"]
    allowed = shown(text, errors, policy)
    found = pieces(text, marks, allowed)
    assert "".join(p.text for p in found) == "".join(text[start:end] for start, end in allowed)
    if policy in ("none", "all"):
        assert found == ()
    sound = [mark for mark in errors if 0 <= mark.start < mark.end <= len(text)]
    if policy == "span":
        covered = {i for mark in sound for i in range(mark.start, mark.end)}
        assert sum(end - start for start, end in allowed) == len(covered)
    for mark in sound if policy == "span" else ():
        assert sum(mark in piece.opens for piece in found) >= 1
    assert all(isinstance(piece, Piece) for piece in found)


def test_a_language_models_case_has_no_claims_of_the_rules() -> None:
    model = LlmSetting(kind="llm", base_url="http://localhost:1", model="reader")
    assert claims_of(_LONG["draft"], _LONG["reference"], model) == Claims()
    assert claims_of(_LONG["draft"], _LONG["reference"], RulesSetting()).pairs


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_can_be_marked(draft: str, reference: str) -> None:
    found = claims_of(draft, reference, RulesSetting())
    for text, marks in ((draft, found.draft), (reference, found.reference)):
        assert all(0 <= mark.start < mark.end <= len(text) for mark in marks)
