"""Agreement of the automatic judge with reviewers, from the reviews that correct its rate."""

import math
from dataclasses import dataclass

import numpy as np

from monitors.adjudication import DRAWS, rate_draws, share_draws
from monitors.groups import Floats
from monitors.reviewed import Frame, Reviewed, evidence, window_deff


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Agreement, sensitivity or specificity of the judge; NaN where the reviews cannot tell."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class JudgeAccuracy:
    """How well the judge's flag (any of the classes `flagged`) tells what reviewers find."""

    flagged: tuple[str, ...]
    agreement: Accuracy
    sensitivity: Accuracy
    specificity: Accuracy


def judge_accuracy(
    frame: Frame,
    reviewed: Reviewed,
    *,
    flagged: tuple[str, ...] = ("contradicted",),
    seed: int = 0,
    draws: int = DRAWS,
    alpha: float = 0.05,
) -> JudgeAccuracy:
    """How often the judge agrees with the reviewers, and its sensitivity and specificity, from the same posterior.

    agreement = [Σ_{h flagged} W_h p_h + Σ_{h not flagged} W_h(1−p_h)] / Σ_h W_h,

    sensitivity = Σ_{h flagged} W_h p_h / Σ_h W_h p_h, specificity = Σ_{h not flagged} W_h(1−p_h) / Σ_h W_h(1−p_h),
    over strata that the judge judged (its missing judgements are neither right nor wrong), W and p as for the
    process target. Values are the plug-in ones.
    """
    strata = [one for one in evidence(frame, reviewed) if one.judge_class != "missing"]
    rng = np.random.default_rng(seed)
    W = share_draws(frame, window_deff(frame, reviewed), strata, rng, draws)
    p = np.stack([rate_draws(one, rng, draws) for one in strata], axis=1)
    hit = np.array([one.judge_class in flagged for one in strata])
    share = np.array([one.share for one in strata])
    rate = np.array([one.found / one.n if one.n else math.nan for one in strata])
    sound = bool(np.isfinite(rate).all())  # a class without reviews says nothing of the judge

    def part(right: Floats, whole: Floats, right_point: float, whole_point: float) -> Accuracy:
        if not sound or not whole_point > 0:
            return Accuracy(math.nan, math.nan, math.nan)
        low, high = np.quantile(right / whole, [alpha / 2, 1 - alpha / 2]).tolist()
        value = right_point / whole_point
        return Accuracy(value, min(low, value), max(high, value))

    present, absent = W * p, W * (1 - p)
    found, clear = share * rate, share * (1 - rate)
    true_positive, true_negative = present[:, hit].sum(axis=1), absent[:, ~hit].sum(axis=1)
    found_hit, clear_left = float(found[hit].sum()), float(clear[~hit].sum())
    return JudgeAccuracy(
        flagged,
        agreement=part(true_positive + true_negative, W.sum(axis=1), found_hit + clear_left, float(share.sum())),
        sensitivity=part(true_positive, present.sum(axis=1), found_hit, float(found.sum())),
        specificity=part(true_negative, absent.sum(axis=1), clear_left, float(clear.sum())),
    )
