"""Agreement of the automatic judge with reviewers, from the reviews that correct its rate.

Reviewers' answers are held against the judge's answer to the same question, which need not be what the sample was
stratified by: reviewers are asked for a clinically significant error, and the strata are any error.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from monitors.adjudication import DRAWS, rate_draws, share_draws
from monitors.groups import Floats
from monitors.reviewed import (
    Frame,
    FrameStratum,
    Reviewed,
    evidence,
    evidence_given,
    truth_rho,
    window_deff,
)


@dataclass(frozen=True, slots=True)
class JudgeAnswers:
    """What the judge answers to the question that reviewers were asked.

    `rows` and `weight` are those of the window's reports that it answers with yes, by stratum (none where one is
    not named); `reviewed` its answer about every reviewed row: 1 yes, 0 no, NaN no judgement.
    """

    rows: Mapping[str, int]
    weight: Mapping[str, float]
    reviewed: Floats


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Agreement, sensitivity or specificity of the judge; NaN where the reviews cannot tell."""

    value: float
    low: float
    high: float


UNKNOWN: Final = Accuracy(math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class JudgeAccuracy:
    """How well the judge's answer tells what reviewers find."""

    agreement: Accuracy
    sensitivity: Accuracy
    specificity: Accuracy


def judge_accuracy(
    frame: Frame,
    reviewed: Reviewed,
    answers: JudgeAnswers,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    alpha: float = 0.05,
) -> JudgeAccuracy:
    """How often the judge agrees with the reviewers, and its sensitivity and specificity, from the same posterior.

    With c the cells (stratum × the judge's answer), W_c their known shares of the window and p_c the rate that
    reviewers find in them:

    agreement = [Σ_{c yes} W_c p_c + Σ_{c no} W_c(1−p_c)] / Σ_c W_c,

    sensitivity = Σ_{c yes} W_c p_c / Σ_c W_c p_c, specificity = Σ_{c no} W_c(1−p_c) / Σ_c W_c(1−p_c),

    over strata that the judge judged (its missing judgements are neither right nor wrong), W and p as for the
    process target. Values are the plug-in ones. A cell without a review, in a stratum that has some, is left out
    of the value and wide in the interval. NaN where a whole stratum has no answered review, since all the misses
    may lie in it; sensitivity and specificity also where only one of the judge's two answers was reviewed.
    """
    judged = [one for one in evidence(frame, reviewed) if one.judge_class != "missing"]
    if not judged or not all(one.n > 0 for one in judged):
        return JudgeAccuracy(UNKNOWN, UNKNOWN, UNKNOWN)
    within, split = _cells(frame, reviewed, answers)
    cells = evidence_given(within, split, truth_rho(frame, reviewed))
    rng = np.random.default_rng(seed)
    W = share_draws(within, window_deff(frame, reviewed), cells, rng, draws)
    p = np.stack([rate_draws(one, rng, draws) for one in cells], axis=1)
    yes = np.array([one.judge_class == "yes" for one in cells])
    known = np.array([one.n > 0 for one in cells])
    share = np.array([one.share for one in cells]) * known
    rate = np.array([one.found / one.n if one.n else 0.0 for one in cells])
    both = bool((yes & known).any() and (~yes & known).any())

    def part(right: Floats, whole: Floats, right_point: float, whole_point: float) -> Accuracy:
        if not whole_point > 0:
            return UNKNOWN
        low, high = np.quantile(right / whole, [alpha / 2, 1 - alpha / 2]).tolist()
        value = right_point / whole_point
        return Accuracy(value, min(low, value), max(high, value))

    present, absent = W * p, W * (1 - p)
    found, clear = share * rate, share * (1 - rate)
    true_positive, true_negative = present[:, yes].sum(axis=1), absent[:, ~yes].sum(axis=1)
    found_yes, clear_no = float(found[yes].sum()), float(clear[~yes].sum())
    return JudgeAccuracy(
        agreement=part(true_positive + true_negative, W.sum(axis=1), found_yes + clear_no, float(share.sum())),
        sensitivity=part(true_positive, present.sum(axis=1), found_yes, float(found.sum())) if both else UNKNOWN,
        specificity=part(true_negative, absent.sum(axis=1), clear_no, float(clear.sum())) if both else UNKNOWN,
    )


def _cells(frame: Frame, reviewed: Reviewed, answers: JudgeAnswers) -> tuple[Frame, Reviewed]:
    """Window and reviews by stratum and answer of the judge, which is what `judge_class` says of a cell.

    A sample is random within its strata, so it is within their cells. Reports without a judgement are in no cell.
    """
    strata: list[FrameStratum] = []
    for one in frame.strata:
        if one.judge_class == "missing":
            continue
        rows, weight = answers.rows.get(one.name, 0), answers.weight.get(one.name, 0.0)
        strata.append(FrameStratum(_cell(one.name, "yes"), "yes", rows, weight))
        strata.append(FrameStratum(_cell(one.name, "no"), "no", one.rows - rows, max(0.0, one.weight - weight)))
    said = zip(reviewed.stratum.tolist(), answers.reviewed.tolist(), strict=True)
    place = np.array(
        ["" if math.isnan(yes) else _cell(name, "yes" if yes else "no") for name, yes in said], np.str_
    )
    return replace(frame, strata=tuple(strata)), replace(reviewed, stratum=place)


def _cell(stratum: str, answer: str) -> str:
    return f"{stratum}, {answer}"
