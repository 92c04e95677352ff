"""Two versions on the same cases, against counts by hand."""

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pypdf
import pytest

from auditor.audit.comparing import compare
from auditor.audit.scope import AuditError
from auditor.intake.ingest import ingest
from auditor.records import Kind
from auditor.registry import apply_settings
from auditor.settings import Environment, parse_settings
from auditor.store import tables as t
from auditor.workspace import Workspace, create, open_workspace
from monitors.catalogue import CatalogueError
from reports.comparison import Comparison
from reports.comparison_page import render, render_pdf

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENTS = 200
YAML = {
    "system": "answers",
    "tasks": {"vqa": {}},
    "slices": ["sex"],
    "thresholds": [{"measure": "accuracy_closed", "watch": 0.8, "act": 0.7}],
}


class Answers:
    """Two questions a patient; the new version is right where the old one is, but for what `change` says."""

    def __init__(self, folder: Path, old: float, change: float, patients: int = PATIENTS) -> None:
        rng = np.random.default_rng(5)
        self.right = {"a": rng.uniform(size=(patients, 2)) < old}
        flip = rng.uniform(size=(patients, 2)) < abs(change)
        self.right["b"] = self.right["a"] | flip if change > 0 else self.right["a"] & ~flip
        folder.mkdir(exist_ok=True)
        environment = Environment(workspace=folder / "workspace", key_file=folder / "key")
        create(environment, environment.workspace, AT)
        self.place: Workspace = open_workspace(environment)
        self.folder, self.settings = folder, parse_settings(json.dumps(YAML))
        self.ledger, self.lake = self.place.ledger(), self.place.lake()
        apply_settings(self.ledger, json.dumps(YAML), "audit.yaml", "test", AT)
        cases = [
            {"case_id": f"S{i}", "patient_id": f"P{i}", "attributes": {"sex": "FM"[i % 2]}}
            for i in range(patients)
        ]
        self.hand_in("cases", cases)
        asked = [(i, k) for i in range(patients) for k in range(2)]
        truth = [
            {"case_id": f"S{i}", "task": "vqa", "reference_kind": "answer", "item": f"q{k}", "text": "yes"}
            for i, k in asked
        ]
        self.hand_in("references", truth)
        about = {"task": "vqa", "prompt": "Is there a mass?"}
        said = [
            about | {"case_id": f"S{i}", "item": f"q{k}", "version": version, "text": "Yes." if right else "No."}
            for version in "ab"
            for (i, k), right in np.ndenumerate(self.right[version])
            if version == "a" or i >= 10  # ten patients that the new version was not asked about
        ]
        self.hand_in("outputs", said)

    def hand_in(self, kind: Kind, rows: list[dict[str, Any]]) -> None:
        path = self.folder / f"{kind}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        ingest(
            path, kind, settings=self.settings, mapping=None, ledger=self.ledger, lake=self.lake,
            key=self.place.key(), received_at=AT, actor="test",
        )  # fmt: skip

    def compare(self, old: str = "a", new: str = "b", **margins: float) -> Comparison:
        return compare(
            self.ledger, self.lake, "answers", old, new, as_of=AT, clock=lambda: AT, actor="test", margins=margins
        )


def test_levels_differences_and_cases_are_those_of_the_shared_questions(tmp_path: Path) -> None:
    made = Answers(tmp_path, 0.7, 0.4)
    found = made.compare()
    (shared,) = found.shared
    assert (shared.shared, shared.cases, shared.patients) == (380, 190, 190)
    assert (shared.only_old, shared.only_new) == (20, 0)
    a, b = made.right["a"][10:], made.right["b"][10:]
    (row,) = (m for m in found.measures if m.measure == "accuracy_closed" and m.slice == "all")
    assert row.old == pytest.approx(a.mean())
    assert row.new == pytest.approx(b.mean())
    assert row.value == pytest.approx(b.mean() - a.mean())
    assert (row.status, found.status) == ("better", "ok")
    (changed,) = found.changed
    wrong_a, wrong_b = (~a).any(axis=1), (~b).any(axis=1)
    assert len(changed.fixed) == int((wrong_a & ~wrong_b).sum())
    assert changed.broken == ()
    assert changed.both == int((wrong_a & wrong_b).sum())
    assert not any(case.startswith("S") for case in changed.fixed)  # pseudonyms, never the ids that came in
    for sex, start in (("F", 0), ("M", 1)):
        (part,) = (m for m in found.measures if m.measure == "accuracy_closed" and m.slice == f"sex={sex}")
        assert part.value == pytest.approx(b[start::2].mean() - a[start::2].mean())
        assert part.status == ""


def test_replayed_answers_make_cases_shared_where_a_version_was_not_recorded(tmp_path: Path) -> None:
    made = Answers(tmp_path, 0.7, 0.4, patients=40)
    before = next(m for m in made.compare().measures if m.measure == "accuracy_closed" and m.slice == "all")
    about = {"task": "vqa", "prompt": "Is there a mass?", "version": "b", "origin": "replayed"}
    # wrong everywhere: what was recorded of the others stays what counts
    said = [about | {"case_id": f"S{i}", "item": f"q{k}", "text": "No."} for i in range(20) for k in range(2)]
    made.hand_in("outputs", said)
    found = made.compare()
    (shared,) = found.shared
    assert (shared.shared, shared.patients, shared.only_old) == (80, 40, 0)
    after = next(m for m in found.measures if m.measure == "accuracy_closed" and m.slice == "all")
    assert before.new is not None and before.new == pytest.approx(made.right["b"][10:].mean())
    assert after.new == pytest.approx(before.new * 30 / 40)
    assert after.old == pytest.approx(made.right["a"].mean())


def test_the_interval_knows_that_the_patients_are_the_same(tmp_path: Path) -> None:
    """Half of what is wrong stays wrong in both: narrower than for two samples of other patients."""
    made = Answers(tmp_path, 0.6, 0.1)
    row = next(m for m in made.compare().measures if m.measure == "accuracy_closed" and m.slice == "all")
    assert row.low is not None and row.high is not None
    a, b = (made.right[v][10:].mean(axis=1) for v in "ab")
    unpaired = 2 * 1.96 * np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    paired = 2 * 1.96 * np.sqrt((b - a).var(ddof=1) / len(a))
    assert row.high - row.low < 0.6 * unpaired
    # exact limits are wider than the normal ones; how much the patients' groups decide, and so the workspace's key
    assert paired < row.high - row.low < 1.6 * paired
    assert row.low <= (b - a).mean() <= row.high


def test_a_worse_version_is_said_to_be_and_a_margin_forgives(tmp_path: Path) -> None:
    made = Answers(tmp_path, 0.9, -0.08)
    worse = made.compare()
    assert worse.status == "worse"
    row = next(m for m in worse.measures if m.measure == "accuracy_closed" and m.slice == "all")
    assert row.status == "worse" and row.margin == 0.0
    forgiven = made.compare(accuracy_closed=0.3)
    row = next(m for m in forgiven.measures if m.measure == "accuracy_closed" and m.slice == "all")
    assert (row.status, forgiven.status) == ("not worse", "ok")
    back = made.compare("b", "a")
    turned = next(m for m in back.measures if m.measure == "accuracy_closed" and m.slice == "all")
    assert (turned.value, turned.low) == (pytest.approx(-row.value), pytest.approx(-row.high))  # type: ignore[operator]
    assert {c.fixed for c in back.changed} == {c.broken for c in worse.changed}


def test_versions_that_answer_alike_are_proven_harmless_by_many_answers_only(tmp_path: Path) -> None:
    """Of 100 answers none was lost: up to 3.7 % of others might be. Of 400 less than 1 %."""
    for patients, status in ((60, "undecided"), (210, "not worse")):
        found = Answers(tmp_path / str(patients), 0.7, 0.0, patients=patients).compare(accuracy_closed=0.02)
        row = next(m for m in found.measures if m.measure == "accuracy_closed" and m.slice == "all")
        assert (row.value, row.status) == (0, status)
        assert row.high is not None and row.high >= 3.68 / (2 * (patients - 10))
        assert row.low == -row.high


def test_the_ledger_keeps_what_was_compared_once(tmp_path: Path) -> None:
    made = Answers(tmp_path, 0.8, 0.1)
    assert made.compare() == made.compare()
    rows = made.ledger.read(t.artifacts.select().where(t.artifacts.c.kind == "comparison"))
    assert [row["value"]["new"] for row in rows] == ["b"]


def test_few_patients_are_refused_and_small_groups_hidden(tmp_path: Path) -> None:
    few = Answers(tmp_path / "few", 0.8, 0.1, patients=19)
    with pytest.raises(AuditError, match="share answers about fewer than 11 patients"):
        few.compare()
    small = Answers(tmp_path / "small", 0.8, 0.1, patients=28)
    found = small.compare()
    parts = [m for m in found.measures if m.slice != "all"]
    assert all(m.value is None for m in parts)
    assert {m.measure for m in parts if m.suppressed and m.n is None} >= {"accuracy", "accuracy_closed"}


def test_what_cannot_be_compared_is_refused_in_one_sentence(tmp_path: Path) -> None:
    made = Answers(tmp_path, 0.8, 0.1)
    with pytest.raises(AuditError, match="no outputs of version 'c' of answers; known: a, b"):
        made.compare("a", "c")
    with pytest.raises(AuditError, match="Name two versions"):
        made.compare("a", "a")
    with pytest.raises(CatalogueError, match="There is no measure 'luck'"):
        made.compare(luck=0.1)


def test_the_page_says_what_decides(tmp_path: Path) -> None:
    found = Answers(tmp_path, 0.9, -0.2).compare()
    page = render(found)
    assert page == render(found)
    assert "b is worse than a on the same cases" in page
    document = pypdf.PdfReader(io.BytesIO(render_pdf(found)))
    text = " ".join(" ".join(one.extract_text() for one in document.pages).split())
    assert "b is worse than a on the same cases" in text
    inside = json.loads(document.attachments["comparison.json"][0])["comparison"]
    assert inside["status"] == found.status
    assert "<script" not in page and "http" not in page.split("</style>")[1].replace("http://www.w3.org", "")
    assert str(len(found.changed[0].broken)) in page


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["a", "b"], 1, "WORSE"),
        (["b", "a"], 0, "OK"),
        (["a", "b", "--margin", "accuracy_closed=0.3"], 0, "OK"),
        (["a", "b", "--margin", "accuracy_closed"], 2, "--margin takes a measure and a loss"),
        (["a", "nine"], 2, "no outputs of version 'nine'"),
    ],
)
def test_the_command(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    made = Answers(tmp_path, 0.9, -0.08)
    here = {"AUDITOR_WORKSPACE": str(made.place.path), "AUDITOR_KEY_FILE": str(tmp_path / "key")}
    page = tmp_path / "page.html"
    command = [sys.executable, "-m", "auditor", "compare", *words, "--system", "answers", "--output", str(page)]
    done = subprocess.run(command, env=os.environ | here, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert page.exists() == (code != 2)
