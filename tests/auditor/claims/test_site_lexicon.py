"""A site's own lexicon: on top of ours, in claims, judgements and audits, and another judge."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from auditor.audit.run import Result
from auditor.claims import LexiconError, extract
from auditor.claims.compile import default_lexicon, site_lexicon
from auditor.cli.main import app
from auditor.judges import for_task
from auditor.model_settings import RulesSetting
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, Site

OURS = """
name: ours
version: 1
findings:
  quokka_sign: {structure: lung, significance: urgent, terms: ["quokka sign", "quokkamark"]}
"""


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    path = tmp_path / "ours.yaml"
    path.write_text(OURS)
    return path


def test_its_findings_are_found_and_ours_too(ours: Path) -> None:
    text = "There is a quokka sign. Small left pleural effusion."
    assert {claim.finding for claim in extract(text, site_lexicon((ours,)))} == {"quokka_sign", "pleural_effusion"}
    assert {claim.finding for claim in extract(text, default_lexicon())} == {"pleural_effusion"}


def test_it_is_another_judge_of_reports_and_questions(ours: Path) -> None:
    setting = RulesSetting(lexicon=[ours])
    pair = {"id": 1, "reference": "No quokka sign.", "draft": "Quokka sign.", "question": "Any sign?"}
    for task in ("report", "vqa"):
        assert for_task(task, setting).digest != for_task(task).digest
    (result,) = for_task("report", setting).judge([pair])
    assert result["contradicted"] == 1
    with pytest.raises(LexiconError, match=r"none\.yaml"):
        for_task("report", RulesSetting(lexicon=[ours.with_name("none.yaml")]))


def test_claims_and_judge_take_it_on_the_command_line(ours: Path, tmp_path: Path) -> None:
    report, pairs = tmp_path / "report.txt", tmp_path / "pairs.jsonl"
    report.write_text("There is a quokka sign.")
    pairs.write_text(json.dumps({"id": 1, "reference": "No quokka sign.", "draft": "Quokka sign."}) + "\n")
    run = CliRunner()
    plain, with_ours = (run.invoke(app, ["claims", str(report), *more]) for more in ([], ["--lexicon", str(ours)]))
    assert json.loads(plain.stdout)["claims"] == []
    assert json.loads(with_ours.stdout)["claims"][0]["finding"] == "quokka_sign"
    judged = run.invoke(
        app, ["judge", "--task", "report", "--input", str(pairs), "--output", "-", "--lexicon", str(ours)]
    )
    assert json.loads(judged.stdout)["contradicted"] == 1


def test_an_audit_with_it_is_another_audit(site: Site, first: Result, ours: Path) -> None:
    site.apply(small.YAML.replace("report: {}", f"report: {{judge: {{kind: rules, lexicon: ['{ours}']}}}}"), LATER)
    second = site.audit(LATER)
    assert not second.cached
    judges = dict(site.dossier(second.audit).provenance.judges)
    assert judges["report"] != dict(site.dossier(first.audit).provenance.judges)["report"]
