"""From the ledger to a Dossier: one audit as a report may show it, small cells suppressed."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from auditor.audit.confidence import recorded_confidence
from auditor.audit.correcting import recorded_correction
from auditor.audit.disparities import recorded_worst_group
from auditor.audit.estimating import recorded_estimate
from auditor.audit.limits import limits_of
from auditor.audit.recorded import latest_audit, settings_of
from auditor.audit.rejudging import recorded_frozen
from auditor.audit.rows import measured_rows, other_rows
from auditor.audit.shifting import recorded_shift
from auditor.audit.splitting import recorded_split
from auditor.audit.templates import recorded_templates
from auditor.audit.versus_rest import recorded_versus_rest
from auditor.audit.watching import recorded_chart
from auditor.audit.watchlisting import recorded_watch
from auditor.rules.register import changed_after_seeing
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from monitors import embedding_drift
from monitors.catalogue import CATALOGUE, measure_named
from monitors.evidently_drift import SAID as EVIDENTLY
from monitors.threshold import SUPPRESS_BELOW
from reports.dossier import (
    Dossier,
    DriftColumn,
    Exemplar,
    Flow,
    Parity,
    Provenance,
    ReliabilityBin,
    Selected,
    TrendPoint,
)


def dossier_of(ledger: Ledger, system: str, audit: str | None = None) -> Dossier:
    """Everything the report of one audit needs, as it was recorded."""
    row = latest_audit(ledger, system, audit)
    settings = settings_of(ledger, row)
    details = {
        d["kind"]: d["payload"] for d in ledger.read(sa.select(t.details).where(t.details.c.audit == row["id"]))
    }
    flows = tuple(Flow(**flow) for flow in details["flows"])
    verdicts = ledger.read(
        sa.select(t.verdicts).where(t.verdicts.c.audit == row["id"]).order_by(t.verdicts.c.number)
    )
    evidently = {
        (task, name): score for task, scores in details["evidently"].items() for name, score in scores.items()
    }
    # older audits have none of these
    corrections = tuple(recorded_correction(one) for one in details.get("corrections", ()))
    worth = tuple(recorded_confidence(one) for one in details.get("confidence", ()))
    versus = recorded_versus_rest(details.get("versus_rest", ()))
    rows = measured_rows(ledger, row, verdicts, flows, versus)
    hidden = {(one.measure, one.version, one.slice) for one in rows if one.suppressed}
    worst = tuple(recorded_worst_group(one) for one in details.get("worst_groups", ()))
    watched = tuple(recorded_watch(one) for one in details.get("watch_list", ()))
    charts = tuple(recorded_chart(one) for one in details.get("charts", ()))
    return Dossier(
        system=system,
        title=settings.title or system,
        owner=settings.owner,
        intended_use=settings.intended_use,
        timezone=settings.timezone,
        versions=tuple(row["versions"]),
        current_version=details["current_version"],
        start=row["window_start"],
        end=row["window_end"],
        as_of=row["as_of"],
        status=row["status"],
        maturity_days=settings.maturity_days,
        simulated=settings.simulated,
        flows=flows,
        rows=(*rows, *other_rows(verdicts, row, charts)),
        reliability=tuple(_reliability(details["reliability"])),
        confidence=worth,
        estimates=tuple(recorded_estimate(one) for one in details.get("estimates", ())),
        trend=tuple(_trend_point(point) for point in details["trend"]),
        charts=charts,
        watch_list=tuple(one for one in watched if (one.measure, one.version, one.slice) not in hidden),
        version_changes=tuple((date.fromisoformat(day), v) for day, v in details["version_changes"]),
        drift=tuple(_drift_column(column, evidently) for column in details["drift"]),
        parity=tuple(Parity(**one) for one in details["parity"]),
        worst_groups=tuple(one for one in worst if (one.measure, one.version, one.slice) not in hidden),
        exemplars=tuple(_exemplar(one) for one in details["exemplars"]),
        exemplar_policy=settings.exemplars,
        templates=tuple(recorded_templates(one) for one in details.get("templates", ())),
        corrections=corrections,
        limits=(
            *limits_of(settings, flows, corrections),
            *details.get("limits", ()),
            *changed_after_seeing(ledger, system, row["config"]),
            *(f"Not measured: {one.what}. {one.reason}" for one in settings.not_measured),
        ),
        provenance=_provenance(row, details, settings),
        selected=tuple(Selected(**one) for one in details.get("selected", ())),
        shifts=tuple(recorded_shift(one) for one in details.get("shifts", ())),
        version_effects=tuple(recorded_split(one) for one in details.get("version_effects", ())),
        frozen=tuple(recorded_frozen(one, rows) for one in details.get("frozen", ())),
    )


def _reliability(bins: Sequence[Mapping[str, Any]]) -> list[ReliabilityBin]:
    # audits record no bin of fewer than eleven patients; of older ones the images alone are known
    return [ReliabilityBin(**one) for one in bins if one["n"] >= SUPPRESS_BELOW]


def _trend_point(point: Mapping[str, Any]) -> TrendPoint:
    small = point["patients"] < SUPPRESS_BELOW
    return TrendPoint(
        measure=point["measure"],
        title=measure_named(point["measure"]).title,
        task=point["task"],
        version=point["version"],
        slice=point["slice"],
        period=date.fromisoformat(point["window_start"]),
        value=None if small else point["value"],
        low=None if small else point["low"],
        high=None if small else point["high"],
        n=0.0 if small else point["n"] or 0.0,
        mature=point["mature"],
        standardised=None if small else point.get("standardised"),
        standardised_low=None if small else point.get("standardised_low"),
        standardised_high=None if small else point.get("standardised_high"),
        item=point.get("item", ""),  # of older audits the task as a whole
        difference=None if small else _difference(point),
        covered=None if small else point.get("covered"),
        outside=None if small else _outside(point),
        not_standardised="" if small else point.get("not_standardised", ""),
    )


def _difference(point: Mapping[str, Any]) -> float | None:
    """Crude minus standardised; older audits recorded the two alone."""
    mixed = point.get("standardised")
    return None if mixed is None or point["value"] is None else point["value"] - mixed


def _outside(point: Mapping[str, Any]) -> float | None:
    share = point.get("outside")
    counted = (share or 0.0) * (point["n"] or 0.0)
    return None if 0 < counted < SUPPRESS_BELOW else share


def _drift_column(column: Mapping[str, Any], evidently: Mapping[tuple[str, str], Any]) -> DriftColumn:
    score = evidently.get((column["task"], column["column"])) if not column["item"] else None
    versions = score.get("versions") if score else None  # older audits pooled them
    if versions and versions[0] != column["version"]:
        score = None
    return DriftColumn(
        column=column["column"],
        title=column["title"] + (f": {column['item']}" if column["item"] else ""),
        distance=column["distance"],
        null_high=column["null_high"],
        drifted=column["drifted"],
        method=column["method"],
        categories=tuple(column["categories"]),
        reference_shares=tuple(column["reference_shares"]),
        window_shares=tuple(column["window_shares"]),
        evidently_score=score["score"] if score else None,
        evidently_method=_evidently_said(versions) if score else "",
    )


def _evidently_said(versions: Sequence[str] | None) -> str:
    return f"{EVIDENTLY}; " + ("version {} against {}".format(*versions) if versions else "all versions together")


def _exemplar(one: Mapping[str, Any]) -> Exemplar:
    spans = {name: tuple(one[name]) if one[name] else None for name in ("draft_span", "reference_span")}
    return Exemplar(**{**one, **spans})


def _provenance(row: sa.RowMapping, details: Mapping[str, Any], settings: AuditSettings) -> Provenance:
    return Provenance(
        audit=row["id"],
        key=row["key"],
        config=row["config"],
        inputs=row["inputs"],
        segments=details["segments"],
        last_segment=row["segment_pin"],
        journal_head=details["journal_head"],
        code=row["code"],
        judges=tuple((task, judge) for task, judge in details["judges"]),
        monitors=(
            *((monitor.name, monitor.version) for monitor in CATALOGUE),
            (embedding_drift.NAME, embedding_drift.VERSION),
        ),
        seed=settings.seed,
        restates=row["restates"],
    )
