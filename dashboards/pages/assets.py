"""The look that screens share with the reports: their style sheet and their font."""

from importlib import resources
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from dashboards.access import public

router = APIRouter(include_in_schema=False)
_FONTS: Final = ("SourceSans3-Regular.woff", "SourceSans3-SemiBold.woff")
_KEPT: Final = {"cache-control": "public, max-age=3600"}


@router.get("/reports.css")
@public
def style() -> Response:
    text = resources.files("reports").joinpath("templates/style.css").read_text()
    return Response(text, media_type="text/css; charset=utf-8", headers=_KEPT)


@router.get("/fonts/{name}")
@public
def font(name: str) -> Response:
    if name not in _FONTS:
        raise HTTPException(404)
    content = resources.files("reports.fonts").joinpath(name).read_bytes()
    return Response(content, media_type="font/woff", headers=_KEPT)
