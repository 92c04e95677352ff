"""Questions in an audit: pairs that must both be right, confidence in words, and critical flags in time."""

from typing import Any

import pytest

from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, Site, row

_CASES = 60
YAML = """
system: small
tasks:
  vqa: {confidence: verbalised}
  classification:
    operating_points: {Effusion: 0.5, Nodule: 0.5}
    critical: {findings: [Effusion], within_minutes: 30}
"""


def _answer(i: int, twin: bool) -> str | None:
    """Whether the finding is there is always answered right; its twin is declined or got wrong in turn."""
    if not twin:
        return "Yes. I am 90% sure."
    return {0: "No. I am 70% sure.", 1: "Yes. I am 70% sure.", 2: "I cannot tell from this image."}[i % 3]


def _asked(i: int) -> list[dict[str, Any]]:
    about = {"case_id": f"Q-{i}", "task": "vqa", "version": "9", "produced_at": "2026-02-20T10:00:00Z"}
    asked = (("effusion", False), ("nodule", True))
    return [
        about | {"output_id": f"Q-{i}-{item}", "item": item, "prompt": f"Any {item}?", "text": _answer(i, twin)}
        for item, twin in asked
    ]


def _known(i: int) -> list[dict[str, Any]]:
    about = {"case_id": f"Q-{i}", "task": "vqa", "reference_kind": "answer", "finalised_at": "2026-02-01"}
    pair = {} if i >= _CASES - 6 else {"pair": "effusion or nodule"}
    return [about | pair | {"item": item, "text": text} for item, text in (("effusion", "Yes"), ("nodule", "No"))]


@pytest.fixture
def questions(fresh_site: Site) -> Site:
    site = fresh_site
    site.apply(YAML, LATER)
    site.hand_in("cases", [{"case_id": f"Q-{i}", "patient_id": f"Q-{i}"} for i in range(_CASES)], LATER)
    site.hand_in("references", [one for i in range(_CASES) for one in _known(i)], LATER)
    site.hand_in("outputs", [one for i in range(_CASES) for one in _asked(i)], LATER)
    return site


def test_a_pair_is_right_when_both_are_and_missing_when_one_is(questions: Site) -> None:
    dossier = questions.dossier(questions.audit(LATER).audit)
    pairs = row(dossier, "pair_correct", "9")
    paired = range(_CASES - 6)  # the last six references name no pair
    assert pairs.n == sum(i % 3 != 2 for i in paired)  # a declined question has no judgement, so its pair has none
    assert pairs.events == sum(i % 3 == 0 for i in paired)
    assert row(dossier, "accuracy", "9").n == _CASES + sum(i % 3 != 2 for i in range(_CASES))


def test_a_pair_that_is_named_later_is_counted_then(questions: Site) -> None:
    before = questions.audit(LATER)
    late = [one | {"pair": "late", "finalised_at": "2026-02-02"} for one in _known(_CASES - 6)]
    questions.hand_in("references", late, LATER)
    after = questions.audit(LATER)
    first, second = (row(questions.dossier(one.audit), "pair_correct", "9") for one in (before, after))
    assert (second.n, second.events) == (first.n + 1, (first.events or 0) + 1)


def test_confidence_is_read_from_the_words_of_the_answer(questions: Site) -> None:
    dossier = questions.dossier(questions.audit(LATER).audit)
    gap = row(dossier, "confidence_gap", "9")
    sure = [(0.9, True)] * _CASES + [(0.7, i % 3 == 0) for i in range(_CASES) if i % 3 != 2]
    assert gap.n == len(sure)
    assert gap.value == pytest.approx(sum(c - right for c, right in sure) / len(sure), abs=1e-6)


def test_critical_flags_count_when_they_come_in_time(fresh_site: Site) -> None:
    site = fresh_site
    site.apply(YAML, LATER)
    # studied twenty minutes before the scores came in even cases, an hour before in odd ones, unknown in some
    cases: list[dict[str, Any]] = [{"case_id": f"C-{i}", "patient_id": f"MRN-{i}"} for i in range(small.CASES)]
    for i, one in enumerate(cases):
        if i % 10:
            one["studied_at"] = f"{small.day_of(i)}T{'09:40' if i % 2 == 0 else '09:00'}:00Z"
    site.hand_in("cases", cases, LATER)
    dossier = site.dossier(site.audit(LATER).audit)
    score = {i: round(0.05 + 0.9 * (i * 7 % 60) / 60, 4) for i in range(small.CASES)}
    sick = [i for i in range(small.CASES) if i * 7 % 60 // 30 == 1]
    flagged = [i for i in sick if score[i] >= 0.5]
    timed = [i for i in sick if i % 10]
    found = row(dossier, "critical_sensitivity", "2")
    assert (found.n, found.events) == (len(sick), len(flagged))
    in_time = row(dossier, "critical_in_time", "2")
    assert (in_time.n, in_time.events) == (len(timed), sum(i in flagged and i % 2 == 0 for i in timed))
    assert row(dossier, "critical_sensitivity", "2", item="Effusion").n == len(sick)
    assert row(dossier, "critical_sensitivity", "2", item="Nodule").n == 0
