"""The MLflow mirror: one run an audit, written after the ledger has committed.

MLflow is where an ML team looks; the ledger is the record. A server that cannot be reached loses nothing:
the mirror stays pending and is written with the next audit.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from auditor.audit.dossier import dossier_of
from auditor.audit.pages import pages_of
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from monitors.catalogue import CatalogueError, measure_named
from reports import corrections, export_json, export_markdown, headline, html
from reports.dossier import Dossier, Row
from reports.numbers import result
from reports.text import MARKDOWN, severity

if TYPE_CHECKING:
    from mlflow import MlflowClient

METRICS_A_BATCH = 1_000  # MLflow's own limit
_AUDIT_TAG = "auditor.audit"
HEADLINE_NUMBERS = 12  # tags of numbers on a registered model version
DESCRIPTION_LENGTH = 5_000  # what MLflow's own tables hold; PostgreSQL refuses more
START, END = "<!-- auditor:start -->", "<!-- auditor:end -->"
_BLOCK = re.compile(f"{START}(?:(?!{START}).)*?{END}", re.DOTALL)


def pending(ledger: Ledger, system: str) -> list[str]:
    """The audits of a system that MLflow has not got yet, oldest first."""
    rows = ledger.read(
        sa.select(t.mirrors.c.audit)
        .join(t.audits, t.audits.c.id == t.mirrors.c.audit)
        .where(t.audits.c.system == system, t.mirrors.c.status != "written")
        .order_by(t.audits.c.seq)
    )
    return [row["audit"] for row in rows]


def mirror(
    ledger: Ledger,
    lake: Lake,
    system: str,
    settings: AuditSettings,
    default_uri: str,
    clock: Callable[[], datetime],
    actor: str,
) -> str | None:
    """Write every pending audit of `system` to MLflow; returns why it could not, or None when all is written."""
    waiting = pending(ledger, system)
    if not waiting:
        return None
    uri = settings.mlflow.tracking_uri or default_uri
    for audit in waiting:
        problem, run = _attempt(ledger, lake, system, audit, settings, uri)
        with ledger.transaction(actor=actor, at=clock()) as tx:
            attempts = tx.read(sa.select(t.mirrors.c.attempts).where(t.mirrors.c.audit == audit))[0]["attempts"]
            changes = {"status": "failed" if problem else "written", "run_id": run, "last_error": problem}
            tx.update(t.mirrors, audit, changes | {"attempts": attempts + 1, "at": tx.at})
        if problem:
            return f"MLflow could not be written ({problem}); it is tried again with the next audit."
    return None


def _attempt(
    ledger: Ledger, lake: Lake, system: str, audit: str, settings: AuditSettings, uri: str
) -> tuple[str | None, str | None]:
    """Write one audit: (what went wrong, run id)."""
    dossier = dossier_of(ledger, system, audit)
    pages = pages_of(ledger, lake, audit)
    try:
        return None, _write(_client(uri), dossier, pages, settings, uri)
    except Exception as error:  # noqa: BLE001 - whatever a tracking server does, the audit stands
        # the type alone: messages of HTTP and database libraries carry addresses and passwords
        return type(error).__name__, None


def _client(uri: str) -> "MlflowClient":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    import logging

    from mlflow import MlflowClient

    for noisy in ("alembic", "mlflow"):  # after the import, which sets levels of its own
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _write(
    client: "MlflowClient", dossier: Dossier, pages: Mapping[str, str], settings: AuditSettings, uri: str
) -> str:
    from mlflow.entities import Metric, Param, RunTag

    experiment = _experiment(client, settings.mlflow.experiment or dossier.system, uri)
    for left in client.search_runs([experiment], f"tags.`{_AUDIT_TAG}` = '{dossier.provenance.audit}'"):
        client.delete_run(left.info.run_id)  # an attempt that a crash cut short
    run = client.create_run(experiment, run_name=dossier.provenance.audit).info.run_id
    at = int(dossier.as_of.timestamp() * 1000)
    tags = [RunTag(key, value) for key, value in _tags(dossier, settings).items()]
    params = [Param(key, value) for key, value in _params(dossier).items()]
    client.log_batch(run, params=params, tags=tags)
    metrics = [Metric(name, value, at, 0) for name, value in metrics_of(dossier)]
    for start in range(0, len(metrics), METRICS_A_BATCH):
        client.log_batch(run, metrics=metrics[start : start + METRICS_A_BATCH])
    _log_inputs(client, run, dossier)
    without_texts = _without_texts(dossier)
    client.log_text(run, html.render(without_texts), "report.html")
    client.log_text(run, export_json.dumps(without_texts), "report.json")
    for task, page in pages.items():
        client.log_text(run, page, f"evidently-{task}.html")
    _tag_model(client, dossier, settings)
    client.set_terminated(run)
    return str(run)


def metrics_of(dossier: Dossier) -> Iterator[tuple[str, float]]:
    """Measurements that may be shown, as MLflow metric names and values; what is undefined is not sent.

    Of single findings within a group only those with a verdict: they are most of all numbers, nobody would draw
    ten thousand series, and writing them took half of the mirror's time. All are in its report.json.
    """
    for row in dossier.rows:
        within = row.item and row.slice != "all" and not row.status
        if row.suppressed or within:
            continue
        for bound, value in (("value", row.value), ("low", row.low), ("high", row.high)):
            if value is not None and abs(value) != float("inf"):
                yield f"{_metric_name(row, dossier.current_version)}/{bound}", value


def _metric_name(row: Row, current: str) -> str:
    parts = [row.measure, row.item, row.slice, row.contrast and f"vs-{row.contrast}"]
    if row.version not in ("", current):
        parts.append(f"version-{row.version}")
    return "/".join(_slug(part) for part in parts if part)


def _slug(text: str) -> str:
    """MLflow allows letters, digits, and _ - . in names; bounds of bands keep their meaning in words."""
    text = text.replace("<", "under ").replace("+", " plus").replace("=", "-").replace("(missing)", "missing")
    return re.sub(r"[^\w.-]+", "-", text).strip("-")


def _tags(dossier: Dossier, settings: AuditSettings) -> dict[str, str]:
    tags = {
        _AUDIT_TAG: dossier.provenance.audit,
        "auditor.status": dossier.status,
        "auditor.system": dossier.system,
        "auditor.version": dossier.current_version,
        "auditor.simulated": str(dossier.simulated).lower(),
        "auditor.journal_head": dossier.provenance.journal_head,
    }
    if settings.mlflow.registered_model:
        tags["auditor.registered_model"] = f"models:/{settings.mlflow.registered_model}"
    for row in dossier.rows:
        if row.status:
            name = f"verdict.{_metric_name(row, dossier.current_version).replace('/', '.')}"[:240]
            tags[name] = row.status
    return tags


def _params(dossier: Dossier) -> dict[str, str]:
    provenance = dossier.provenance
    return {
        "window": f"{dossier.start or 'open'} to {dossier.end or 'open'}",
        "as_of": dossier.as_of.isoformat(),
        "config": provenance.config,
        "code": provenance.code,
        "seed": str(provenance.seed),
        **{f"judge.{task}": judge for task, judge in provenance.judges},
    }


def _log_inputs(client: "MlflowClient", run: str, dossier: Dossier) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = Dataset(
        name=dossier.system,
        digest=dossier.provenance.inputs[:36],
        source_type="auditor",
        source=f"segments 1 to {dossier.provenance.last_segment}",
    )
    client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "audit")])])


def _tag_model(client: "MlflowClient", dossier: Dossier, settings: AuditSettings) -> None:
    """Write status, headline numbers and summary on the registered version of the audited version's number."""
    name = settings.mlflow.registered_model
    if not name:
        return
    tags, said = model_tags(dossier), export_markdown.summary(_without_texts(dossier))
    versions: Sequence[Any] = client.search_model_versions(f"name = '{name}'")
    for version in versions:
        if dossier.current_version not in (str(version.version), version.tags.get("version")):
            continue
        for key in version.tags:
            if key not in tags and _names_measure(key):  # measured once, not now: it must not look current
                client.delete_model_version_tag(name, version.version, key)
        for key, value in tags.items():
            client.set_model_version_tag(name, version.version, key, value)
        client.update_model_version(name, version.version, described(version.description or "", said))


def model_tags(dossier: Dossier) -> dict[str, str]:
    """What a registered model version is tagged with: the verdict, and page one's numbers of the whole system."""
    rows = [row for row in dossier.rows if _on_page_one(row, dossier.current_version)]
    rows.sort(key=lambda row: (severity(row.status), row.measure, row.task))
    names = [row.measure for row in rows]
    reviewed = corrections.correction(dossier)
    return {
        "audit.status": dossier.status,
        "audit.id": dossier.provenance.audit,
        "audit.report": dossier.provenance.audit,
        "audit.as_of": dossier.as_of.isoformat(),
        "audit.corrected": "yes" if reviewed is not None and reviewed.same_window else "no",
        **{
            f"audit.{row.measure}" + (f".{row.task}" if names.count(row.measure) > 1 else ""): result(row)
            for row in rows[:HEADLINE_NUMBERS]
        },
    }


def _on_page_one(row: Row, version: str) -> bool:
    whole = row.version == version and headline.is_whole(row)
    named = bool(row.status) or row.measure in (headline.PER_THOUSAND, *headline.PAGE_ONE)
    return whole and named and not row.suppressed and row.value is not None


def _names_measure(key: str) -> bool:
    """Whether a tag is one of ours for a number; people may have tags of their own that begin alike."""
    start, _, rest = key.partition(".")
    try:
        return start == "audit" and bool(measure_named(rest.partition(".")[0]))
    except CatalogueError:
        return False


def described(old: str, said: str) -> str:
    """A description with `said` between our two marker lines; what a person wrote outside of them stays.

    >>> described("By hand.", "All is well.").splitlines()
    ['By hand.', '', '<!-- auditor:start -->', 'All is well.', '<!-- auditor:end -->']
    """
    known = _BLOCK.search(old)
    before = old[: known.start()] if known else f"{old.rstrip()}\n\n" if old.strip() else ""
    after = _BLOCK.sub("", old[known.end() :]) if known else ""
    room = DESCRIPTION_LENGTH - len(f"{before}{START}\n\n{END}{after}")
    block = _cut(said.strip(), room)
    return f"{before}{START}\n{block}\n{END}{after}" if block else f"{before}{after}".rstrip("\n")


def _cut(said: str, room: int) -> str:
    """As many whole lines as there is room for, and then that there are more."""
    if len(said) <= room:
        return said
    kept = said[: max(room - len(MARKDOWN["cut"]) - 2, 0)].rpartition("\n")[0].rstrip()
    return f"{kept}\n\n{MARKDOWN['cut']}" if kept else ""


def _experiment(client: "MlflowClient", name: str, uri: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    # a local tracking store keeps its artifacts beside itself, not in the folder somebody happens to be in
    local = uri.removeprefix("sqlite:///") if uri.startswith("sqlite:///") else None
    place = f"file://{local.rsplit('/', 1)[0]}/mlflow-artifacts" if local else None
    return str(client.create_experiment(name, artifact_location=place))


def _without_texts(dossier: Dossier) -> Dossier:
    """The dossier without report text: whatever the exemplar policy, none of it goes to MLflow."""
    from dataclasses import replace

    bare = tuple(
        replace(one, draft="", draft_span=None, reference="", reference_span=None) for one in dossier.exemplars
    )
    templates = tuple(
        replace(group, sentences=tuple(replace(one, words="") for one in group.sentences))
        for group in dossier.templates
    )
    return replace(dossier, exemplars=bare, templates=templates, exemplar_policy="none")
