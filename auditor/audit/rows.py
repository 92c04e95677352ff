"""The rows of a dossier: every measurement and verdict of one audit as it may be shown."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from auditor.audit.versus_rest import Name, name_of
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from auditor.store.measurements import measurement_of
from monitors.catalogue import measure_named
from monitors.measurement import Measurement
from monitors.threshold import GRAVITY, Status, suppress
from reports.dossier import Chart, Flow, Row, VersusRest


def measured_rows(
    ledger: Ledger,
    audit: sa.RowMapping,
    verdicts: Sequence[sa.RowMapping],
    flows: Sequence[Flow],
    versus: Mapping[Name, VersusRest] | None = None,
) -> list[Row]:
    """Every measurement with its gravest verdict, small cells suppressed; gaps with what is said beside them."""
    measurements = _measurements(ledger, audit["id"])
    before = {_name_of(m): m.value for m in _measurements(ledger, audit["restates"])}
    hidden = suppress(measurements)
    ruled: dict[int, sa.RowMapping] = {}
    for verdict in sorted(verdicts, key=lambda v: GRAVITY.index(Status(v["status"]))):
        if verdict["measurement"] is not None:
            ruled.setdefault(verdict["measurement"], verdict)  # of several rules on one number, the gravest
    by_study = {flow.task for flow in flows if flow.study_clustered_share > 0.5}
    rows = []
    for number, (m, hide) in enumerate(zip(measurements, hidden, strict=True)):
        resampled = "studies" if m.task in by_study else "patients"
        row = _row(m, hide, ruled.get(number), resampled, before.get(_name_of(m)))
        beside = versus.get(name_of(m)) if versus and m.contrast == "rest" and not hide else None
        rows.append(replace(row, versus=beside) if beside else row)
    return rows


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


def other_rows(verdicts: Sequence[sa.RowMapping], audit: sa.RowMapping, charts: Sequence[Chart]) -> list[Row]:
    """Verdicts that rest on no measurement: of the run itself, of a chart, of what was not measured."""
    bounds = {(one.measure, one.task, one.item, one.version): one for one in charts}
    return [
        _other_row(verdict, audit, bounds.get(_question(verdict["threshold"])))
        for verdict in verdicts
        if verdict["measurement"] is None
    ]


def _question(rule: Mapping[str, Any]) -> tuple[str, str, str, str]:
    measure, task, item, version = (str(rule.get(name) or "") for name in ("measure", "task", "item", "version"))
    return measure, task, item, version


def _other_row(verdict: sa.RowMapping, audit: sa.RowMapping, chart: Chart | None) -> Row:
    rule = verdict["threshold"]
    name = rule.get("measure") or rule["rule"]
    measure = measure_named(name) if "measure" in rule else None
    watched = rule.get("contrast") == "chart"
    return Row(
        measure=name,
        title=measure.title if measure else "The audit itself",
        task=rule.get("task", ""),
        version=rule.get("version", ""),
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
        note="" if watched else "not measured",
        suppressed=False,
        status=verdict["status"],
        reason=verdict["reason"],
        watch=rule.get("watch"),
        act=_held_to(chart) if watched else rule.get("act"),
    )


def _held_to(chart: Chart | None) -> float | None:
    """The bound of a chart on the scale of its measure."""
    if chart is None or chart.bound is None:
        return None
    return 1 - chart.bound if chart.lower_is_worse else chart.bound
