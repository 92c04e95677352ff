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


_IMAGES = 40
_SETS = ("random", "popular", "adversarial")


def _fooled(i: int, kind: str) -> bool:
    """Whether the system says yes to what is not there: never, in a quarter, in three quarters of the images."""
    return i % 4 < {"random": 0, "popular": 1, "adversarial": 3}[kind]


@pytest.fixture
def pope(fresh_site: Site) -> Site:
    """Three sets of questions about the same images, as POPE asks them: each set is a case of its own."""
    site = fresh_site
    site.apply("system: small\ntasks: {vqa: {}}\nslices: [negatives]\n", LATER)
    asked = [(i, kind) for i in range(_IMAGES) for kind in _SETS]
    named = {(i, kind): f"P-{i} {kind}" for i, kind in asked}
    cases = [
        {"case_id": name, "patient_id": f"P-{i}", "attributes": {"negatives": kind}}
        for (i, kind), name in named.items()
    ]
    known = {"task": "vqa", "reference_kind": "answer", "finalised_at": "2026-02-01", "pair": "one"}
    about = {"task": "vqa", "version": "9", "produced_at": "2026-02-20T10:00:00Z"}
    answers = {one: {"there": "Yes", "not there": "Yes" if _fooled(*one) else "No"} for one in asked}
    truth = {"there": "Yes", "not there": "No"}
    site.hand_in("cases", cases, LATER)
    site.hand_in(
        "references",
        [known | {"case_id": named[one], "item": q, "text": text} for one in asked for q, text in truth.items()],
        LATER,
    )
    site.hand_in(
        "outputs",
        [
            about | {"case_id": named[one], "output_id": f"{named[one]} {q}", "item": q, "text": text}
            for one in asked
            for q, text in answers[one].items()
        ],
        LATER,
    )
    return site


def test_sets_of_negatives_are_measured_apart_and_their_patients_counted_once(pope: Site) -> None:
    dossier = pope.dossier(pope.audit(LATER).audit)
    found = {kind: row(dossier, "yes_specificity", "9", slice=f"negatives={kind}") for kind in _SETS}
    assert [found[kind].value for kind in _SETS] == pytest.approx([1, 0.75, 0.25])
    assert {one.patients for one in found.values()} == {_IMAGES}
    whole = row(dossier, "yes_specificity", "9")
    assert (whole.n, whole.patients) == (3 * _IMAGES, _IMAGES)
    # each set has its positives, so that all that needs both kinds of questions is there
    for measure in ("yes_sensitivity", "yes_f1", "yes_ratio", "d_prime", "criterion"):
        assert all(row(dossier, measure, "9", slice=f"negatives={kind}").value is not None for kind in _SETS)
    pairs = {kind: row(dossier, "pair_correct", "9", slice=f"negatives={kind}") for kind in _SETS}
    assert [pairs[kind].value for kind in _SETS] == pytest.approx([1, 0.75, 0.25])


def test_confidence_is_read_from_the_words_of_the_answer(questions: Site) -> None:
    dossier = questions.dossier(questions.audit(LATER).audit)
    assert not [one for one in dossier.rows if one.measure == "confidence_gap"]  # words claim no probability
    order = row(dossier, "confidence_auroc", "9")
    questions.apply(YAML.replace("verbalised", "verbalised, is_probability: true"), LATER)
    gap = row(questions.dossier(questions.audit(LATER).audit), "confidence_gap", "9")
    sure = [(0.9, True)] * _CASES + [(0.7, i % 3 == 0) for i in range(_CASES) if i % 3 != 2]
    assert gap.n == order.n == len(sure)
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
