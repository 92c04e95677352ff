"""The report judge on pairs written for these tests."""

import pickle
from typing import Any

import pytest

from auditor.claims import default_lexicon
from auditor.judges import BadPairError, Judge, for_task
from auditor.judges.report import COUNTS, ReportJudge

JUDGE = ReportJudge()


def judged(reference: str | None, draft: str | None, **more: Any) -> dict[str, Any]:
    return JUDGE.one({"id": "p", "reference": reference, "draft": draft, **more})


def codes(reference: str, draft: str, **more: Any) -> list[str]:
    return [error["code"] for error in judged(reference, draft, **more)["errors"]]


@pytest.mark.parametrize(
    ("reference", "draft", "expected"),
    [
        ("Small left effusion.", "Small right effusion.", ["LAT"]),
        ("Opacity in the right upper lobe.", "Opacity in the right lower lobe.", ["LOC"]),
        ("Mild pulmonary edema.", "Severe pulmonary edema.", ["SEV"]),
        ("Possible pneumonia.", "Pneumonia.", ["CER"]),
        ("Worsening left effusion.", "Improved left effusion.", ["TMP"]),
        ("An 8 mm nodule in the left apex.", "A 15 mm nodule in the left apex.", ["NUM"]),
        ("A nodule in the left apex.", "A 15 mm nodule in the left apex.", ["NUMFAB"]),
        ("Right PICC tip in the SVC.", "Right PICC tip in the right ventricle.", ["DEV"]),
        ("A right PICC is present.", "A right port is present.", ["DEV"]),
        ("Opacity at the left base.", "Pneumonia at the left base.", ["OVR"]),
        ("No pneumothorax.", "Small pneumothorax.", ["FAB"]),
        ("Small pneumothorax.", "No pneumothorax.", ["OMI"]),
        ("Cardiomegaly.", "Cardiomegaly. There is no cardiomegaly.", ["CON"]),
        ("The lungs are clear today.", "The lungs are clear today. The lungs are clear today.", ["REP"]),
        ("Left effusion.", "Left effusion.", []),
        ("Bilateral effusions.", "Left effusion. Right effusion.", []),
        ("Heart size is normal.", "The cardiac silhouette is unremarkable.", []),
        ("Enlarged heart.", "Cardiomegaly.", []),
        ("Left lower lobe atelectasis.", "Atelectasis at the left base.", []),
    ],
)
def test_each_error_has_one_code(reference: str, draft: str, expected: list[str]) -> None:
    assert codes(reference, draft, has_prior=True) == expected


def test_a_size_within_reading_error_is_none() -> None:
    assert codes("A 9 mm nodule.", "A 10 mm nodule.") == []
    assert codes("A 28 mm mass.", "A 31 mm mass.") == ["NUM"]  # crosses 30 mm


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("No effusion. Lungs are clear.", "contradicted"),
        ("The pleural spaces are clear.", "contradicted"),
        ("Costophrenic angles are sharp.", "contradicted"),
        ("No large pleural effusion.", "unsupported"),
        ("Apical pleural thickening.", "unsupported"),
        ("Scoliosis.", "unaddressed"),
    ],
)
def test_what_is_added_is_told_apart_by_what_the_reference_says(reference: str, kind: str) -> None:
    result = judged(reference, reference + " Small left effusion.")
    assert result["fabricated"] == result[kind] == 1


def test_clear_lungs_do_not_deny_an_effusion() -> None:
    assert judged("The lungs are clear.", "Left effusion.")["contradicted"] == 0
    assert judged("The lungs are clear.", "Left consolidation.")["contradicted"] == 1
    assert judged("The right lung is clear.", "Left consolidation.")["contradicted"] == 0


def test_spans_prove_the_error() -> None:
    reference, draft = "Lungs clear. No effusion.", "There is a moderate effusion."
    (error,) = judged(reference, draft)["errors"]
    assert draft[slice(*error["draft_span"])] == "effusion"
    assert reference[slice(*error["reference_span"])] == "effusion"


def test_what_the_indication_says_is_copied_not_contradicted() -> None:
    (error,) = judged("No pneumonia.", "Pneumonia.", indication="Pneumonia.")["errors"]
    assert (error["kind"], error["copied"]) == ("unsupported", True)


def test_significance_follows_age_and_indication() -> None:
    def grade(**more: Any) -> str:
        (error,) = judged("Normal heart.", "Compression fracture.", **more)["errors"]
        return str(error["significance"])

    assert grade() == "actionable"
    assert grade(indication="Fall from ladder") == "urgent"


@pytest.mark.parametrize(("has_prior", "expected"), [(False, 1), (None, 1), (True, 0)])
def test_comparison_without_an_earlier_examination(has_prior: bool | None, expected: int) -> None:
    result = judged("Left effusion.", "Unchanged left effusion.", has_prior=has_prior)
    assert result["phantom_prior"] == expected
    both = judged("Stable left effusion.", "Unchanged left effusion.", has_prior=None)
    assert both["phantom_prior"] == 0


def test_counts_add_up() -> None:
    result = judged(
        "Cardiomegaly. Small left effusion. No pneumothorax. Scoliosis.",
        "Large right effusion. Pneumothorax. Nodule in the right lung. A left PICC is seen.",
    )
    assert result["fabricated"] == sum(result[k] for k in ("contradicted", "unsupported", "unaddressed")) == 3
    assert (result["asserted"], result["reference_findings"], result["omitted"]) == (4, 3, 2)
    for name, group in COUNTS.items():
        assert result[name] == sum(e["code"] in group for e in result["errors"])
    assert result["significant_contradicted"] == 1  # the pneumothorax
    assert result["significant_omitted"] == 1  # the heart, not the spine


def test_flips_lower_the_score_and_rewording_does_not() -> None:
    reference = "Mild cardiomegaly. Small left effusion. No pneumothorax."
    assert judged(reference, "Heart mildly enlarged. Small left pleural effusion.")["score"] == 1
    for draft in (
        "Mild cardiomegaly. Small right effusion. No pneumothorax.",
        "Severe cardiomegaly. Small left effusion. No pneumothorax.",
        "Mild cardiomegaly. No effusion. No pneumothorax.",
        "Mild cardiomegaly. Small left effusion. Right pneumothorax.",
    ):
        assert judged(reference, draft)["score"] < 1
    assert judged("Normal chest.", "Pneumothorax.")["score"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("reference", "draft", "status"),
    [
        ("Normal.", "", "unparseable"),
        ("Normal.", None, "unparseable"),
        ("Normal.", " .,;", "unparseable"),
        (None, "Normal.", "awaiting"),
        ("  ", "Normal.", "awaiting"),
    ],
)
def test_a_missing_judgement_is_null_never_zero(reference: str | None, draft: str | None, status: str) -> None:
    result = judged(reference, draft)
    assert result["status"] == status
    assert result["reason"]
    assert all(result[name] is None for name in ("fabricated", "omitted", "laterality", "score"))


def test_wrong_types_give_one_sentence_without_the_value() -> None:
    with pytest.raises(BadPairError, match="field 'draft' must be text or null"):
        JUDGE.one({"id": 1, "draft": 3})
    with pytest.raises(BadPairError, match="'has_prior' must be true, false or null"):
        judged("a b", "a b", has_prior="perhaps")
    with pytest.raises(BadPairError, match="no judge for task"):
        for_task("captioning")


def test_judges_pickle_and_are_named_by_rules_and_lexicon() -> None:
    judge: Judge = for_task("report")
    again = pickle.loads(pickle.dumps(judge))
    pair = {"id": 1, "reference": "Left effusion.", "draft": "Right effusion."}
    assert list(again.judge([pair])) == list(judge.judge([pair]))
    assert again.digest == judge.digest != for_task("vqa").digest
    assert len(default_lexicon().digest) == len(judge.digest) == 32
