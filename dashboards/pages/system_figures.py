"""What makes figures interactive: Vega as vl-convert ships it, made once at the first request, never fetched."""

import gzip
import hashlib
from functools import cache
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from dashboards.access import Permission, allowed
from dashboards.pages.system_view import not_there

router = APIRouter(include_in_schema=False)

_SNIPPET: Final = "export { vegaEmbed };"
_FOREVER: Final = {"cache-control": "private, max-age=31536000, immutable", "vary": "accept-encoding"}


@cache
def address() -> str:
    """The address of the bundle; it changes with what would be in it."""
    made_of = f"{version('vl-convert-python')} {_SNIPPET}"
    return f"/figures/vega-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}.js"


@cache
def _bundle() -> tuple[bytes, bytes]:
    """The script, plain and packed; bundling takes seconds."""
    import vl_convert  # as with every figure, where it is used: it takes a while to load

    script = vl_convert.javascript_bundle(_SNIPPET).encode()
    return script, gzip.compress(script, mtime=0)


@router.get("/figures/{name}")
@allowed(Permission.SEE)
def vega(request: Request, name: str) -> Response:
    """Vega, Vega-Lite and Vega-Embed in one module, with the interpreter that does without `eval`."""
    if f"/figures/{name}" != address():
        raise not_there("script")
    plain, packed = _bundle()
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type="text/javascript", headers=_FOREVER | {"content-encoding": "gzip"})
    return Response(plain, media_type="text/javascript", headers=_FOREVER)
