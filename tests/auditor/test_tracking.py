"""The MLflow mirror: one run an audit, no report text, and a server that is down loses nothing."""

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import sqlalchemy as sa

from auditor.audit.run import Result
from auditor.store import tables as t
from auditor.tracking import (
    DESCRIPTION_LENGTH,
    END,
    HEADLINE_NUMBERS,
    METRICS_A_BATCH,
    START,
    described,
    metrics_of,
    mirror,
    model_tags,
    pending,
)
from reports.export_markdown import summary
from reports.numbers import result
from tests.auditor.small_hospital import LATER, MARKER, SYSTEM, WAITING, YAML, Site, report_reference
from tests.reports.samples import bare, row, sample, suppressed


@pytest.fixture(autouse=True)
def closed_connections() -> Iterator[None]:
    """MLflow leaves connections to its garbage; let them go inside the test that made them."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking store of MLflow without runs; making one takes MLflow two seconds of migrations."""
    store = tmp_path_factory.mktemp("mlflow") / "mlflow.sqlite"
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{store}").search_experiments()
    return store


@pytest.fixture
def tracked(site: Site, empty_store: Path) -> Site:
    """The audited hospital, with an empty tracking store in its workspace."""
    shutil.copy(empty_store, site.workspace.path / "mlflow.sqlite")
    return site


def _uri(site: Site) -> str:
    return site.workspace.mlflow_uri


def _mirror(site: Site, uri: str | None = None) -> str | None:
    return mirror(site.ledger, site.lake, SYSTEM, site.settings, uri or _uri(site), lambda: LATER, "test")


def _runs(site: Site) -> list[Any]:
    client = mlflow.MlflowClient(tracking_uri=_uri(site))
    experiment = client.get_experiment_by_name(SYSTEM)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def _files(site: Site) -> list[Path]:
    return [p for p in (site.workspace.path / "mlflow-artifacts").rglob("*") if p.is_file()]


def test_one_run_an_audit_with_all_that_may_be_shown(tracked: Site, first: Result) -> None:
    assert pending(tracked.ledger, SYSTEM) == [first.audit]
    assert _mirror(tracked) is None
    assert pending(tracked.ledger, SYSTEM) == []
    (run,) = _runs(tracked)
    dossier = tracked.dossier()
    expected = dict(metrics_of(dossier))
    assert run.info.status == "FINISHED"
    assert run.data.metrics == pytest.approx(expected)
    assert expected["contradicted_reports/all/value"] > 0.5
    assert run.data.tags["auditor.audit"] == first.audit
    assert run.data.tags["auditor.status"] == "act"
    assert run.data.tags["verdict.contradicted_reports.all"] == "act"
    assert run.data.params["seed"] == "7"
    assert run.data.params["window"] == "open to open"
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == (SYSTEM, dossier.provenance.inputs[:36])
    assert {p.name for p in _files(tracked)} == {"report.html", "report.json"}
    (row,) = tracked.ledger.read(sa.select(t.mirrors))
    assert (row["status"], row["run_id"], row["attempts"]) == ("written", run.info.run_id, 1)


def test_no_report_text_goes_out_though_the_exemplar_policy_quotes_sentences(tracked: Site, first: Result) -> None:
    assert any(MARKER in one.draft + one.reference for one in tracked.dossier().exemplars), (
        "else this shows nothing"
    )
    assert _mirror(tracked) is None
    (run,) = _runs(tracked)
    said = " ".join([*run.data.tags.values(), *run.data.params.values(), *run.data.metrics])
    assert MARKER not in said
    files = _files(tracked)
    assert files
    for file in files:
        assert MARKER.encode() not in file.read_bytes(), file.name
    for store in tracked.workspace.path.glob("mlflow.sqlite*"):
        assert MARKER.encode() not in store.read_bytes()


def test_no_metric_name_is_given_twice(tracked: Site, first: Result) -> None:
    names = [name for name, _ in metrics_of(tracked.dossier())]
    assert len(names) == len(set(names)) > 50
    # of findings within groups only what was asked for
    rows = {(bool(row.item), row.slice != "all", bool(row.status)) for row in tracked.dossier().rows}
    assert (True, True, False) in rows, "else this shows nothing"
    assert not [name for name in names if name.startswith("sensitivity/Effusion/") and "sex" in name]
    assert [name for name in names if name.startswith("sensitivity/") and "sex" in name]
    assert [name for name in names if name.startswith("sensitivity/Effusion/")]
    assert METRICS_A_BATCH == 1_000


def test_a_server_that_is_down_is_told_never_fatal_and_tried_again(
    tracked: Site, first: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    problem = _mirror(tracked, "http://127.0.0.1:9")
    assert problem is not None and "tried again with the next audit" in problem
    assert "127.0.0.1" not in problem
    (row,) = tracked.ledger.read(sa.select(t.mirrors))
    assert (row["status"], row["run_id"], row["attempts"]) == ("failed", None, 1)
    tracked.hand_in("references", [report_reference(WAITING[0])], LATER)
    second = tracked.audit(LATER)
    assert pending(tracked.ledger, SYSTEM) == [first.audit, second.audit]
    assert _mirror(tracked) is None
    assert {run.data.tags["auditor.audit"] for run in _runs(tracked)} == {first.audit, second.audit}
    assert [r["attempts"] for r in tracked.ledger.read(sa.select(t.mirrors).order_by(t.mirrors.c.audit))].count(
        2
    ) == 1
    assert _mirror(tracked) is None
    assert len(_runs(tracked)) == 2


def test_a_run_that_was_cut_short_is_replaced(tracked: Site, first: Result) -> None:
    assert _mirror(tracked) is None
    with tracked.ledger.transaction(actor="test", at=LATER) as tx:  # as if the process had died before this note
        tx.update(t.mirrors, first.audit, {"status": "pending", "run_id": None})
    assert _mirror(tracked) is None
    assert len(_runs(tracked)) == 1


@pytest.fixture
def registry(tracked: Site) -> mlflow.MlflowClient:
    """A registered model with a version for each of the system's two."""
    client = mlflow.MlflowClient(tracking_uri=_uri(tracked), registry_uri=_uri(tracked))
    client.create_registered_model("drafter")
    for _ in range(2):
        client.create_model_version("drafter", source="s3://models/drafter")
    tracked.apply(YAML + "mlflow: {registered_model: drafter}\n", LATER)
    return client


def _version(registry: mlflow.MlflowClient, number: str = "2") -> tuple[dict[str, str], str]:
    """Tags and description of a registered version."""
    version = registry.get_model_version("drafter", number)
    return version.tags, version.description or ""


def test_the_registered_model_version_carries_status_numbers_and_summary(
    tracked: Site, registry: mlflow.MlflowClient
) -> None:
    audit = tracked.audit(LATER).audit
    assert _mirror(tracked) is None
    assert _version(registry, "1") == ({}, "")
    tags, description = _version(registry)
    dossier = tracked.dossier()
    assert tags == model_tags(dossier)
    assert tags["audit.status"] == "act"
    assert tags["audit.id"] == tags["audit.report"] == audit
    assert tags["audit.as_of"] == dossier.as_of.isoformat() and tags["audit.corrected"] == "no"
    assert tags["audit.contradicted_reports"].endswith("]") and " % [" in tags["audit.sensitivity"]
    lines = description.splitlines()
    assert (lines[0], lines[-1]) == (START, END)
    assert "\n".join(lines[1:-1]) == summary(dossier).strip()


def test_what_a_person_wrote_beside_the_summary_stays_and_numbers_not_measured_now_go(
    tracked: Site, registry: mlflow.MlflowClient
) -> None:
    tracked.audit(LATER)
    registry.update_model_version("drafter", "2", "Trained by hand.\n\nAsk Ada.")
    for key in ("audit.acceptance", "audit.accuracy.vqa", "audit.note", "audit", "owner"):
        registry.set_model_version_tag("drafter", "2", key, "as before")
    assert not {"audit.acceptance", "audit.accuracy.vqa"} & set(model_tags(tracked.dossier()))
    assert _mirror(tracked) is None
    tags, description = _version(registry)
    kept = {key for key, value in tags.items() if value == "as before"}
    assert kept == {"audit.note", "audit", "owner"}
    assert description.startswith(f"Trained by hand.\n\nAsk Ada.\n\n{START}\n# Audit of")

    registry.update_model_version("drafter", "2", f"{description}\nAnd below.")
    tracked.hand_in("references", [report_reference(WAITING[0])], LATER)
    second = tracked.audit(LATER).audit
    assert _mirror(tracked) is None
    tags, description = _version(registry)
    assert tags["audit.id"] == second and second in description
    assert description.startswith("Trained by hand.\n\nAsk Ada.\n\n")
    assert description.endswith(f"{END}\nAnd below.") and description.count(START) == 1


def test_no_report_text_reaches_the_registry(tracked: Site, registry: mlflow.MlflowClient) -> None:
    tracked.audit(LATER)
    assert any(MARKER in one.draft + one.reference for one in tracked.dossier().exemplars)
    assert _mirror(tracked) is None
    tags, description = _version(registry)
    assert description
    assert MARKER not in " ".join([description, *tags, *tags.values()])
    for store in tracked.workspace.path.glob("mlflow.sqlite*"):
        assert MARKER.encode() not in store.read_bytes()


def test_tags_are_page_ones_numbers_of_the_whole_current_version() -> None:
    tags = model_tags(sample())
    assert tags["audit.contradicted_reports"] == "9.2 % [7.6–11.0]"
    assert tags["audit.significant_contradicted"] == "31.0 per 1,000 reports [22.0–42.0]"
    assert tags["audit.contradicted_claims"] == "3.6 % [2.4–5.0]"
    assert "audit.auroc" not in tags and "audit.omitted_findings" not in tags  # by finding; not a question
    hidden = row(value=0.7777, suppressed=True, status="watch")
    others = (hidden, suppressed(), row(value=None), row(version="2.0"), row(slice="sex=F"), row(contrast="rest"))
    assert set(model_tags(bare(rows=others))) == {
        "audit.status", "audit.id", "audit.report", "audit.as_of", "audit.corrected",
    }  # fmt: skip


def test_at_most_twelve_numbers_the_gravest_and_one_for_each_task() -> None:
    many = tuple(row(f"m{i}", status="ok") for i in range(HEADLINE_NUMBERS))
    grave = (row("confidence_gap", status="act"), row("confidence_gap", 0.09, status="watch", task="vqa"))
    tags = model_tags(bare(rows=(*many, *grave)))
    assert len(tags) == HEADLINE_NUMBERS + 5
    assert tags["audit.confidence_gap.report"] == result(grave[0])
    assert tags["audit.confidence_gap.vqa"] == result(grave[1])


def test_a_description_never_outgrows_what_mlflow_holds() -> None:
    said = "\n".join(f"line {i} of the summary" for i in range(400))
    made = described("By hand.", said)
    assert len(made) <= DESCRIPTION_LENGTH and made.startswith(f"By hand.\n\n{START}\nline 0 of the summary\n")
    assert made.endswith(f"\n{END}") and "the whole is in the report" in made
    assert described(made, said) == made
    full = "x" * DESCRIPTION_LENGTH
    assert described(full, said) == full
    assert described(f"{START}\nold\n{END}{'x' * (DESCRIPTION_LENGTH - 60)}", said) == "x" * (
        DESCRIPTION_LENGTH - 60
    )


@pytest.mark.parametrize(
    ("old", "made"),
    [
        ("", f"{START}\nnew\n{END}"),
        (f"a\n{START}\nold\n{END}\nb", f"a\n{START}\nnew\n{END}\nb"),
        (f"{START}\nold\n{END}{START}\nolder\n{END}b", f"{START}\nnew\n{END}b"),
        (f"{START} by hand", f"{START} by hand\n\n{START}\nnew\n{END}"),
        (f"{START} by hand\n\n{START}\nold\n{END}", f"{START} by hand\n\n{START}\nnew\n{END}"),
    ],
)
def test_only_a_whole_block_of_ours_is_replaced(old: str, made: str) -> None:
    assert described(old, "new") == made
    assert described(made, "new") == made
