"""The columns whose distribution is watched, in fixed categories that merge."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitors.columns import LOGIT_REACH, unit_interval
from monitors.groups import Floats

_LENGTHS: Final = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
_FEW: Final = (0, 1, 2, 3, 5, 9)
_LOGITS: Final = (-int(LOGIT_REACH), *range(-9, 8))  # .0001 to .999, open at both ends


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the judged table in fixed categories.

    `starts` are the lower bounds of number bins; empty means the values 0 and 1. `logit` bins probabilities by
    log-odds. `missing` counts null as a category, where null is the system's own doing and not a late reference.
    """

    name: str
    title: str
    starts: tuple[int, ...] = ()
    logit: bool = False
    missing: bool = False

    @property
    def source(self) -> str:
        """The column of the judged table."""
        return self.name

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the categories."""
        if self.logit:
            ends = ["0", *(f"{1 / (1 + math.exp(-x)):.3g}" for x in self.starts[1:])]
            labels = [f"{a}–{b}" for a, b in zip(ends, [*ends[1:], "1"], strict=True)]
        elif self.starts:
            tops = [*(s - 1 for s in self.starts[1:]), None]
            pairs = zip(self.starts, tops, strict=True)
            labels = [f"{a}+" if b is None else str(a) if a == b else f"{a}–{b}" for a, b in pairs]
        else:
            labels = ["no", "yes"]
        return (*labels, *(["missing"] if self.missing else []))

    @property
    def cells(self) -> tuple[str, ...]:
        return tuple(f"{self.name}:{label}" for label in self.labels)

    def bins(self, values: Floats) -> NDArray[np.int64]:
        """Category of each value; NaN goes to the last and must be masked unless `missing`."""
        if self.logit:
            with np.errstate(divide="ignore"):
                values = np.log(unit_interval(values, self.name)) - np.log1p(-values)
        starts = np.array(self.starts or (0, 1), np.float64)
        found = np.clip(np.searchsorted(starts, values, side="right") - 1, 0, len(starts) - 1)
        return np.where(np.isnan(values), len(self.labels) - 1, found).astype(np.int64, copy=False)


_LENGTH: Final = Column("length", "Words per output", _LENGTHS, missing=True)
_CONFIDENCE: Final = Column("confidence", "Stated confidence", _LOGITS, logit=True, missing=True)
COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    "report": (
        _LENGTH,
        _CONFIDENCE,
        Column("asserted", "Findings per draft", _FEW),
        Column("reference_findings", "Findings per reference", _FEW),
        Column("reference_length", "Words per reference", _LENGTHS),
        Column("addressed", "Structures per reference", _LENGTHS),
    ),
    "classification": (
        _CONFIDENCE,
        Column("probability", "Probability", _LOGITS, logit=True, missing=True),
        Column("decision", "Flagged by the system", missing=True),
        Column("label", "Labelled positive"),
    ),
    "vqa": (
        _LENGTH,
        _CONFIDENCE,
        Column("closed", "Yes/no question"),
        Column("abstained", "Declined to answer"),
        Column("answered_yes", "Answered yes"),
        Column("truth_yes", "Truth is yes"),
    ),
    "retrieval": (Column("listed", "Candidates per search", _LENGTHS),),
}
