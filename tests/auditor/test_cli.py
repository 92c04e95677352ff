"""The command line: exit codes, refusals in one line, and a start without heavy imports."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from auditor.audit.run import Result
from auditor.cli.main import app
from tests.auditor import small_hospital as small
from tests.auditor.conftest import Run

HEAVY = (
    "pyarrow",
    "sqlalchemy",
    "alembic",
    "mlflow",
    "great_expectations",
    "evidently",
    "pandas",
    "numpy",
    "altair",
)


@pytest.fixture
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("auditor.cli.audits._mirror", lambda *_: None)
    yield


def refused(answer: tuple[int, str, str], *words: str) -> None:
    """Exit code 2 and one line that holds `words`."""
    code, out, err = answer
    assert (code, out) == (2, ""), err
    assert len(err.strip().splitlines()) == 1, err
    for word in words:
        assert word in err


def every_command() -> list[list[str]]:
    found: list[list[str]] = []

    def walk(group: object, path: list[str]) -> None:
        found.append(path)
        for name, command in sorted(getattr(group, "commands", {}).items()):
            walk(command, [*path, name])

    walk(typer.main.get_command(app), [])
    return found


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_every_command_has_help(run: Run, path: list[str]) -> None:
    code, out, _ = run(*path, "--help")
    assert code == 0
    assert out.startswith("Usage: auditor")


def test_a_command_that_does_not_exist_is_a_usage_error(run: Run) -> None:
    code, _, err = run("audot")
    assert code == 2
    assert "Traceback" not in err and "audot" in err


def test_no_workspace(run: Run) -> None:
    for words in (["audit", "x"], ["verify"], ["alerts", "list"], ["quarantine", "list"], ["report", "x"]):
        refused(run(*words), "no workspace", "auditor init")


def test_init_apply_and_bad_settings(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(run("init", "site", "--template", "poem"), "template", "vqa")
    for template in ("report", "classifier", "vqa", "search"):
        folder = tmp_path / template
        monkeypatch.setenv("AUDITOR_WORKSPACE", str(folder))
        code, out, _ = run("init", str(folder), "--template", template, "--json")
        made = json.loads(out)
        key = Path(made["key_file"])
        assert code == 0 and key.stat().st_mode & 0o777 == 0o600 and folder not in key.parents
        assert run("apply", made["audit_yaml"])[0] == 0
        assert "unchanged" in run("apply", made["audit_yaml"])[2]
    refused(run("init", str(folder)), "already")
    bad = tmp_path / "bad.yaml"
    bad.write_text("system: [unclosed")
    refused(run("apply", "bad.yaml"), "not valid YAML")
    bad.write_text("system: s\ntasks: {report: {}}\nthresholds: [{measure: lies, watch: 0.1}]\n")
    refused(run("apply", "bad.yaml"), "'lies'", "contradicted_reports")
    bad.write_text("system: s\ntasks: {report: {}}\ntresholds: []\n")
    refused(run("apply", "bad.yaml"), "tresholds")
    bad.write_bytes(b"system: \xff\xfe")
    refused(run("apply", "bad.yaml"), "UTF-8")
    for missing in ("nowhere.yaml", "."):
        code, _, err = run("apply", missing)
        assert code == 2 and "Traceback" not in err


def test_the_commands_around_alerts_refuse_in_one_line(run: Run, audited: small.Site, tmp_path: Path) -> None:
    refused(run("alerts", "show", "nothing"), "no alert nothing", "alerts list --all")
    refused(run("alerts", "ack", "nothing"), "no alert nothing")
    refused(run("alerts", "assign", "small-1", "--owner", "x", "--due", "soon"), "--due", "2026-03-01")
    refused(run("alerts", "resolve", "small-1", "--cause", "c", "--action", "a"), "--true", "--false")
    refused(run("alerts", "stats", "--from", "March"), "--from")
    refused(run("incidents", "open", "x", "--alert", "nothing"), "no alert nothing")
    refused(run("incidents", "close", "incident-1", "--follow-up", "x"), "no incident incident-1")
    due = ("--decision", "pause", "--owner", "x", "--due", "soon", "--note", "n")
    refused(run("incidents", "decide", "incident-1", *due), "--due")
    refused(run("notify", "test", "small"), "small has no channels", "audit.yaml")
    refused(run("notify", "test", "nobody"), "no system 'nobody'")
    (tmp_path / "other.yaml").write_text("system: other\ntasks: {report: {}}\n")
    refused(run("thresholds", "backtest", str(tmp_path / "other.yaml")), "no system 'other'")
    (tmp_path / "bad.yaml").write_text("system: small\ntasks: {report: {}}\nschedule: [{job: audit, cron: x}]\n")
    refused(run("apply", str(tmp_path / "bad.yaml")), "schedule.0.cron", "five fields")
    refused(run("backup", str(tmp_path / "no" / "file.tar")), "no folder")
    (tmp_path / "text.tar").write_text("no archive")
    refused(run("restore", str(tmp_path / "text.tar"), str(tmp_path / "back")), "is no back-up")


def test_a_run_that_nobody_makes_is_named_and_becomes_an_alert(run: Run, audited: small.Site) -> None:
    jobs = "schedule: [{job: audit, cron: 0 4 * * *}, {job: verify, cron: 0 5 * * *}]\n"
    audited.apply(small.YAML + jobs, small.LATER)
    code, out, _ = run("schedule", "check", "--json")
    assert (code, {one["schedule"] for one in json.loads(out)}) == (3, {"small/audit", "small/verify"})
    roots = [one["root"] for one in json.loads(run("alerts", "list", "--json")[1])]
    assert {"job/audit", "job/verify"} <= set(roots)
    assert "Is 'auditor schedule run' running?" in run("schedule", "check")[2]


def test_an_empty_clock_and_outbox_say_what_to_do(run: Run, audited: small.Site) -> None:
    assert "name jobs under 'schedule' in audit.yaml" in run("schedule", "list")[2]
    assert run("schedule", "runs", "--json")[1].strip() == "[]"
    assert run("schedule", "check")[2].strip() == "Every job has had its runs in time."
    assert run("notify", "list")[2].strip() == "Every notice was sent."
    assert json.loads(run("notify", "send", "--json")[1]) == {"sent": 0, "failed": 0}
    assert "No incidents." in run("incidents", "list")[2]
    assert json.loads(run("thresholds", "budget", "--json")[1])["charts"] == []


def test_the_exit_code_is_the_verdict(run: Run, audited: small.Site, no_mirror: None) -> None:
    code, out, _ = run("audit", small.SYSTEM, "--json")
    said = json.loads(out)
    assert (code, said["status"]) == (1, "act")
    assert run("audit", small.SYSTEM)[0] == 1
    assert run("audit", small.SYSTEM, "--from", "2020-01-01", "--to", "2020-02-01")[0] == 3
    for bound, status in (("watch: 0.9", "ok"), ("watch: 0.05", "watch")):
        about = small.YAML.replace("stale_after_days: 60\n", "").split("thresholds:")[0]
        audited.apply(f"{about}thresholds: [{{measure: contradicted_reports, {bound}}}]", small.LATER)
        code, out, _ = run("audit", small.SYSTEM, "--json")
        assert (code, json.loads(out)["status"]) == (0, status)


def test_stale_is_three_and_told_in_the_table(run: Run, audited: small.Site, no_mirror: None) -> None:
    audited.apply(small.YAML.replace("watch: 0.05, act: 0.10", "watch: 0.9, act: 0.95"), small.LATER)
    code, out, _ = run("audit", small.SYSTEM, "--as-of", "2099-01-01")
    assert code == 3
    assert "STALE" in out


def test_bad_requests_to_audit(run: Run, audited: small.Site) -> None:
    refused(run("audit", "other"), "'other'", "small")
    refused(run("audit", small.SYSTEM, "--from", "last week"), "--from", "2026-03-01")
    refused(run("audit", small.SYSTEM, "--to", "2026-13-01"), "--to")
    refused(run("audit", small.SYSTEM, "--as-of", "noon"), "--as-of")
    refused(run("audit", small.SYSTEM, "--from", "2026-02-02", "--to", "2026-01-01"), "--from before --to")
    refused(run("audit", small.SYSTEM, "--as-of", "2000-01-01"), "had been received")


def test_report_writes_files_that_hold_the_audit(
    run: Run, audited: small.Site, first: Result, tmp_path: Path
) -> None:
    code, out, _ = run("report", small.SYSTEM, "--format", "json,html", "--output", "out", "--json")
    files = [Path(name) for name in json.loads(out)["files"]]
    assert code == 0
    assert {f.suffix for f in files} == {".html", ".json"}
    assert all(first.audit in f.name and f.stat().st_size > 1_000 for f in files)
    refused(run("report", small.SYSTEM, "--format", "poem"), "format", "html")
    refused(run("report", small.SYSTEM, "--audit", "none-such"), "none-such")
    (tmp_path / "taken").write_text("a file")
    refused(run("report", small.SYSTEM, "--output", "taken"), "taken")


def test_alerts(run: Run, audited: small.Site) -> None:
    code, out, _ = run("alerts", "list", "--json")
    (alert,) = json.loads(out)
    assert (code, alert["measure"], alert["status"]) == (0, "contradicted_reports", "open")
    assert "contradicted" in run("alerts", "list")[1]


def test_verify_finds_tampering(run: Run, audited: small.Site) -> None:
    code, out, _ = run("verify", "--json")
    assert code == 0 and json.loads(out)["ok"]
    victim = next(iter(audited.lake._fs.find(audited.lake._root)))
    Path(victim).write_bytes(b"PAR1 other")
    code, out, _ = run("verify", "--json")
    assert code == 1 and json.loads(out)["problems"][0]["kind"] == "segment"
    assert run("verify")[0] == 1


def test_ingest_refusals(run: Run, audited: small.Site, tmp_path: Path) -> None:
    refused(run("ingest", "poems", "x.jsonl"), "poems", "outputs")
    refused(run("ingest", "outputs"), "file")
    refused(run("ingest", "outputs", "nowhere.jsonl"), "nowhere.jsonl")
    refused(run("ingest", "outputs", "."), ".")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    (tmp_path / "mapping.yaml").write_text("case_id: {join: a}\nnonsense: [")
    refused(run("ingest", "outputs", "rows.csv", "--mapping", "mapping.yaml"), "mapping.yaml")
    refused(run("ingest", "outputs", "rows.csv", "--mapping", "nowhere.yaml"), "nowhere.yaml")
    refused(run("ingest", "outputs", "rows.csv", "--system", "other"), "other")
    refused(run("ingest", "outputs", "--watch", "rows.csv"), "folder")


def test_quarantine_lists_exports_and_tries_again(run: Run, audited: small.Site, tmp_path: Path) -> None:
    good = small.report_output(70)
    bad = {**small.report_output(71), "version": None}
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(r) + "\n" for r in (good, bad)))
    code, out, _ = run("ingest", "outputs", "new.jsonl", "--dry-run", "--json")
    assert (code, json.loads(out)[0]["accepted"]) == (0, 1)
    code, out, _ = run("ingest", "outputs", "new.jsonl", "--json")
    assert (code, json.loads(out)[0]["quarantined"]) == (0, 1)
    code, out, _ = run("quarantine", "list", "--json")
    (row,) = json.loads(out)
    assert (code, row["row"], row["kind"]) == (0, 2, "outputs")
    assert "version" in row["reason"]
    code, out, _ = run("quarantine", "export")
    assert code == 0 and "R-71" not in out and len(out.splitlines()) == 1
    assert run("quarantine", "export", "waiting.jsonl")[0] == 0
    assert (tmp_path / "waiting.jsonl").read_text() == out
    code, out, _ = run("quarantine", "retry", "--json")
    assert (code, json.loads(out)["still"]) == (0, 1)
    assert "quarantine" not in run("quarantine", "list")[2]


def test_claims_of_a_file_a_pipe_and_refusals(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "r.txt").write_text("Small left pleural effusion.")
    code, out, _ = run("claims", "r.txt", "--explain")
    (claim,) = json.loads(out)["claims"]
    assert code == 0 and claim["side"] == "left"
    import io

    lines = [{"id": "1", "text": "No pneumothorax."}, {"id": "2", "text": "Cardiomegaly."}]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(json.dumps(line) + "\n" for line in lines)))
    code, out, _ = run("claims", "-")
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["1", "2"]
    refused(run("claims", "nowhere.txt"), "nowhere.txt")
    refused(run("claims", "."), "directory")
    (tmp_path / "latin.txt").write_bytes("Größe".encode("latin-1"))
    refused(run("claims", "latin.txt"), "UTF-8")
    (tmp_path / "broken.jsonl").write_text('{"id": 1, "text": ')
    refused(run("claims", "broken.jsonl"), "line 1")


PAIRS = {
    "report": {"id": "a", "reference": "No effusion.", "draft": "Large left effusion."},
    "vqa": {"id": "a", "question": "Is there an effusion?", "reference": "yes", "draft": "No."},
    "classification": {"id": "a", "scores": {"Edema": 0.9}, "decisions": {"Edema": 1}, "labels": {"Edema": 0}},
}


@pytest.mark.parametrize("task", sorted(PAIRS))
def test_judge_from_file_to_file_and_through_a_pipe(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    import io

    line = json.dumps(PAIRS[task]) + "\n"
    (tmp_path / "in.jsonl").write_text(line)
    assert run("judge", "--task", task, "--input", "in.jsonl", "--output", "out.jsonl")[0] == 0
    written = (tmp_path / "out.jsonl").read_text()
    assert json.loads(written.splitlines()[0])["id"] == "a"
    monkeypatch.setattr(sys, "stdin", io.StringIO(line))
    code, out, _ = run("judge", "--task", task, "--input", "-", "--output", "-")
    assert (code, out) == (0, written)


def test_judge_refusals(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a", "draft": 5, "reference": "x"}\n')
    refused(run("judge", "--task", "report", "--input", "in.jsonl", "--output", "-"), "draft")
    refused(run("judge", "--task", "poetry", "--input", "in.jsonl", "--output", "-"), "poetry")
    refused(run("judge", "--task", "vqa", "--input", "nowhere.jsonl", "--output", "-"), "nowhere.jsonl")
    refused(run("judge", "--task", "vqa", "--input", "in.jsonl", "--output", "no/such/out"), "no/such/out")
    (tmp_path / "in.jsonl").write_text('{"draft": "x"}\n')
    refused(run("judge", "--task", "report", "--input", "in.jsonl", "--output", "-"), "line 1", "'id'")


def test_lexicon_check(run: Run, tmp_path: Path) -> None:
    assert run("lexicon", "check")[0] == 0
    code, out, _ = run("lexicon", "check", "--json")
    assert (code, json.loads(out)) == (0, {"ok": True, "problems": []})
    (tmp_path / "site.yaml").write_text("findings: [")
    refused(run("lexicon", "check", "site.yaml"), "site.yaml")
    refused(run("lexicon", "check", "nowhere.yaml"), "nowhere.yaml")


def test_help_imports_nothing_heavy() -> None:
    """The start stays under a second because libraries are loaded by the command that needs them."""
    program = (
        "import sys; from auditor.cli import main; sys.argv = ['auditor', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', *[m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_a_demo_of_which_no_audit_ended_says_so_and_where_to_look(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from auditor.demo.run import prepare

    monkeypatch.setattr(
        "auditor.demo.run.live_through", lambda hospital, path, progress: (prepare(hospital, path), [])
    )
    refused(run("demo"), "No audit", "demo-workspace", "auditor schedule runs")
