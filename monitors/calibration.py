"""Calibration: is a stated probability the frequency with which it comes true?

Of a classifier: its probability against the label. Of a generative model: the confidence stated with an output
against whether it was right (`monitors.outcomes`). The alerting measure is the signed gap; the squared error Q̂ is
unbiased under clustering and shown as its root. Plug-in ECE is not made: on a calibrated model its interval never
covers the truth. Of a confidence that is a score and no probability only what it orders is measured.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import LOGIT_REACH, Collector, logit_bin, ratio
from monitors.groups import Floats
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions
from monitors.outcomes import OUTCOMES
from monitors.performance import auroc
from monitors.reliability import ReliabilityBin, reliability
from monitors.score_grid import (
    CELLS,
    COUNT_BINS,
    EVENT_BINS,
    PROBABILITY_BINS,
    SUMS,
    bin_starts,
    binned,
    histograms,
)
from monitors.selective import aurc, oracle_aurc

__all__ = [
    "CALIBRATION", "CONFIDENCE_CLAIMS", "CONFIDENCE_OPEN", "CONFIDENCE_REPORT", "CONFIDENCE_RETRIEVAL",
    "CONFIDENCE_VQA", "Calibration", "ReliabilityBin", "bin_starts", "binned", "reliability",
]  # fmt: skip

#: The largest log loss: a probability is taken as no nearer to 0 or 1 than the grid reaches.
WORST_LOG_LOSS: Final = math.log1p(math.exp(LOGIT_REACH))
#: The first measures of every such monitor (`_measures`) need a probability.
_OF_PROBABILITIES: Final = 6


def _measures(prefix: str, who: str, counted: str, at: str = "") -> tuple[Measure, ...]:
    """What every source of probabilities has in common; `who` states them, and `at` says on what, where asked."""
    away = Direction.AWAY_FROM_ZERO
    return (
        Measure(
            f"{prefix}_gap", f"Over-confidence{at}: {who} minus observed frequency", counted, -1, 1, away,
            Interval.MEAN, denominator="labelled", floor=50, unit="difference",
        ),
        Measure(
            "brier" if prefix == "calibration" else f"{prefix}_brier", f"Brier score{at}", counted, 0, 1,
            Direction.HIGHER_IS_WORSE, Interval.MEAN, denominator="labelled", floor=200, ceiling="watch",
            unit="score",
        ),
        Measure(
            f"{prefix}_error", f"Root of the unbiased squared calibration error{at}", counted, 0, 1,
            Direction.HIGHER_IS_WORSE, Interval.Q_HAT, denominator="labelled", floor=300, ceiling="watch",
            unit="score",
        ),
        Measure(
            "log_loss" if prefix == "calibration" else f"{prefix}_log_loss", f"Log loss{at}", counted, 0,
            WORST_LOG_LOSS, Direction.HIGHER_IS_WORSE, Interval.MEAN, denominator="labelled", floor=200,
            ceiling="watch", unit="score",
        ),
        Measure(
            f"{prefix}_slope_gap", f"Calibration slope minus 1{at} (below 0: {who} too extreme)", counted,
            -math.inf, math.inf, away, Interval.RECALIBRATION, denominator="labelled", floor=20, ceiling="watch",
            unit="difference",
        ),
        Measure(
            f"{prefix}_intercept", f"Calibration in the large{at}, log odds (above 0: {who} too low)", counted,
            -math.inf, math.inf, away, Interval.RECALIBRATION, denominator="labelled", floor=20, ceiling="watch",
            unit="difference",
        ),
    )  # fmt: skip


def _selective(counted: str, prefix: str = "", at: str = "") -> tuple[Measure, ...]:
    """What a stated confidence is worth for deciding which outputs to trust; it need not be a probability."""
    return (
        Measure(
            f"{prefix}confidence_auroc", f"Area under the ROC curve of confidence for being right{at}", counted,
            0, 1, Direction.LOWER_IS_WORSE, Interval.LOGIT, numerator="events", denominator="non_events", floor=20,
            ceiling="watch", unit="score",
        ),
        *(
            Measure(
                f"{prefix}{name}", f"{title}{at}", counted, 0, 1, Direction.HIGHER_IS_WORSE, Interval.LOGIT,
                numerator="events", denominator="non_events", floor=20, ceiling="watch", unit="score",
            )
            for name, title in (
                ("aurc", "Area under the risk–coverage curve"),
                ("excess_aurc", "Risk–coverage area in excess of a perfect order"),
            )
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Calibration:
    """Sums over rows that have both a probability and an outcome; one row is one judgement, or some claims of it.

    A classifier's probability is held against the label; of a report, a claim, an answer or a search the stated
    confidence against whether it was right. What lacks either is in no cell: missing is never 0, nor is it wrong.
    """

    name: str
    task: str
    every: tuple[Measure, ...]
    version: int = 2
    cells: tuple[str, ...] = CELLS
    is_probability: bool = True

    @property
    def measures(self) -> tuple[Measure, ...]:
        """All of them, or of a score those that need no probability: none of a classifier's."""
        return self.every[self._first :]

    @property
    def _first(self) -> int:
        return 0 if self.is_probability else _OF_PROBABILITIES

    def of_scores(self) -> "Calibration":
        """The same sums, of a source that states scores: nobody said that .8 means right four times in five."""
        return replace(self, is_probability=False)

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`. Raises JudgedError for a probability outside [0, 1]."""
        add = Collector(self.cells)
        probability, outcome, row = OUTCOMES[self.name](batch)
        known = np.isfinite(outcome) & np.isfinite(probability)
        bins = logit_bin(probability)
        add.count("labelled", known)
        add.sum("probability", probability, known)
        add.count("events", known & (outcome == 1))
        add.count("non_events", known & (outcome == 0))
        add.sum("squared_error", (probability - outcome) ** 2, known)
        add.sum("log_loss", log_loss(probability, outcome), known)
        add.bins(COUNT_BINS[0], bins, known)
        add.bins(PROBABILITY_BINS[0], bins, known, probability)
        add.bins(EVENT_BINS[0], bins, known & (outcome == 1))
        made = add.contributions()
        return made if row is None else replace(made, row=row[made.row])

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gap, Brier score, log loss and, for a confidence, what it orders.

        Q̂ needs group totals (its bias is a variance), slope and intercept an iterative fit (`monitors.cut` has it
        made once): NaN here.
        """
        at = {name: totals[..., i] for i, name in enumerate(SUMS)}
        n = at["labelled"]
        gap = ratio(at["probability"] - at["events"], n)
        unread = np.full(n.shape, np.nan)
        values = [gap, ratio(at["squared_error"], n), unread, ratio(at["log_loss"], n), unread, unread]
        if len(self.every) > len(values):
            count, _, event = histograms(totals)
            area = aurc(count, event)
            excess = np.maximum(area - oracle_aurc(ratio(at["non_events"], n)), 0.0)
            values += [auroc(event, count - event), area, excess]
        return np.stack(values, axis=-1)[..., self._first :]

    def scatter(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Variance of one row's gap, squared error and log loss round their means, from the grid: (measures,)."""
        n, p, event = _bins(totals)
        made = np.full(len(self.every), np.nan)
        if n.sum() > 0:
            for index, (of_event, of_other) in _losses(p).items():
                mean, square = (_mean(of_event**k, of_other**k, n, event) for k in (1, 2))
                made[index] = square - mean**2
        return made[self._first :]

    def at_frequency(self, totals: NDArray[np.float64], frequency: float) -> NDArray[np.float64]:
        """Gap, squared error and log loss if events had this frequency, from totals (cells,) to (measures,).

        Outcomes are turned in every bin alike: the share of non-events (or events) that it takes becomes events
        (or non-events).
        """
        n, p, event = _bins(totals)
        made = np.full(len(self.every), np.nan)
        total, k = float(n.sum()), float(event.sum())
        if total > 0:
            more = frequency * total - k
            turned = event + more * ((n - event) / (total - k) if more > 0 else event / max(k, 1e-300))
            for index, (of_event, of_other) in _losses(p).items():
                made[index] = _mean(of_event, of_other, n, turned)
        return made[self._first :]


def _bins(totals: Floats) -> tuple[Floats, Floats, Floats]:
    """Counts, mean probability and events of the filled grid bins."""
    n, probability, event = histograms(totals)
    seen = n > 0
    return n[seen], probability[seen] / n[seen], event[seen]


def _losses(p: Floats) -> dict[int, tuple[Floats, Floats]]:
    """Measure → what a row of probability p adds to its mean, with an event and without."""
    one, none = np.ones_like(p), np.zeros_like(p)
    return {0: (p - 1, p), 1: ((1 - p) ** 2, p**2), 3: (log_loss(p, one), log_loss(p, none))}


def _mean(of_event: Floats, of_other: Floats, n: Floats, event: Floats) -> float:
    return float((event * of_event + (n - event) * of_other).sum() / n.sum())


def log_loss(probability: Floats, outcome: Floats) -> Floats:
    """−log of the probability that was given to what came, at most 12: logits are clipped to ±12. NaN passes.

    >>> log_loss(np.array([0.5, 1.0]), np.array([1.0, 0.0])).round(3).tolist()
    [0.693, 12.0]
    """
    given = np.where(outcome == 1, probability, 1 - probability)
    with np.errstate(divide="ignore", invalid="ignore"):
        logit = np.clip(np.log(given) - np.log1p(-given), -LOGIT_REACH, LOGIT_REACH)
    losses: Floats = np.log1p(np.exp(-logit))
    return losses


CALIBRATION: Final = Calibration(
    "calibration", "classification", _measures("calibration", "stated probability", "labelled images")
)
_STATED: Final = "outputs with a confidence"
_CONFIDENCE: Final = (*_measures("confidence", "stated confidence", _STATED), *_selective(_STATED))
_OPEN: Final = ("open answers with a confidence", ", open questions")
_SAMPLED: Final = "positive claims of sampled drafts"
CONFIDENCE_REPORT: Final = Calibration("confidence_report", "report", _CONFIDENCE, version=3)
CONFIDENCE_CLAIMS: Final = tuple(
    Calibration(
        f"confidence_claims_silent_{taken}",
        "report",
        (
            *_measures(f"silent_{taken}_claim_confidence", "agreement of drafts", _SAMPLED, at),
            *_selective(_SAMPLED, f"silent_{taken}_claim_", at),
        ),
    )
    for taken, at in (
        ("right", ", claims (the reference's silence taken as right)"),
        ("wrong", ", claims (the reference's silence taken as wrong)"),
    )
)
CONFIDENCE_VQA: Final = Calibration("confidence_vqa", "vqa", _CONFIDENCE, version=3)
CONFIDENCE_OPEN: Final = Calibration(
    "confidence_open",
    "vqa",
    (
        *_measures("open_confidence", "stated confidence", *_OPEN),
        *_selective(_OPEN[0], "open_", _OPEN[1]),
    ),
)
CONFIDENCE_RETRIEVAL: Final = Calibration("confidence_retrieval", "retrieval", _CONFIDENCE)
