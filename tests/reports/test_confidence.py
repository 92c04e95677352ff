"""What the report says of stated probabilities."""

from dataclasses import replace

from reports import confidence
from reports.dossier import Sampled
from reports.figures.selective import selective_figure
from reports.html import render
from reports.sections.calibration import reliability
from tests.reports.samples import FINDINGS, bare, sample


def test_all_findings_first_then_the_worst_calibrated() -> None:
    lines = confidence.lines(sample())
    assert [line.label for line in lines[:3]] == ["Finding scores", FINDINGS[-1], FINDINGS[-2]]
    assert (lines[0].n, lines[0].brier, lines[0].uncertainty, lines[0].p_value) == (
        "40,120", "0.081", "0.129", "< 0.001",
    )  # fmt: skip
    text = render(sample())
    assert "What the probabilities are worth" in text
    assert f"Further findings, in the JSON file: {len(FINDINGS) + 1 - len(lines)}." in text


def test_versions_are_told_apart_and_the_current_one_comes_first() -> None:
    whole = sample().confidence[0]
    old = replace(whole, version="2.0")
    lines = confidence.lines(replace(sample(), confidence=(old, whole)))
    assert [line.label for line in lines] == ["Finding scores, version 2.1", "Finding scores, version 2.0"]
    assert len(confidence.figures(replace(sample(), confidence=(old, whole)))) == 1


def test_the_figure_says_what_is_seen_and_holds_the_accepted_risk() -> None:
    figure = selective_figure(sample().confidence[0], "Scores", "r")
    assert figure.title == "Scores: 3.0 % of the more confident half are wrong, 12.0 % of all"
    assert figure.note == "Dashed across: the accepted risk, 5.0 %. Dashed down: what can be trusted with it."
    none = replace(sample().confidence[0], safe=None)
    assert selective_figure(none, "Scores", "r").note == ""


def test_what_can_be_trusted_is_a_sentence_also_where_nothing_can() -> None:
    whole = sample().confidence[0]
    assert whole.safe is not None
    said, present = confidence.sentences(sample())
    assert said == (
        "Finding scores: findings on images, called present or absent, stated with 91.0 % or more are 60.0 % of "
        "all such; 4.3 % of them are wrong, at most 4.9 % (one-sided, 95.0 %), within the accepted 5.0 %."
    )
    assert present.startswith(
        "Finding scores: findings called present on an image, stated with 97.0 % or more are"
    )
    nothing = replace(
        whole.safe, coverage=0.0, threshold=None, risk=None, risk_high=None, note="nothing to measure"
    )
    one = replace(whole, safe=nothing, safe_present=None, task="vqa", monitor="confidence_open")
    (said,) = confidence.sentences(replace(sample(), confidence=(one,)))
    assert said == (
        "Open questions: for answers, no threshold keeps errors within the accepted 5.0 %: nothing to measure."
    )


def test_few_answers_are_said_to_be_few() -> None:
    whole = replace(sample().confidence[0], safe=None, safe_present=None)
    few = replace(whole, sampled=Sampled(5, 0.105, 0.02, "", 0.09, 0.12, 0.0, 0.04))
    (said,) = confidence.few_samples(replace(sample(), confidence=(few,)))
    assert "a share of 5 answers" in said and "0.105 [0.090–0.120]" in said and "0.020 [0.000–0.040]" in said
    # an audit of before kept an error without interval, above zero by chance: it is not shown as what it is not
    assert not confidence.few_samples(
        replace(sample(), confidence=(replace(whole, sampled=Sampled(5, 0.1, 0.0, "")),))
    )
    unfit = replace(whole, sampled=Sampled(5, None, None, "Some confidences are not shares of 5 samples."))
    (said,) = confidence.few_samples(replace(sample(), confidence=(unfit,)))
    assert said == "Finding scores: Some confidences are not shares of 5 samples."


def test_claims_are_said_twice_and_are_no_outputs() -> None:
    whole = replace(
        sample().confidence[0], task="report", curve=(), area=None, oracle=None, safe=None, safe_present=None,
        sampled=Sampled(4, 0.105, 0.02, "", 0.09, 0.12, 0.0, 0.04),
    )  # fmt: skip
    both = tuple(replace(whole, monitor=f"confidence_claims_silent_{taken}") for taken in ("right", "wrong"))
    dossier = replace(sample(), confidence=both)
    labels = [f"Claims of drafts, taken as {taken} where the reference is silent" for taken in ("right", "wrong")]
    assert [line.label for line in confidence.lines(dossier)] == labels
    assert [said.split(":")[0] for said in confidence.recalibration(dossier)] == labels
    assert all("one value for every claim" in said for said in confidence.recalibration(dossier))
    none = replace(dossier, confidence=(replace(both[0], recalibrated=None),))
    assert "fewer than 20 patients have any claim that is right" in confidence.recalibration(none)[0]
    few = confidence.few_samples(dossier)
    assert [said.split(":")[0] for said in few] == labels
    assert "a share of 4 other drafts" in few[0] and "the chance of so few other drafts" in few[0]
    assert few[0] in render(dossier)
    assert not confidence.figures(dossier) and not confidence.sentences(dossier)


def test_without_probabilities_there_is_no_such_section() -> None:
    assert "What the probabilities are worth" not in render(bare())
    assert "What can be trusted" not in render(bare())


def test_a_score_is_said_to_be_one_and_has_no_parts() -> None:
    whole = sample().confidence[0]
    score = replace(
        whole, task="vqa", monitor="confidence_vqa", is_probability=False, brier=None, miscalibration=None,
        discrimination=None, uncertainty=None, p_value=None, safe=None, safe_present=None,
    )  # fmt: skip
    dossier = replace(sample(), confidence=(score,), reliability=())
    (said,) = confidence.scores(dossier)
    assert said.startswith(
        "Yes/no questions and questions with options: the confidence is a score and claims no prob"
    )
    assert confidence.lines(dossier) == []
    text = render(dossier)
    assert said in text
    assert "What the probabilities are worth" not in text and "What recalibration would buy" in text
    assert "No output states a probability" not in text
    assert confidence.scores(sample()) == []


def test_what_recalibration_buys_is_a_difference_with_its_interval() -> None:
    (said,) = confidence.recalibration(sample())
    assert said == (
        "Finding scores: Brier score 0.081 as stated, 0.079 recalibrated, saving 0.002 [−0.001 to 0.005]; 0.129 "
        "with one value for every output, against which the recalibrated confidence gains 0.050 [0.045–0.055]."
    )
    none = replace(sample().confidence[0], recalibrated=None)
    (said,) = confidence.recalibration(replace(sample(), confidence=(none,)))
    assert "cannot be told; fewer than 20 patients" in said


def test_bins_that_the_reference_window_could_not_fix_are_named() -> None:
    assert confidence.own_bins(sample()) == ""
    whole, first, *_ = sample().confidence
    dossier = replace(sample(), confidence=(whole, replace(first, own_bins=True)))
    assert confidence.own_bins(dossier).endswith(f"bins are those of this window: {FINDINGS[0]}.")
    assert confidence.own_bins(dossier) in render(dossier)


def test_open_questions_have_a_diagram_of_their_own() -> None:
    bins = [one for one in sample().reliability if not one.item][:10]
    kinds = [
        replace(one, task="vqa", monitor=name) for name in ("confidence_vqa", "confidence_open") for one in bins
    ]
    figures, left_out = reliability(replace(sample(), reliability=tuple(kinds)))
    titles = [figure.title for figure in figures]
    assert left_out == 0
    assert [title.split(":")[0].split(",")[0] for title in titles] == [
        "Open questions", "Yes/no questions and questions with options",
    ]  # fmt: skip
