"""Whether the application lives, whether it can answer, and figures for Prometheus."""

import sqlalchemy as sa
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from auditor.store import tables as t
from auditor.store.errors import StoreError
from dashboards.access import Permission, allowed, public
from dashboards.metrics import Served
from dashboards.place import Here

router = APIRouter()


@router.get("/healthz", include_in_schema=False)
@public
def alive() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "alive"})


@router.get("/readyz", include_in_schema=False)
@public
def ready(place: Here) -> JSONResponse:
    """The ledger and the lake can be read. Why not is for the log, not for everybody."""
    try:
        newest = sa.select(t.segments.c.sha256).where(t.segments.c.bytes > 0).order_by(t.segments.c.seq.desc())
        rows = place.ledger.read(newest.limit(1))
        good = all(place.lake.exists(row["sha256"]) for row in rows)
    except (StoreError, OSError):
        good = False
    return JSONResponse({"status": "ready" if good else "not ready"}, 200 if good else 503)


@router.get("/metrics", include_in_schema=False)
@allowed(Permission.SEE, scope="metrics")
def metrics(request: Request) -> Response:
    served: Served = request.app.state.metrics
    return Response(served.text(), media_type=CONTENT_TYPE_LATEST)
