"""What the report says of stated probabilities."""

from dataclasses import replace

from reports import confidence
from reports.dossier import Sampled
from reports.figures.selective import selective_figure
from reports.html import render
from tests.reports.samples import FINDINGS, bare, sample


def test_all_findings_first_then_the_worst_calibrated() -> None:
    lines = confidence.lines(sample())
    assert [line.label for line in lines[:3]] == ["Finding scores", FINDINGS[-1], FINDINGS[-2]]
    assert (lines[0].n, lines[0].brier, lines[0].uncertainty, lines[0].p_value) == (
        "40,120", "0.081", "0.129", "< 0.001",
    )  # fmt: skip
    text = render(sample())
    assert "What the probabilities are worth" in text
    assert f"{len(FINDINGS) + 1 - len(lines)} further findings" in text


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
    (said,) = confidence.sentences(sample())
    assert said == (
        "Finding scores: outputs stated with 91.0 % or more are 60.0 % of all; 4.3 % of them are wrong, at most "
        "4.9 % (one-sided, 95.0 %), within the accepted 5.0 %."
    )
    nothing = replace(
        whole.safe, coverage=0.0, threshold=None, risk=None, risk_high=None, note="nothing to measure"
    )
    (said,) = confidence.sentences(replace(sample(), confidence=(replace(whole, safe=nothing),)))
    assert said == "Finding scores: no threshold keeps errors within the accepted 5.0 %: nothing to measure."


def test_few_answers_are_said_to_be_few() -> None:
    whole = replace(sample().confidence[0], safe=None)
    few = replace(whole, sampled=Sampled(5, 0.105, 0.02, ""))
    (said,) = confidence.sentences(replace(sample(), confidence=(few,)))
    assert "a share of 5 answers" in said and "0.105" in said and "0.020" in said
    unfit = replace(whole, sampled=Sampled(5, None, None, "Some confidences are not shares of 5 samples."))
    (said,) = confidence.sentences(replace(sample(), confidence=(unfit,)))
    assert said == "Finding scores: Some confidences are not shares of 5 samples."


def test_without_probabilities_there_is_no_such_section() -> None:
    assert "What the probabilities are worth" not in render(bare())
    assert "What can be trusted" not in render(bare())
