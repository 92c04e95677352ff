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
from auditor.tracking import METRICS_A_BATCH, metrics_of, mirror, pending
from tests.auditor.small_hospital import LATER, MARKER, SYSTEM, WAITING, YAML, Site, report_reference


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


def test_the_registered_model_version_carries_the_status(tracked: Site) -> None:
    client = mlflow.MlflowClient(tracking_uri=_uri(tracked), registry_uri=_uri(tracked))
    client.create_registered_model("drafter")
    for _ in range(2):
        client.create_model_version("drafter", source="s3://models/drafter")
    tracked.apply(YAML + "mlflow: {registered_model: drafter}\n", LATER)
    audit = tracked.audit(LATER).audit
    assert _mirror(tracked) is None
    tags = {str(v.version): v.tags for v in client.search_model_versions("name = 'drafter'")}
    assert tags["1"] == {}
    assert tags["2"] == {"audit.status": "act", "audit.id": audit}
