"""`auditor judge` with a language model, as its own process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.auditor.judges.chat_server import KEY, Say, answer, running

PAIRS = [
    {"id": 1, "draft": "Large nodule.", "reference": "No nodule."},
    {"id": 2, "draft": "Clear lungs.", "reference": "Clear lungs."},
    {"id": 3, "draft": "Effusion.", "reference": None},
]
WITHOUT_NETWORK = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("the network was touched")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
sys.argv = ["auditor", "judge", "--task", "report", "--input", "in.jsonl", "--output", "-"]
from auditor.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code
assert "httpx" not in sys.modules
"""


def judge(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "in.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    command = [sys.executable, "-m", "auditor", "judge", "--task", "report", "--input", "in.jsonl", *words]
    given = os.environ | {"NO_PROXY": "127.0.0.1"} | environment
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)


def script(question: dict[str, Any], number: int) -> Say:
    if "nodule" in question["draft"]:
        finding = {
            "finding": "lung_nodule", "draft_quote": "Large nodule", "support": "contradicted",
            "reference_quote": "No nodule", "significance": "actionable", "attribute_errors": [],
        }  # fmt: skip
        return answer({"draft_findings": [finding], "omitted_findings": [], "draft_errors": []})
    return Say(status=400)


def test_a_model_judges_a_file_with_its_key_from_the_environment(tmp_path: Path) -> None:
    with running(script) as server:
        asked = ("--llm", "reader-7b", "--base-url", server.url, "--key-variable", "READER_KEY", "--output")
        done = judge(tmp_path, *asked, "out.jsonl", READER_KEY=KEY)
        assert {headers["authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    assert (done.returncode, done.stdout) == (0, "")
    assert "2 pairs judged, 1 without a judgement" in done.stderr
    results = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(r["id"], r["status"], r["contradicted"]) for r in results] == [
        (1, "judged", 1),
        (2, "judge_failed", None),
        (3, "awaiting", None),
    ]
    assert KEY not in done.stderr + (tmp_path / "out.jsonl").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--llm", "m"), "--base-url"),
        (("--base-url", "http://localhost:9/v1"), "--llm"),
        (("--llm", "m", "--base-url", "localhost"), "address of the server"),
        (("--llm", "m", "--base-url", "http://localhost:9/v1", "--key-variable", "READER_KEY"), "READER_KEY"),
    ],
)
def test_refusals_are_one_sentence(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    done = judge(tmp_path, *words, "--output", "-")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert sentence in done.stderr


def test_nothing_touches_the_network_unless_a_server_is_named(tmp_path: Path) -> None:
    judge(tmp_path, "--llm", "m", "--output", "-")  # writes the pairs
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NETWORK], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 2, 3]


def test_a_refused_run_leaves_the_results_of_the_last_one(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from auditor.cli.judging import LineError
    from auditor.cli.main import app

    pairs, results = tmp_path / "pairs.jsonl", tmp_path / "out.jsonl"
    good = '{"id": "1", "reference": "No effusion.", "draft": "Small left effusion."}\n'
    words = ["judge", "--task", "report", "--input", str(pairs), "--output", str(results)]
    pairs.write_text(good)
    assert CliRunner().invoke(app, words).exit_code == 0
    kept = results.read_text()
    assert kept.count("\n") == 1
    pairs.write_text(good + "not JSON\n")
    assert isinstance(CliRunner().invoke(app, words).exception, LineError)
    assert results.read_text() == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "pairs.jsonl"]


def test_rankings_are_judged_from_a_file(tmp_path: Path) -> None:
    pairs = [
        {"id": 1, "ranking": ["b", {"id": "a", "score": None}], "matches": ["a"], "gallery": 2},
        {"id": 2, "ranking": ["me", "a"], "matches": ["a"], "query": "me"},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    command = [sys.executable, "-m", "auditor", "judge", "--task", "retrieval", "--input", "in.jsonl"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, "--output", "out.jsonl"], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    assert run().returncode == 0
    results = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(r["rank"], r["recall_at_1"], r["recall_at_5"]) for r in results] == [
        (2.0, 0.0, 1.0),
        (1.0, 1.0, None),
    ]
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": 1, "ranking": ["a", "a"], "matches": ["a"]}) + "\n")
    refused = run()
    assert refused.returncode == 2 and "stands twice" in refused.stderr and "Traceback" not in refused.stderr
