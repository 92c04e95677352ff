"""The benchmark on real data: its naive intervals, its tables on a made-up set, and what it calls wrong.

The two sets themselves take minutes; `make real` audits them.
"""

import csv
import gzip
import io
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import roc_auc_score

from benchmarks import real, real_chexnet, real_openi
from benchmarks.chexnet_data import settings
from benchmarks.real_beside import Beside, Part, delong, mean_ratio, naive_share, obuchowski

Row = dict[str, Any]
FINDINGS = ("Edema", "Mass")


def row(measure: str, value: float, *, half: float = 0.2, **about: Any) -> Row:
    """A measurement as the report's JSON has it, with an interval of `half` on either side."""
    made = {
        "measure": measure, "item": "", "slice": "all", "contrast": "", "value": value, "low": value - half,
        "high": value + half, "n": 40.0, "n_eff": 10.0, "patients": 20, "unit": "share", "suppressed": False,
        "status": "ok", "reason": "", "watch": 0.1,
        "versus": {"alone_low": value - half, "alone_high": value + half},
    }  # fmt: skip
    return made | about


@dataclass(frozen=True)
class Image:
    age: int
    sex: str
    view: str
    labels: set[str]
    scores: dict[str, float]


def images() -> list[Image]:
    """Eighty images, of which the sick score higher; ages on both sides of every band."""
    rng = np.random.default_rng(3)
    made = []
    for i in range(80):
        labels = {name for name in FINDINGS if rng.random() < 0.4}
        scores = {name: round(float(rng.beta(2 + (name in labels), 20)), 6) for name in FINDINGS}
        made.append(Image((17, 18, 40, 65)[i % 4], "FM"[i % 2], ("PA", "AP")[i // 2 % 2], labels, scores))
    return made


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> real_chexnet.Predictions:
    path = tmp_path_factory.mktemp("made") / "predictions.csv.gz"
    with gzip.open(path, "wt", newline="") as file:
        table = csv.writer(file)
        table.writerow(["patient_id", "age", "sex", "view", "labels", *(f"prob_{name}" for name in FINDINGS)])
        for i, one in enumerate(images()):
            labels = "|".join(sorted(one.labels)) or "No Finding"
            table.writerow([i // 4, one.age, one.sex, one.view, labels, *one.scores.values()])
    return real_chexnet.read(path, settings())


def outcomes(measure: str, items: tuple[str, ...], among: list[Image]) -> list[float]:
    """What a measure is the mean of, image by image."""
    points = settings().tasks["classification"].operating_points
    if measure == "underdiagnosis":
        return [all(i.scores[f] < points[f] for f in FINDINGS) for i in among if i.labels]
    if measure == "calibration_gap":
        return [i.scores[f] - (f in i.labels) for i in among for f in items]
    sick = measure == "sensitivity"
    return [(i.scores[f] >= points[f]) == sick for i in among for f in items if (f in i.labels) == sick]


def measured() -> list[Row]:
    """The rows that an audit of the made-up images would give."""
    every, rows = images(), []
    for name in FINDINGS:
        area = float(roc_auc_score([name in i.labels for i in every], [i.scores[name] for i in every]))
        rows.append(row("auroc", area + 0.001, item=name, unit="score"))
    for measure in ("sensitivity", "specificity", "calibration_gap"):
        unit = "difference" if measure == "calibration_gap" else "share"
        for items in (FINDINGS, *((name,) for name in FINDINGS)):
            value = float(np.mean(outcomes(measure, items, every)))
            rows.append(row(measure, value, item=items[0] if len(items) == 1 else "", unit=unit))
    groups = {f"sex={sex}": [i.sex == sex for i in every] for sex in "FM"}
    groups |= {f"view={view}": [i.view == view for i in every] for view in ("AP", "PA")}
    groups |= {
        name: [i.age == age for i in every]
        for name, age in (("age=<18", 17), ("age=18-39", 18), ("age=40-64", 40), ("age=65+", 65))
    }
    for group, inside in groups.items():
        for measure in real_chexnet.GAPS:
            first, second = (
                np.mean(
                    outcomes(measure, FINDINGS, [i for i, of in zip(every, inside, strict=True) if of is side])
                )
                for side in (True, False)
            )
            rows.append(row(measure, float(first - second), half=0.5, slice=group, contrast="rest"))
    return rows


def printed(part: Part) -> str:
    out = io.StringIO()
    real.show(part, Console(file=out, width=200))
    return out.getvalue()


def test_delongs_interval_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(60) < 0.3
    scores = np.round(rng.normal(size=60) + truth, 1)  # with ties
    pairs = np.array([[1.0 if s > h else 0.5 if s == h else 0.0 for h in scores[~truth]] for s in scores[truth]])
    error = np.sqrt(pairs.mean(axis=1).var(ddof=1) / truth.sum() + pairs.mean(axis=0).var(ddof=1) / (~truth).sum())
    area = roc_auc_score(truth, scores)
    assert delong(scores, truth) == pytest.approx((area - 1.959964 * error, area + 1.959964 * error))
    assert obuchowski(scores, truth, np.arange(60)) == pytest.approx(delong(scores, truth))


def test_obuchowskis_interval_is_about_that_of_the_jackknife_over_patients() -> None:
    rng = np.random.default_rng(2)
    patients = np.repeat(np.arange(150), rng.integers(1, 8, 150))
    alike = rng.normal(size=150)[patients]
    truth = alike + rng.normal(size=len(patients)) > 0.8
    scores = alike + truth + rng.normal(size=len(patients))
    without = [roc_auc_score(truth[patients != one], scores[patients != one]) for one in range(150)]
    error = np.sqrt(149 * np.var(without))
    low, high = obuchowski(scores, truth, patients)
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.03)
    naive = delong(scores, truth)
    assert high - low > 1.1 * (naive[1] - naive[0])


def test_tables_of_a_classifier_print_every_finding_and_group(predictions: real_chexnet.Predictions) -> None:
    part = real_chexnet.part(predictions, measured())
    assert real.problems(part) == []
    said = printed(part)
    assert "80 images of 20 patients" in said
    for text in (*FINDINGS, "age=<18", "age=65+", "sex=F", "view=AP", "underdiagnosis", "scikit-learn", "DeLong"):
        assert text in said, text
    assert {kind: len(pairs) for kind, pairs in part.beside.items()} == {
        "areas": 2, "rates": 4, "calibration": 3, "gaps": 32,
    }  # fmt: skip


def test_a_value_that_counting_again_does_not_give_is_a_problem(predictions: real_chexnet.Predictions) -> None:
    for measure, item, slice_, off in (
        ("auroc", "Mass", "all", 0.002),
        ("specificity", "Edema", "all", 0.001),
        ("underdiagnosis", "", "sex=F", 0.001),
    ):
        rows = measured()
        (wrong,) = (r for r in rows if (r["measure"], r["item"], r["slice"]) == (measure, item, slice_))
        wrong["value"] += off
        (problem,) = real.problems(real_chexnet.part(predictions, rows))
        assert (item or slice_) in problem


def test_intervals_narrower_than_naive_ones_on_average_are_a_problem() -> None:
    naive = naive_share(20, 40)
    width = naive[2] - naive[1]
    wide = Beside(row("sensitivity", 0.5, half=width), (naive[1], naive[2]))
    narrow = replace(wide, row=row("sensitivity", 0.5, half=0.1 * width))
    assert wide.ratio == pytest.approx(2.0)
    assert mean_ratio([wide, narrow]) == pytest.approx(1.1)
    part = Part("made up", [], [], {"rates": [wide, narrow]}, [])
    assert real.problems(part) == []
    (problem,) = real.problems(replace(part, beside={"rates": [narrow]}))
    assert "rates are narrower than naive ones (0.20)" in problem
    assert real.conclude([replace(part, beside={"rates": [narrow]})], 1.0) == 1


def drafts() -> dict[str, Any]:
    """A report on thirty studies of two drafts, with one group too small to be shown."""
    rows = []
    for where, studies in (("all", 30), ("age=65+", 25), ("vendor=none", 5)):
        few = {"suppressed": True, "value": None, "low": None, "high": None} if studies < 11 else {}
        for measure in (*real_openi.REPORTS, *real_openi.CLAIMS):
            rows.append(row(measure, 0.3, slice=where, n=float(studies), patients=studies) | few)
            if where != "all" and measure in real_openi.REPORTS:
                rows.append(row(measure, 0.1, slice=where, contrast="rest", patients=5) | few)
    selected = [
        {"slice": "all", "judged": 60, "suppressed": False},
        {"slice": "age=65+", "judged": 50, "suppressed": False},
        {"slice": "vendor=none", "judged": None, "suppressed": True},
    ]
    return {"rows": rows, "selected": selected, "flows": [{"judged": 60, "cases": 30}]}


def month(status: str, **about: Any) -> dict[str, Any]:
    rows = [row(measure, 0.3, status=status, **about) for measure in real_openi.MONTHLY]
    return {"status": status, "flows": [{"judged": 20}], "measurements": rows}


def test_tables_of_drafts_print_groups_months_and_reasons() -> None:
    small = month("insufficient", reason="An effective 10 reports; a verdict needs 30.")
    hidden = month("insufficient", suppressed=True)
    part = real_openi.part(drafts(), {"2011-03": hidden, "2011-04": small, "2011-05": month("watch")})
    said = printed(part)
    assert "60 drafts of 30 studies" in said
    assert "3 months by themselves: 2 insufficient, 1 watch" in said
    assert "Fewer than 11 studies: not shown." in said
    assert "An effective 10 reports; a verdict needs 30." in said
    lines = [line for line in said.splitlines() if "fabricated_reports" in line]
    assert len(lines) == 3  # the whole, one group, its gap
    assert not any("vendor" in line for line in lines)
    first = part.beside["reports"][0]
    assert first.naive == naive_share(0.3 * 60, 60)[1:]


def test_without_the_data_one_sentence_and_exit_code_two(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.real"], cwd=root, capture_output=True, text=True, check=False,
        env={"AUDITOR_SHARED": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert len(ran.stderr.strip().splitlines()) == 1
    assert "AUDITOR_SHARED" in ran.stderr
