"""The web application: its pages, and the guard before them."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from auditor import __version__, telemetry
from auditor.cli.console import actor
from auditor.settings import Environment
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from auditor.workspace import Workspace, open_workspace
from dashboards import metrics, oidc, refusals
from dashboards.access import guard
from dashboards.errands import Errands
from dashboards.oidc_provider import OidcSettings
from dashboards.pages import (
    admin,
    alerts,
    api,
    assets,
    cases,
    controls,
    decisions,
    fleet,
    health,
    jobs,
    journal,
    login,
    reports,
    reviews,
    start,
    system,
    system_figures,
    thresholds,
)
from dashboards.place import Place
from dashboards.security import Protected
from dashboards.sessions import Throttle
from dashboards.web_settings import WebSettings, check_safe

#: Every page, in the order in which addresses are looked up.
PAGES: Final[tuple[APIRouter, ...]] = (
    fleet.router,
    alerts.router,
    decisions.router,
    reports.router,
    cases.router,
    reviews.router,
    jobs.router,
    journal.router,
    thresholds.router,
    controls.router,
    admin.router,
    oidc.router,
    start.router,
    login.router,
    api.router,
    system.router,  # after api: /systems/NAME.json is a program's
    system_figures.router,
    health.router,
    assets.router,
)


def from_environment() -> ASGIApp:
    """The application as `auditor serve` starts it: everything comes from environment variables AUDITOR_…"""
    telemetry.switch_off()
    settings = WebSettings()
    check_safe(settings)
    workspace = open_workspace(Environment())
    ledger = workspace.ledger()
    place = Place(workspace, ledger, workspace.lake(), _clock(workspace, ledger))
    return create_app(place, settings, OidcSettings.from_environment(os.environ))


def _clock(workspace: Workspace, ledger: Ledger) -> Callable[[], datetime]:
    """The time; that of a simulated hospital goes on from its last morning."""
    last = ledger.read(sa.select(sa.func.max(t.audits.c.finished_at).label("at")))[0]["at"]
    if not _simulated(workspace) or last is None:
        return lambda: datetime.now(UTC)
    behind = datetime.now(UTC) - (last + timedelta(hours=1))
    return lambda: datetime.now(UTC) - behind


def _simulated(workspace: Workspace) -> bool:
    """Whether the workspace is that of the demo."""
    return (workspace.path / "incoming" / "audit.yaml").exists()


def create_app(place: Place, settings: WebSettings, provider: OidcSettings | None = None) -> ASGIApp:
    """The application over one workspace, behind its protection; with a `provider`, people may log in there."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        place.ledger.close()

    app = FastAPI(
        title="auditor",
        version=__version__,
        summary="What the auditor measured, for other programs.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(guard)],
        lifespan=lifespan,
    )
    app.state.place = place
    app.state.secret = settings.secret()
    app.state.https = settings.web_https
    app.state.oidc = provider
    app.state.local = None if settings.web_login else actor()
    app.state.throttle = Throttle()
    app.state.errands = Errands()
    app.state.simulated = _simulated(place.workspace)
    app.state.metrics = metrics.Served(place)
    for router in PAGES:
        app.include_router(router)
    folder = str(resources.files("dashboards").joinpath("static"))
    app.mount("/static", _Lasting(directory=folder), name="static")
    refusals.add_to(app)
    measured = metrics.Timed(app, app.state.metrics)
    return Protected(measured, settings.names, settings.web_https, with_files=start.WITH_FILES)


class _Lasting(StaticFiles):
    """Static files, whose addresses change with them."""

    def file_response(self, *args: object, **more: object) -> Response:
        response = super().file_response(*args, **more)  # type: ignore[arg-type]
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response
