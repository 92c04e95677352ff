"""ChexNet on NIH ChestX-ray14: tables of areas, rates, calibration and gaps, each beside what others compute.

The values are computed again here from the file of scores alone, by scikit-learn and by counting.
"""

import csv
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from sklearn.metrics import roc_auc_score

from auditor.audit.linking import band_labels
from auditor.settings import AuditSettings
from benchmarks.real_beside import (
    Beside,
    Floats,
    Key,
    Mask,
    Part,
    Row,
    by_key,
    delong,
    mean_ratio,
    naive_gap,
    naive_mean,
    obuchowski,
    share_of,
    shown,
    table,
)
from reports.numbers import number, with_interval

#: An area may be off by so much, since it is read from a grid of scores.
AREA_TOLERANCE: Final = 0.002
#: Rates and calibration gaps are exact but for the grid of 2⁻²⁴ on which sums are kept.
TOLERANCE: Final = 1e-6
#: Areas on all 25,596 images of the test set, as the authors of the reproduction print them (their README, model
#: retrained in 2022: github.com/jrzech/reproduce-chexnet). The set at hand is a part of those images.
PUBLISHED: Final = {
    "Atelectasis": 0.8180, "Cardiomegaly": 0.9090, "Consolidation": 0.8002, "Edema": 0.8945, "Effusion": 0.8827,
    "Emphysema": 0.9316, "Fibrosis": 0.8251, "Hernia": 0.9175, "Infiltration": 0.7156, "Mass": 0.8377,
    "Nodule": 0.7756, "Pleural_Thickening": 0.7889, "Pneumonia": 0.7617, "Pneumothorax": 0.8776,
}  # fmt: skip
GAPS: Final = ("sensitivity", "specificity", "underdiagnosis", "calibration_gap")
Naive = Callable[[Floats], tuple[float, float, float]]


@dataclass(frozen=True)
class Predictions:
    """The file as arrays: scores, labels and decisions, shape (images, findings); groups by name of the slice."""

    findings: list[str]
    scores: Floats
    truth: Mask
    flagged: Mask
    groups: dict[str, Mask]
    patients: NDArray[np.int64]  # which patient each image is of, from 0


def read(path: Path, settings: AuditSettings) -> Predictions:
    """The predictions with the operating points and age bands of the settings."""
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    findings = [name.removeprefix("prob_") for name in rows[0] if name.startswith("prob_")]
    scores = np.array([[float(row[f"prob_{name}"]) for name in findings] for row in rows])
    truth = np.array([[name in row["labels"].split("|") for name in findings] for row in rows])
    points = settings.tasks["classification"].operating_points
    bands = settings.attributes["age"].bands
    labels = np.array(band_labels(bands))[np.digitize([float(row["age"]) for row in rows], bands)]
    names = {"age": labels, "sex": np.array([row["sex"] for row in rows])}
    names["view"] = np.array([row["view"] for row in rows])
    return Predictions(
        findings, scores, truth, scores >= np.array([points[name] for name in findings]),
        {f"{name}={value}": column == value for name, column in names.items() for value in sorted(set(column))},
        np.unique([row["patient_id"] for row in rows], return_inverse=True)[1],
    )  # fmt: skip


def part(given: Predictions, rows: list[Row]) -> Part:
    """All tables of the set, from the file and from what the audit measured."""
    made = _Tables(given, by_key(rows))
    tables = [made.areas(), made.rates(), made.calibration(), made.gaps()]
    notes = [
        f"{len(given.scores):,} images of {given.patients.max() + 1:,} patients; held against text-mined labels",
        "by patient: the audit's own interval. naive: each image, or image and finding, taken as independent",
        "  (areas: DeLong; rates: Jeffreys on the plain count; calibration: normal; gaps: MOVER on those)",
        "width ×: width by patient over naive width",
        f"areas by patient are on average {mean_ratio(made.other):.2f} × as wide as Obuchowski's interval",
    ]
    return Part("ChexNet on NIH ChestX-ray14", notes, tables, made.beside, made.wrong)


@dataclass
class _Tables:
    given: Predictions
    rows: dict[Key, Row]
    beside: dict[str, list[Beside]] = field(default_factory=dict)
    other: list[Beside] = field(default_factory=list)  # areas beside Obuchowski's interval
    wrong: list[str] = field(default_factory=list)

    def areas(self) -> Table:
        heads = ("finding", "positive images", "patients with it", "AUROC by patient", "Obuchowski", "DeLong",
                 "width ×", "scikit-learn", "off by", "published", "verdict")  # fmt: skip
        made = table("Area under the ROC curve", heads)
        for k, name in enumerate(self.given.findings):
            truth, scores = self.given.truth[:, k], self.given.scores[:, k]
            row, theirs = self.rows["auroc", name, "all", ""], float(roc_auc_score(truth, scores))
            pair = self._add("areas", row, (theirs, *delong(scores, truth)), f"AUROC of {name}", AREA_TOLERANCE)
            other = Beside(row, obuchowski(scores, truth, self.given.patients))
            self.other.append(other)
            ours, naive, ratio = pair.said
            published = f"{PUBLISHED[name]:.3f}" if name in PUBLISHED else "–"
            people = f"{len(set(self.given.patients[truth])):,}"
            made.add_row(
                name, f"{truth.sum():,}", people, ours, other.said[1], naive, ratio, f"{theirs:.4f}",
                f"{row['value'] - theirs:+.4f}", published, row["status"],
            )  # fmt: skip
        return made

    def rates(self) -> Table:
        heads = ("finding", "sensitivity by patient", "naive", "width ×", "design effect",
                 "specificity by patient", "naive", "width ×", "design effect")  # fmt: skip
        made = table("Sensitivity and specificity at the operating points of the example", heads)
        for k, name in enumerate(self.given.findings):
            line = [name]
            for measure, outcomes in self._decisions(self.given.truth[:, k], self.given.flagged[:, k]):
                row = self.rows[measure, name, "all", ""]
                pair = self._add("rates", row, share_of(outcomes), f"{measure} of {name}", TOLERANCE)
                line += [*pair.said, f"{row['n'] / row['n_eff']:.1f}"]
            made.add_row(*line)
        return made

    @staticmethod
    def _decisions(truth: Mask, flagged: Mask) -> Iterator[tuple[str, Floats]]:
        yield "sensitivity", flagged[truth].astype(float)
        yield "specificity", (~flagged[~truth]).astype(float)

    def calibration(self) -> Table:
        heads = ("finding", "gap by patient", "naive", "width ×", "design effect", "verdict")
        made = table("Calibration gap: mean probability minus observed frequency (above 0: over-confident)", heads)
        away = self.given.scores - self.given.truth
        for name, values in [("", away.ravel()), *zip(self.given.findings, away.T, strict=True)]:
            row = self.rows["calibration_gap", name, "all", ""]
            pair = self._add("calibration", row, naive_mean(values), f"calibration gap of {name}", TOLERANCE)
            made.add_row(
                name or "all findings", *pair.said, f"{row['n'] / row['n_eff']:.1f}", row["status"] or "–"
            )  # fmt: skip
        return made

    def gaps(self) -> Table:
        heads = ("group", "measure", "patients", "group minus everyone else, by patient", "naive", "width ×",
                 "interval of the verdict", "watch", "verdict")  # fmt: skip
        made = table("Gaps of sex, age and view, all findings together (the verdict allows for all groups)",
                     heads, left=2)  # fmt: skip
        for group, inside in self.given.groups.items():
            for measure in GAPS:
                row = self.rows.get((measure, "", group, "rest"))
                if row is None or not shown(row):
                    made.add_row(group, measure, "few", *["–"] * 6)
                    continue
                values, among, one = self._units(measure)
                naive = naive_gap(values[among], self._repeated(inside, measure)[among], one)
                alone = row | {"low": row["versus"]["alone_low"], "high": row["versus"]["alone_high"]}
                pair = self._add("gaps", alone, naive, f"gap of {measure}, {group}", TOLERANCE)
                joint = with_interval(row["value"], row["low"], row["high"], row["unit"], "rest")
                bound = "–" if row["watch"] is None else number(row["watch"], row["unit"])
                made.add_row(group, measure, f"{row['patients']:,}", *pair.said, joint[joint.index("[") :], bound,
                             row["status"] or "–")  # fmt: skip
        return made

    def _units(self, measure: str) -> tuple[Floats, Mask, Naive]:
        """What is averaged, which of it counts, and the naive interval of the average."""
        truth, flagged = self.given.truth, self.given.flagged
        if measure == "underdiagnosis":
            called_clear = np.asarray(flagged.sum(axis=1) == 0, dtype=float)
            return called_clear, np.asarray(truth.sum(axis=1) > 0), share_of
        if measure == "calibration_gap":
            return (self.given.scores - truth).ravel(), np.ones(truth.size, bool), naive_mean
        sick = truth.ravel()
        right = np.asarray(flagged == truth, dtype=float).ravel()
        return right, sick if measure == "sensitivity" else ~sick, share_of

    def _repeated(self, inside: Mask, measure: str) -> Mask:
        """The group of each unit: an image, or an image and a finding."""
        return inside if measure == "underdiagnosis" else np.repeat(inside, len(self.given.findings))

    def _add(self, kind: str, row: Row, naive: tuple[float, float, float], name: str, tolerance: float) -> Beside:
        """Keep the pair; a value that is another than ours is wrong, whatever its interval."""
        pair = Beside(row, (naive[1], naive[2]))
        self.beside.setdefault(kind, []).append(pair)
        if not abs(row["value"] - naive[0]) <= tolerance:
            self.wrong.append(f"{name}: {row['value']:.6f}, counted again {naive[0]:.6f}")
        return pair
