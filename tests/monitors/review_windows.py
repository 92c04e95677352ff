"""Simulated windows of judged reports whose truth is known, and stratified samples of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitors.review_sample import allocate
from monitors.reviewed import Frame, FrameStratum, Reviewed, clustering

SENSITIVITY, SPECIFICITY = 0.85, 0.95


@dataclass(frozen=True)
class SimulatedWindow:
    """Patients, the truth and the judge's class, row by row."""

    subject: NDArray[np.str_]
    truth: NDArray[np.bool_]
    classes: NDArray[np.str_]

    def rows(self) -> dict[str, int]:
        names, counts = np.unique(self.classes, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    def frame(self) -> Frame:
        size, rho = clustering(self.subject, self.classes == "contradicted")
        strata = tuple(FrameStratum(name, name, rows, float(rows)) for name, rows in self.rows().items())
        return Frame("judge", strata, size, rho, ("contradicted",))

    def reviewed(self, drawn: NDArray[np.int64], probability: NDArray[np.float64]) -> Reviewed:
        positive = self.truth[drawn].astype(float)
        return Reviewed(
            "judge", self.classes[drawn], positive, probability, np.ones(len(drawn)), self.subject[drawn]
        )

    def sample(self, n: int, rng: np.random.Generator) -> Reviewed:
        """A random sample by the planned allocation."""
        rows = self.rows()
        drawn, probability = [], []
        for name, count in allocate(rows, n).items():
            inside = np.flatnonzero(self.classes == name)
            drawn.append(rng.permutation(inside)[:count])
            probability.append(np.full(count, count / rows[name]))
        return self.reviewed(np.concatenate(drawn), np.concatenate(probability))


def simulate(reports: int, rate: float, rho: float, rng: np.random.Generator) -> SimulatedWindow:
    """75 % of patients with one report, 17 % with 2–3, 8 % like intensive care (geometric, mean 8).

    The truth is beta-binomial within patients (ρ), the judge errs independently.
    """
    kind = rng.random(reports)
    size = np.where(
        kind < 0.75, 1, np.where(kind < 0.92, rng.integers(2, 4, reports), rng.geometric(1 / 8, reports))
    )
    patient = np.repeat(np.arange(reports), size)[:reports]
    scale = (1 - rho) / rho if rho else np.inf
    risk = rng.beta(rate * scale, (1 - rate) * scale, reports) if rho else np.full(reports, rate)
    truth = rng.random(reports) < risk[patient]
    flag = np.where(truth, rng.random(reports) < SENSITIVITY, rng.random(reports) > SPECIFICITY)
    return SimulatedWindow(patient.astype(str), truth, np.where(flag, "contradicted", "unflagged"))
