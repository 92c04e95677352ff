"""What is said of a judge and its frozen set: numbers, another judge, erased pairs, and why it waits."""

from dataclasses import replace

import pytest

from reports.dossier import FrozenPairs
from reports.frozen_pairs import lines
from reports.sections.errors import errors
from tests.reports.samples import bare, sample

COMPARED, WAITING = sample().frozen


def test_the_line_has_both_rates_agreement_and_movement() -> None:
    said = list(lines(COMPARED))
    assert said[0] == (
        "The frozen set of report drafts: 198 pairs judged first by 2 March 2026, again in the week of "
        "28 September 2026: agreement 95.5 % [91.8–97.8], errors flagged 14.1 % then, 11.6 % now, "
        "moved by −2.5 points [−5.8 to +0.6]."
    )
    assert said[1] == "Left out because their rows were erased: 2."
    assert "(9a319a319a31, now 41c041c041c0)" in said[2]


def test_a_judge_that_is_the_same_with_all_its_pairs_has_one_line() -> None:
    assert len(list(lines(replace(COMPARED, gone=0, judge_now=COMPARED.judge_first)))) == 1


def test_of_few_patients_no_number_is_said() -> None:
    hidden = replace(COMPARED, agreement=None, moved=None, rate_first=None, rate_now=None, gone=0)
    said = " ".join(lines(replace(hidden, judge_now=hidden.judge_first)))
    assert "too few of them" in said and "%" not in said


@pytest.mark.parametrize(
    ("why", "words"), [("few", "there are 312 so far"), ("server", "trouble"), ("later", "after the time of this")]
)
def test_what_waits_says_why(why: str, words: str) -> None:
    (said,) = lines(replace(WAITING, waiting=why))
    assert words in said and "of answers" in said


def test_it_stands_with_the_errors() -> None:
    def headed(frozen: tuple[FrozenPairs, ...]) -> bool:
        return "The judge on its frozen set" in str(errors(bare(frozen=frozen)))

    assert headed((COMPARED,)) and headed((WAITING,)) and not headed(())
