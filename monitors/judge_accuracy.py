"""Sensitivity and specificity of the automatic judge against reviewers, from the reviews that correct its rate."""

import math
from dataclasses import dataclass

import numpy as np

from monitors.adjudication import DRAWS, rate_draws, share_draws
from monitors.reviewed import Frame, Reviewed, evidence, window_deff


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Sensitivity or specificity of the judge; NaN where the window has no such report as far as reviews tell."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class JudgeAccuracy:
    """How well the judge's flag (any of the classes `flagged`) tells what reviewers find."""

    flagged: tuple[str, ...]
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
    """Sensitivity and specificity of the judge against the reviewers, from the same posterior.

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

    def one_of(positive: bool) -> Accuracy:
        right = hit if positive else ~hit
        drawn, point = (W * p, share * rate) if positive else (W * (1 - p), share * (1 - rate))
        low, high = np.quantile(drawn[:, right].sum(axis=1) / drawn.sum(axis=1), [alpha / 2, 1 - alpha / 2])
        whole = float(point.sum())
        if not sound or not whole > 0:
            return Accuracy(math.nan, math.nan, math.nan)
        value = float(point[right].sum()) / whole
        return Accuracy(value, min(float(low), value), max(float(high), value))

    return JudgeAccuracy(flagged, one_of(True), one_of(False))
