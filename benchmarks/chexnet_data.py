"""The ChexNet set: the real one where it lies beside the checkout, else a simulated one of the same shape."""

import csv
import gzip
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from auditor.settings import AuditSettings, parse_settings

ROOT: Final = Path(__file__).parents[1]
EXAMPLE: Final = ROOT / "examples" / "chexnet"
#: Images of the real set.
IMAGES: Final = 11_627


@dataclass(frozen=True)
class Predictions:
    """A file of scores and labels, and what it is."""

    path: Path
    origin: str


def settings() -> AuditSettings:
    """The settings of the example: findings, operating points, slices, thresholds."""
    path = EXAMPLE / "audit.yaml"
    return parse_settings(path.read_text(encoding="utf-8"), str(path))


def predictions(folder: Path, simulate: int | None) -> Predictions:
    """The real file, or, where it is missing or `simulate` images are asked for, a simulated one in `folder`."""
    shared = Path(os.environ.get("AUDITOR_SHARED", ROOT.parent / "shared"))
    real = shared / "data" / "chexnet" / "predictions.csv.gz"
    if simulate is None and real.is_file():
        return Predictions(real, "the ChexNet set (NIH ChestX-ray14)")
    made = folder / "predictions.csv.gz"
    images = simulate or IMAGES
    _simulate(made, images)
    return Predictions(made, f"a SIMULATED set of {images:,} images in the shape of the ChexNet set")


def _simulate(path: Path, images: int, seed: int = 0) -> None:
    """Scores on the logit scale with more for what is there; 3 % prevalence, patients with several images."""
    rng = np.random.default_rng(seed)
    findings = sorted(settings().tasks["classification"].operating_points)
    patient = np.sort(rng.geometric(4 / images, images))  # a few patients with many images, many with one
    age, sex, view = rng.integers(1, 95, images), rng.choice(["F", "M"], images), rng.choice(["PA", "AP"], images)
    present = rng.random((images, len(findings))) < 0.03
    scores = 1 / (1 + np.exp(3 - 1.5 * present - rng.normal(size=present.shape)))
    with gzip.open(path, "wt", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(
            ["image", "patient_id", "follow_up", "age", "sex", "view", "labels"] + [f"prob_{f}" for f in findings]
        )
        for i in range(images):
            labels = "|".join(f for f, there in zip(findings, present[i], strict=True) if there) or "No Finding"
            row = [f"{i:08d}.png", patient[i], 0, age[i], sex[i], view[i], labels]
            table.writerow(row + [f"{score:.6f}" for score in scores[i]])
