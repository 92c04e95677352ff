"""Correcting the automatic judge by a reviewed sample: post-stratified Jeffreys, with named target.

The judge's own rate is biased by what it misses and by what it raises in error. Radiologists review a stratified
sample (`monitors.review_sample`); with h the strata (judge class × any over-sampling), W_h the share of stratum
h and p_h the rate that reviewers find in it, the corrected rate is θ = Σ_h W_h p_h. Everything is random in it
that is not known:

    p_h ~ Beta(k_h/D_h + ½, (n_h − k_h)/D_h + ½),   D_h = 1 + ρ(m̃_h − 1)
    process target: W ~ Dirichlet(N_h/D_W + ½),      D_W = 1 + ρ(m̃_window − 1), D_h ≥ 1 + (n_h/N_h)(D_W − 1)
    window target:  θ = [Σ_h k_h + Binomial(N_h − n_h, p_h)] / N

where n_h are reviewed and k_h found, N_h the reports of the window, m̃ mean cluster sizes (reports a patient, as
a report sees them) and ρ the intracluster correlation of what reviewers find: that of the judge's flag, freed of
the dilution by the judge's own errors (`truth_rho`). The two targets answer different questions, so a number
never goes without its target: `process` is the rate of the system that made this window, `window` the share of
this window's own reports, most of which nobody reviewed. The lower bound of D_h is that of a stratum reviewed
whole: a patient's reports in the other strata are then no news (simulated: up to 1.6 points of coverage at ρ = .3
where half of a small window is reviewed).

Unequal inclusion probabilities π_i inside a stratum enter by w_i = 1/π_i: n*_h = (Σw)²/Σw² and
k*_h = n*_h·Σwy/Σw. Skipped reviews are a stratum of their own: of the share that was skipped nothing is known
(Beta(½, ½)). What reviewers say is taken as the truth.

Coverage simulated on clustered windows of 200–5,000 reports, process target: .933–.972 over 81 settings; .927 at
the lowest where 36 of them were run again on fresh windows (1,000 reports, 400 reviews, rate 5 %, ρ = .30).

Source: Bayesian post-stratification with Jeffreys priors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from monitors.groups import Floats
from monitors.review_sample import RARE, UNFLAGGED_WHERE_RARE
from monitors.reviewed import Frame, Reviewed, StratumEvidence, evidence, overall_deff, window_deff

Target = Literal["process", "window"]


#: Posterior draws: their noise is about 1 % of an interval's width.
DRAWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Corrected:
    """A rate of reports, corrected by reviews, with its interval and what it rests on."""

    method: str
    target: Target
    value: float
    low: float
    high: float
    reviewed: int
    skipped: int
    events: float  # positive among the reviewed, unweighted
    patients: int  # of the reviewed rows
    deff: float  # of the reviewed rows: clustering and unequal weights together
    n_eff: float  # answered reviews / deff
    strata: tuple[StratumEvidence, ...]
    note: str = ""


def corrected_rate(
    frame: Frame,
    reviewed: Reviewed,
    *,
    target: Target,
    seed: int = 0,
    draws: int = DRAWS,
    alpha: float = 0.05,
) -> Corrected:
    """The share of reports in which reviewers find the error, by post-stratified Jeffreys (see the module).

    `value` is Σ_h W_h k*_h/n*_h over strata with answered reviews; [low, high] are the α/2 and 1 − α/2 points of
    the posterior (low is 0 where no review is positive). The same seed gives the same bits.
    """
    strata = evidence(frame, reviewed)
    rng = np.random.default_rng(seed)
    posterior = (_process if target == "process" else _window)(frame, reviewed, strata, rng, draws)
    value = _point(strata)
    low, high = np.quantile(posterior, [alpha / 2, 1 - alpha / 2]).tolist()
    events = sum(one.events for one in strata)
    low = 0.0 if events == 0 else min(low, value)
    answered = np.isfinite(reviewed.positive)
    n, deff = int(answered.sum()), overall_deff(frame, reviewed)
    return Corrected(
        method="post-stratified Jeffreys",
        target=target,
        value=value,
        low=low,
        high=max(high, value),
        reviewed=n,
        skipped=int((~answered).sum()),
        events=events,
        patients=len(np.unique(reviewed.subject[answered])),
        deff=deff,
        n_eff=n / deff,
        strata=strata,
        note=_note(strata, value),
    )


def rate_draws(one: StratumEvidence, rng: np.random.Generator, draws: int) -> Floats:
    """Draws of p_h among those that reviewers can answer."""
    drawn: Floats = rng.beta(one.found / one.deff + 0.5, (one.n - one.found) / one.deff + 0.5, draws)
    return drawn


def share_draws(
    frame: Frame, deff: float, strata: Sequence[StratumEvidence], rng: np.random.Generator, draws: int
) -> Floats:
    """Draws of W: (draws, strata)."""
    total = sum(stratum.rows for stratum in frame.strata)
    alpha = np.array([one.share * total / deff + 0.5 for one in strata])
    drawn: Floats = rng.dirichlet(alpha, draws)
    return drawn


def _unanswerable(one: StratumEvidence, rng: np.random.Generator, draws: int) -> Floats:
    """Draws of the share of a stratum whose reviews are skipped; exactly 0 where none was."""
    if not one.skipped:
        return np.zeros(draws)
    drawn: Floats = rng.beta(one.skipped / one.deff + 0.5, one.reviewed / one.deff + 0.5, draws)
    return drawn


def _process(
    frame: Frame,
    reviewed: Reviewed,
    strata: tuple[StratumEvidence, ...],
    rng: np.random.Generator,
    draws: int,
) -> Floats:
    D_W = window_deff(frame, reviewed)
    W = share_draws(frame, D_W, strata, rng, draws)
    theta, skipped = np.zeros(draws), np.zeros(draws)
    for h, stratum in enumerate(strata):
        one = replace(stratum, deff=max(stratum.deff, 1 + stratum.reviewed / stratum.rows * (D_W - 1)))
        away = W[:, h] * _unanswerable(one, rng, draws)
        theta += (W[:, h] - away) * rate_draws(one, rng, draws)
        skipped += away
    unknown: Floats = theta + skipped * rng.beta(0.5, 0.5, draws)
    return unknown


def _window(
    frame: Frame,
    reviewed: Reviewed,
    strata: tuple[StratumEvidence, ...],
    rng: np.random.Generator,
    draws: int,
) -> Floats:
    """Draws of this window's own share; a row that nobody reviewed carries its stratum's mean remaining weight."""
    weights = {stratum.name: stratum.weight for stratum in frame.strata}
    theta, skipped = np.zeros(draws), np.zeros(draws)
    for one in strata:
        inside = reviewed.stratum == one.name
        answered = inside & np.isfinite(reviewed.positive)
        theta += float(reviewed.weight[answered] @ reviewed.positive[answered])
        skipped += float(reviewed.weight[inside & ~answered].sum())
        rest = one.rows - one.reviewed - one.skipped
        each = max(0.0, weights[one.name] - float(reviewed.weight[inside].sum())) / rest if rest else 0.0
        away = rng.binomial(rest, _unanswerable(one, rng, draws))
        theta += each * rng.binomial(rest - away, rate_draws(one, rng, draws))
        skipped += each * away
    share: Floats = (theta + skipped * rng.beta(0.5, 0.5, draws)) / sum(weights.values())
    return share


def _point(strata: tuple[StratumEvidence, ...]) -> float:
    """Σ W_h k_h/n_h over the strata that reviews speak of, as a share of those."""
    known = [one for one in strata if one.n > 0]
    return sum(one.share * one.found / one.n for one in known) / sum(one.share for one in known)


def _note(strata: tuple[StratumEvidence, ...], value: float) -> str:
    """What a reader must know beside the number."""
    said = []
    if silent := [one for one in strata if not one.reviewed]:
        names = " and ".join(one.name for one in silent)
        said.append(f"no answered review in {names}, {sum(one.share for one in silent):.1%} of the reports")
    if skipped := sum(one.skipped for one in strata):
        said.append(f"skipped reviews widen the interval, since their rate is unknown: {skipped}")
    clean = [one for one in strata if one.judge_class == "unflagged" and one.reviewed]
    reviews = sum(one.reviewed for one in clean)
    every = all(one.reviewed == one.rows for one in clean)
    if value <= RARE and reviews < UNFLAGGED_WHERE_RARE and clean and not every:
        said.append(f"{reviews} unflagged reviews are few for so rare an error: the upper limit is cautious")
    return "; ".join(said)
