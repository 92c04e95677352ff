"""What Prometheus reads: how the application answers, and what the ledger says of every system."""

import time
from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auditor.store import tables as t
from dashboards.place import Place
from reports.text import STATUSES

_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Recorded(Collector):
    """Gauges that are read from the ledger whenever somebody asks."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def describe(self) -> list[Metric]:
        return []  # nothing is read before somebody asks

    def collect(self) -> Iterator[Metric]:
        newest = sa.select(sa.func.max(t.audits.c.seq)).group_by(t.audits.c.system)
        audits = self._place.ledger.read(
            sa.select(t.audits.c.system, t.audits.c.status, t.audits.c.finished_at).where(
                t.audits.c.seq.in_(newest)
            )
        )
        status = GaugeMetricFamily(
            "auditor_system_status", "1 for the status of a system's newest audit", labels=["system", "status"]
        )
        finished = GaugeMetricFamily(
            "auditor_last_audit_timestamp_seconds", "When a system's newest audit ended", labels=["system"]
        )
        for row in audits:
            for name in filter(None, STATUSES):
                status.add_metric([row["system"], name], float(row["status"] == name))
            if row["finished_at"]:
                finished.add_metric([row["system"]], row["finished_at"].timestamp())
        yield status
        yield finished
        yield self._alerts()
        yield self._jobs()

    def _alerts(self) -> Metric:
        found = GaugeMetricFamily("auditor_open_alerts", "Alerts not resolved", labels=["system", "severity"])
        query = (
            sa.select(t.alerts.c.system, t.alerts.c.severity, sa.func.count().label("n"))
            .where(t.alerts.c.status != "resolved")
            .group_by(t.alerts.c.system, t.alerts.c.severity)
        )
        for row in self._place.ledger.read(query):
            found.add_metric([row["system"], row["severity"] or "act"], row["n"])
        return found

    def _jobs(self) -> Metric:
        found = GaugeMetricFamily("auditor_job_runs", "Runs of jobs by how they stand", labels=["status"])
        query = sa.select(t.job_runs.c.status, sa.func.count().label("n")).group_by(t.job_runs.c.status)
        for row in self._place.ledger.read(query):
            found.add_metric([row["status"]], row["n"])
        return found


class Served:
    """The figures of one application; a registry of its own, so that several can live in one process."""

    def __init__(self, place: Place) -> None:
        self._registry = CollectorRegistry()
        self.seconds = Histogram(
            "auditor_http_seconds",
            "Time to answer, by page",
            ["page", "status"],
            registry=self._registry,
            buckets=_BUCKETS,
        )
        self._registry.register(_Recorded(place))

    def text(self) -> bytes:
        return generate_latest(self._registry)


class Timed:
    """Takes the time of every answer; pages are named by their pattern, which holds no name of a case."""

    def __init__(self, app: ASGIApp, served: Served) -> None:
        self._app, self._served = app, served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), "500"

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            name = getattr(scope.get("route"), "path", "other")
            self._served.seconds.labels(name, status).observe(time.perf_counter() - begun)
