"""The two documented examples, run as a person would run them, on the real data."""

import csv
import gzip
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.shared


def _run(folder: Path, *command: str, codes: tuple[int, ...] = (0, 1, 3), told: str = "") -> str:
    """Run a command with its home inside `folder`, so that the key lies there too; returns standard output."""
    environment = os.environ | {"XDG_CONFIG_HOME": str(folder / "config"), "AUDITOR_WORKSPACE": str(folder / "ws")}
    done = subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=580,
        input=told,
    )
    assert done.returncode in codes, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done.stdout


def _report(folder: Path) -> dict[str, Any]:
    path = next((folder / "ws" / "report").glob("*-report.json"))
    (dossier,) = json.loads(path.read_text())["dossiers"]
    found: dict[str, Any] = dossier
    return found


def _rows(report: dict[str, Any], measure: str, **about: str) -> list[dict[str, Any]]:
    return [
        row
        for row in report["rows"]
        if row["measure"] == measure and all(row[name] == value for name, value in about.items())
    ]


@pytest.fixture(scope="module")
def chexnet(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chexnet")
    predictions = shared / "data" / "chexnet" / "predictions.csv.gz"
    _run(folder, str(ROOT / "examples/chexnet/run.py"), str(predictions), "--workspace", str(folder / "ws"))
    return folder


def test_every_auroc_on_chexnet_is_scikit_learns(chexnet: Path, shared: Path) -> None:
    report = _report(chexnet)
    with gzip.open(shared / "data" / "chexnet" / "predictions.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    findings = [name.removeprefix("prob_") for name in rows[0] if name.startswith("prob_")]
    assert len(findings) == 14
    for finding in findings:
        truth = np.array([finding in row["labels"].split("|") for row in rows])
        score = np.array([float(row[f"prob_{finding}"]) for row in rows])
        ours = _rows(report, "auroc", item=finding, slice="all", contrast="")[0]
        assert ours["value"] == pytest.approx(roc_auc_score(truth, score), abs=0.002), finding
        assert ours["n"] == len(rows)
    assert report["flows"][0]["patients"] == len({row["patient_id"] for row in rows})


def test_the_clustered_interval_on_chexnet_is_wider_than_the_naive_one(chexnet: Path) -> None:
    """Specificity of Effusion: patients of many images make the design effect far greater than one."""
    row = _rows(_report(chexnet), "specificity", item="Effusion", slice="all", contrast="")[0]
    naive = 2 * 1.96 * np.sqrt(row["value"] * (1 - row["value"]) / row["n"])
    assert row["high"] - row["low"] > 1.3 * naive
    assert row["n_eff"] < row["n"] / 1.7


def test_undated_rows_are_in_no_trend_and_the_report_says_so(chexnet: Path) -> None:
    report = _report(chexnet)
    assert report["flows"][0]["undated"] == 11_627
    assert report["trend"] == []
    assert any("without a time" in sentence for sentence in report["limits"])


def test_a_second_audit_of_chexnet_changes_nothing(chexnet: Path) -> None:
    first = json.loads(_run(chexnet, "-m", "auditor", "audit", "chexnet-nih", "--json"))
    second = json.loads(_run(chexnet, "-m", "auditor", "audit", "chexnet-nih", "--json"))
    assert second["cached"] is True
    assert second["measurements"] == first["measurements"]
    assert json.loads(_run(chexnet, "-m", "auditor", "verify", "--json"))["ok"] is True


@pytest.fixture(scope="module")
def openi(shared: Path, openi_reports: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("openi")
    reports = folder / "reports.jsonl"
    reports.write_text("".join(json.dumps(report) + "\n" for report in openi_reports))
    data = shared / "data" / "openi"
    files = [str(reports), str(data / "mlrg_reports.csv"), str(data / "studies.csv")]
    _run(folder, str(ROOT / "examples/openi_mlrg/run.py"), *files, "--workspace", str(folder / "ws"))
    return folder


def test_the_drafts_of_one_study_count_as_one(openi: Path) -> None:
    report = _report(openi)
    flow = report["flows"][0]
    assert (flow["outputs"], flow["cases"], flow["judged"]) == (595, 289, 595)
    whole = _rows(report, "contradicted_reports", slice="all", contrast="")[0]
    assert whole["n"] == pytest.approx(289, abs=0.01)
    assert whole["resampled"] == "studies"  # the set has no patient key
    assert 0 < whole["value"] < 0.3


def test_months_are_insufficient_and_say_what_could_have_been_seen(openi: Path) -> None:
    command = ("-m", "auditor", "audit", "mlrg-openi", "--from", "2011-11-01", "--to", "2011-11-30", "--json")
    month = json.loads(_run(openi, *command))
    verdict = next(v for v in month["verdicts"] if v["measure"] == "contradicted_reports" and v["slice"] == "all")
    assert verdict["status"] == "insufficient"
    assert "would" in verdict["reason"] or "needs" in verdict["reason"]
    assert month["status"] in ("insufficient", "watch", "act")


def test_slices_by_age_view_and_vendor_are_measured(openi: Path) -> None:
    slices = {row["slice"].split("=")[0] for row in _rows(_report(openi), "contradicted_reports", contrast="")}
    assert {"age", "view", "vendor"} <= slices
    assert len(_report(openi)["trend"]) >= 12


def test_a_fault_planted_in_the_stream_is_found_signed_for_and_proven(
    shared: Path, openi_reports: Any, openi: Path, tmp_path: Path
) -> None:
    reports = tmp_path / "reports.jsonl"
    reports.write_text("".join(json.dumps(report) + "\n" for report in openi_reports))
    data = shared / "data" / "openi"
    files = [str(reports), str(data / "mlrg_reports.csv"), str(data / "studies.csv")]
    script = str(ROOT / "examples/openi_mlrg/run.py")
    _run(tmp_path, script, *files, "--workspace", str(tmp_path / "ws"), "--plant", "2012-01-01")
    report = _report(tmp_path)
    assert report["title"].endswith("with a fault planted from 2012-01-01 on")
    assert "A fault was planted in its drafts from 2012-01-01 on." in " ".join(report["limits"])
    planted = _rows(report, "contradicted_reports", slice="all", contrast="", item="")[0]
    before = _rows(_report(openi), "contradicted_reports", slice="all", contrast="", item="")[0]
    assert planted["status"] == "act" and planted["low"] > before["high"], "a third more drafts are wrong"

    auditor = ("-m", "auditor")
    words = ("people", "add", "ada", "--full-name", "Ada Lang", "--role", "committee", "--password-stdin")
    _run(tmp_path, *auditor, *words, told="correct horse battery")
    signing = ("sign", "report-1", "--as", "ada", "--decision", "pause", "--password-stdin")
    _run(tmp_path, *auditor, *signing, told="correct horse battery")
    _run(tmp_path, *auditor, "bundle", "report-1", str(tmp_path / "bundle.zip"), codes=(0,))
    _run(tmp_path, *auditor, "verify", "--recompute", "mlrg-openi", codes=(0,))
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        archive.extractall(tmp_path / "inspector")
    said = _run(tmp_path, "-I", "-S", str(tmp_path / "inspector" / "verify.py"), codes=(0,))
    assert "Signed by Ada Lang: reviewed, pause" in said
    shown = tmp_path / "inspector" / "report" / "report.json"
    shown.write_text(shown.read_text().replace('"status": "act"', '"status": "ok"', 1))
    said = _run(tmp_path, "-I", "-S", str(tmp_path / "inspector" / "verify.py"), codes=(1,))
    assert "report/report.json: the file was changed" in said


@pytest.fixture(scope="module")
def replayed(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("replay")
    data = shared / "data"
    script, images, questions = ROOT / "examples/replay/run.py", data / "nih-images", data / "vqa-rad"
    _run(folder, str(script), str(images), str(questions), "--workspace", str(folder / "ws"))
    return folder


@pytest.mark.parametrize(
    ("system", "reason"),
    [
        ("zero-shot-findings", "unchanged_opposite"),
        ("image-answers", "side_unchanged_flipped"),
    ],
)
def test_untrained_models_are_found_not_to_look(replayed: Path, system: str, reason: str) -> None:
    """24 radiographs and 60 images with questions: the report says `act` for grounding, and why."""
    path = next((replayed / "ws" / "report").glob(f"{system}-*-report.json"))
    report = json.loads(path.read_text())
    (report,) = report["dossiers"]
    (row,) = _rows(report, reason)
    assert row["status"] == "act"
    assert "lies wholly beyond the act bound" in row["reason"]
    asked = {"zero-shot-findings": 24, "image-answers": 60}[system]
    assert row["patients"] <= asked
    html = next((replayed / "ws" / "report").glob(f"{system}-*-report.html")).read_text()
    assert row["title"] in html


def test_recorded_answers_stand_beside_the_replayed(replayed: Path) -> None:
    report = json.loads(next((replayed / "ws" / "report").glob("image-answers-*.json")).read_text())
    (report,) = report["dossiers"]
    versions = {row["version"]: row for row in _rows(report, "accuracy") if row["slice"] == "all"}
    assert set(versions) == {"recorded", "small-llava"}
    assert versions["recorded"]["n"] > 40
