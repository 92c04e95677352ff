"""Confidence from a few samples: the share k/N of N answers that agree with the one given.

Such a share is a noisy reading of the probability behind it. With N = 5 a perfectly calibrated model shows an ECE
of .105 and a slope of .33, with nothing wrong but the number of samples, and no correction for the chance of bins
takes that away. So those of different N never compare.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special
from scipy.optimize import minimize

from monitors.columns import logit_bin
from monitors.groups import Floats
from monitors.intervals import squared_calibration_error
from monitors.measurement import Slice
from monitors.score_grid import histograms
from monitors.selection import select
from monitors.tally import Tally

#: More samples than this share grid bins.
MOST_SAMPLES: Final = 50
_REACH: Final = (math.log(1e-2), math.log(1e4))


class SampleError(ValueError):
    """One clear sentence about confidences that are not shares of the stated number of samples."""


@dataclass(frozen=True, slots=True)
class BetaBinomial:
    """Beta(a, b) of the probability behind k agreeing answers of `samples`."""

    samples: int
    a: float
    b: float

    def expected(self, agreeing: Floats) -> Floats:
        """E[p | k] = (k + a)/(N + a + b): the share, drawn towards the mean of all.

        >>> BetaBinomial(5, 8, 2).expected(np.array([0.0, 5.0])).round(3).tolist()
        [0.533, 0.867]
        """
        made: Floats = (agreeing + self.a) / (self.samples + self.a + self.b)
        return made


def fit(histogram: Floats) -> BetaBinomial:
    """Maximum likelihood from counts of k = 0 … N, shape (N + 1,).

    log L = Σ_k h_k [log B(k + a, N − k + b) − log B(a, b)], with a and b within [.01, 10,000]: the upper end is
    one probability for all, the lower a model that is always or never sure. Raises SampleError for an empty
    histogram. Source: Skellam 1948.
    """
    samples, total = len(histogram) - 1, histogram.sum()
    if samples < 2 or not total > 0:
        raise SampleError("A beta-binomial needs at least two samples an output and one output.")
    k = np.arange(samples + 1)

    def loss(theta: Floats) -> float:
        a, b = np.exp(theta)
        return -float(histogram @ (special.betaln(k + a, samples - k + b) - special.betaln(a, b))) / float(total)

    mean = float(np.clip(histogram @ k / (total * samples), 0.01, 0.99))
    starts = [np.log([mean * size, (1 - mean) * size]) for size in (1.0, 10.0, 100.0)]
    found = [minimize(loss, np.clip(s, *_REACH), method="L-BFGS-B", bounds=[_REACH, _REACH]) for s in starts]
    a, b = np.exp(min(found, key=lambda one: float(one.fun)).x)
    return BetaBinomial(samples, float(a), float(b))


@dataclass(frozen=True, slots=True)
class ShareLevel:
    """Outputs of which `agreeing` samples agreed: confidence as stated and corrected, and the share right."""

    agreeing: int
    stated: float
    corrected: float
    n: float
    frequency: float


@dataclass(frozen=True, slots=True)
class ErrorRoot:
    """√max(0, Q̂) of the unbiased squared calibration error, one bin a share, with the limits of Q̂ so scaled."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SelfConsistency:
    """Calibration before and after correction; the interval of the corrected one takes the fit as it is."""

    fitted: BetaBinomial
    levels: tuple[ShareLevel, ...]
    error_stated: ErrorRoot
    error_corrected: ErrorRoot


def self_consistency(
    tally: Tally, *, version: str, samples: int, item: str = "", where: Slice | None = None
) -> SelfConsistency:
    """The correction read off a confidence tally whose confidences are shares of `samples` answers.

    Only the shares enter the fit, not whether they were right, so a truly miscalibrated model stays so. It holds
    if the samples are drawn independently of the answer given and of each other. A shown figure: it rests on a
    model. Raises SampleError when there is nothing, or when some confidence is no multiple of 1/`samples`.
    """
    if not 2 <= samples <= MOST_SAMPLES:
        raise SampleError(f"Confidence from samples is corrected for 2 to {MOST_SAMPLES} samples an output.")
    count, _, right = histograms(tally.group_totals(select(tally, where or Slice(), version=version, item=item)))
    stated = np.arange(samples + 1) / samples
    places = logit_bin(stated)
    of_groups = count[:, places], right[:, places]
    n, k = (part.sum(axis=0) for part in of_groups)
    if not count.sum() > 0:
        raise SampleError("No output of this slice has both a confidence and a judgement.")
    if not math.isclose(n.sum(), count.sum()):
        raise SampleError(f"Some confidences are not shares of {samples} samples; name the number that was drawn.")
    fitted = fit(n)
    corrected = fitted.expected(np.arange(samples + 1.0))
    seen = np.flatnonzero(n > 0)
    levels = tuple(
        ShareLevel(int(i), float(stated[i]), float(corrected[i]), float(n[i]), float(k[i] / n[i])) for i in seen
    )
    before, after = (_root(*of_groups, confidence) for confidence in (stated, corrected))
    return SelfConsistency(fitted, levels, before, after)


def _root(count: Floats, right: Floats, confidence: Floats) -> ErrorRoot:
    """Of counts and right ones by group and share, each (groups, N + 1), and what each share says."""
    made = squared_calibration_error(count, count * confidence, right)
    return ErrorRoot(*(math.sqrt(min(1.0, max(0.0, q))) if math.isfinite(q) else math.nan for q in made))
