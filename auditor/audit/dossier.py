"""From the ledger to a Dossier: one audit as a report may show it, small cells suppressed."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from auditor.audit.confidence import recorded_confidence
from auditor.audit.correcting import recorded_correction
from auditor.audit.recorded import latest_audit, settings_of
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from auditor.store.measurements import measurement_of
from monitors.catalogue import CATALOGUE, measure_named
from monitors.measurement import Measurement
from monitors.threshold import GRAVITY, SUPPRESS_BELOW, Status, suppress
from reports.dossier import (
    Correction,
    Dossier,
    DriftColumn,
    Exemplar,
    Flow,
    Parity,
    Provenance,
    ReliabilityBin,
    Row,
    TrendPoint,
)

UNCORRECTED = (
    "Error rates come from an automatic judge and are uncorrected: no radiologist has reviewed a sample yet."
)
REPEATED_LOOKS = (
    "Repeated looks are not corrected: each audit is one plain window, and a weekly series of such windows "
    "raises more false alarms than one of them alone."
)
REVIEWED_ELSEWHERE = (
    "Error rates come from an automatic judge and are uncorrected: the reviews at hand are of an earlier window "
    "and say only how well the judge did then."
)
CORRECTED = (
    "Only the share of reports with a clinically significant fabrication is corrected by reviews; every other "
    "error rate is the automatic judge's own, uncorrected. Verdicts rest on the automatic rates."
)
UNSUPPORTED = (
    "Unsupported is not false: the report of reference is silent on these findings, and signed reports leave "
    "things out. Only errors that the reference contradicts may lead to Act."
)
BY_STUDY = (
    "Some cases have no patient key; there the study stands for the patient and intervals are clustered by study."
)
UNDATED = "Outputs without a time are counted in the whole, and appear in no trend."
SUPPRESSED = f"Groups of fewer than {SUPPRESS_BELOW} patients are suppressed, and the next smallest with them."


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
    # older audits have neither
    corrections = tuple(recorded_correction(one) for one in details.get("corrections", ()))
    worth = tuple(recorded_confidence(one) for one in details.get("confidence", ()))
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
        rows=tuple(_rows(ledger, row, verdicts, flows)) + tuple(_run_rows(verdicts, row)),
        reliability=tuple(_reliability(details["reliability"])),
        confidence=worth,
        trend=tuple(_trend_point(point) for point in details["trend"]),
        version_changes=tuple((date.fromisoformat(day), v) for day, v in details["version_changes"]),
        drift=tuple(_drift_column(column, evidently) for column in details["drift"]),
        parity=tuple(Parity(**one) for one in details["parity"]),
        exemplars=tuple(_exemplar(one) for one in details["exemplars"]),
        exemplar_policy=settings.exemplars,
        corrections=corrections,
        limits=tuple(_limits(settings, flows, corrections)),
        provenance=_provenance(row, details, settings),
    )


def _rows(
    ledger: Ledger, audit: sa.RowMapping, verdicts: Sequence[sa.RowMapping], flows: Sequence[Flow]
) -> list[Row]:
    measurements = _measurements(ledger, audit["id"])
    before = {_name_of(m): m.value for m in _measurements(ledger, audit["restates"])}
    hidden = suppress(measurements)
    ruled: dict[int, sa.RowMapping] = {}
    for verdict in sorted(verdicts, key=lambda v: GRAVITY.index(Status(v["status"]))):
        if verdict["measurement"] is not None:
            ruled.setdefault(verdict["measurement"], verdict)  # of several rules on one number, the gravest
    by_study = {flow.task for flow in flows if flow.study_clustered_share > 0.5}
    return [
        _row(m, hide, ruled.get(number), "studies" if m.task in by_study else "patients", before.get(_name_of(m)))
        for number, (m, hide) in enumerate(zip(measurements, hidden, strict=True))
    ]


def _measurements(ledger: Ledger, audit: str | None) -> list[Measurement]:
    rows = ledger.read(
        sa.select(t.measurements).where(t.measurements.c.audit == audit).order_by(t.measurements.c.number)
    )
    return [measurement_of(dict(row)) for row in rows]


def _name_of(m: Measurement) -> tuple[str, ...]:
    return (m.measure, m.task, m.version, m.item, m.slice, m.contrast)


def _row(m: Measurement, hide: bool, verdict: sa.RowMapping | None, resampled: str, before: float | None) -> Row:
    measure = measure_named(m.measure)
    rule: Mapping[str, Any] = verdict["threshold"] if verdict else {}

    def shown(value: float | None) -> float | None:
        return None if hide or value is None or value != value else value

    return Row(
        measure=m.measure,
        title=measure.title,
        task=m.task,
        version=m.version,
        item=m.item,
        slice=m.slice,
        contrast=m.contrast,
        start=m.window.start,
        end=m.window.end,
        value=shown(m.value),
        low=shown(m.low),
        high=shown(m.high),
        n=0.0 if hide else m.n,
        counted=measure.counted,
        events=shown(m.events),
        n_eff=shown(m.n_eff),
        patients=0 if hide else m.patients,
        patients_exact=m.patients_exact,
        resampled=resampled,
        unit=measure.unit,
        direction=str(measure.direction),
        interval=m.interval,
        note="" if hide else m.note,
        suppressed=hide,
        status=verdict["status"] if verdict else "",
        reason="" if hide or not verdict else verdict["reason"],
        watch=rule.get("watch"),
        act=rule.get("act"),
        previous=shown(before) if before != m.value else None,
    )


def _run_rows(verdicts: Sequence[sa.RowMapping], audit: sa.RowMapping) -> list[Row]:
    """Verdicts that rest on no number: a stale or failed run, and measures that were not measured."""
    rows = []
    for verdict in verdicts:
        if verdict["measurement"] is not None:
            continue
        rule = verdict["threshold"]
        name = rule.get("measure") or rule["rule"]
        measure = measure_named(name) if "measure" in rule else None
        rows.append(
            Row(
                measure=name,
                title=measure.title if measure else "The audit itself",
                task=rule.get("task", ""),
                version="",
                item=rule.get("item") or "",
                slice="all",
                contrast=rule.get("contrast") or "",
                start=audit["window_start"],
                end=audit["window_end"],
                value=None,
                low=None,
                high=None,
                n=0.0,
                counted=measure.counted if measure else "outputs",
                events=None,
                n_eff=None,
                patients=0,
                patients_exact=True,
                resampled="patients",
                unit=measure.unit if measure else "share",
                direction=str(measure.direction) if measure else "",
                interval="",
                note="not measured",
                suppressed=False,
                status=verdict["status"],
                reason=verdict["reason"],
                watch=rule.get("watch"),
                act=rule.get("act"),
            )
        )
    return rows


def _reliability(bins: Sequence[Mapping[str, Any]]) -> list[ReliabilityBin]:
    # a bin of fewer than eleven images is not drawn: it could be traced to people
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
    )


def _drift_column(column: Mapping[str, Any], evidently: Mapping[tuple[str, str], Any]) -> DriftColumn:
    score = evidently.get((column["task"], column["column"])) if not column["item"] else None
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
        evidently_method=score["method"] if score else "",
    )


def _exemplar(one: Mapping[str, Any]) -> Exemplar:
    spans = {name: tuple(one[name]) if one[name] else None for name in ("draft_span", "reference_span")}
    return Exemplar(**{**one, **spans})


def _limits(settings: AuditSettings, flows: Sequence[Flow], corrections: Sequence[Correction]) -> list[str]:
    sentences = [REPEATED_LOOKS, SUPPRESSED]
    if "report" in settings.tasks:
        own = any(one.same_window for one in corrections)
        said = CORRECTED if own else REVIEWED_ELSEWHERE if corrections else UNCORRECTED
        sentences = [said, UNSUPPORTED, *sentences]
    if any(flow.study_clustered_share for flow in flows):
        sentences.append(BY_STUDY)
    if any(flow.undated for flow in flows):
        sentences.append(UNDATED)
    if not settings.reference_window.start and not settings.reference_window.end:
        sentences.append("No reference window is declared: drift and change are not measured.")
    return sentences


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
        monitors=tuple((monitor.name, monitor.version) for monitor in CATALOGUE),
        seed=settings.seed,
        restates=row["restates"],
    )
