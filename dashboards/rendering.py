"""From a template and what it shows to an answer."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from typing import Any, Final

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from dashboards.access import Permission, Who
from dashboards.names import titles
from reports.html import printable
from reports.numbers import NONE, integer
from reports.text import STATUSES, words_of

#: What stands at the top of every page: address, name, and who sees it.
MENU: Final = (
    ("/", "Fleet", Permission.SEE),
    ("/cases", "Cases", Permission.CASES),
    ("/reviews", "Reviews", Permission.REVIEW),
    ("/alerts", "Alerts", Permission.SEE),
    ("/decisions", "Decisions", Permission.SEE),
    ("/reports", "Reports", Permission.SEE),
    ("/thresholds", "Thresholds", Permission.SEE),
    ("/controls", "Controls", Permission.SEE),
    ("/jobs", "Jobs", Permission.SEE),
    ("/journal", "Journal", Permission.SEE),
    ("/admin", "Admin", Permission.ADMINISTER),
)


def page(request: Request, template: str, /, *, title: str, code: int = 200, **context: Any) -> HTMLResponse:
    """A page, or a fragment of one, made from `dashboards/templates`."""
    who: Who | None = getattr(request.state, "who", None)

    @cache
    def names() -> Mapping[str, str]:
        return titles(request.app.state.place)

    html = environment().get_template(template).render(
        title=title,
        who=who,
        path=request.url.path,
        query=request.query_params,
        menu=MENU,
        simulated=request.app.state.simulated,
        oidc=request.app.state.oidc is not None,
        csrf=lambda: _csrf(who),
        called=lambda system: names().get(system, system),
        **context,
    )  # fmt: skip
    return HTMLResponse(html, code, headers={"cache-control": "no-store"})


@cache
def environment() -> Environment:
    """Templates of this package, and of the reports, whose blocks both show."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader("dashboards"), PackageLoader("reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(statuses=STATUSES, words_of=words_of, static=static, Permission=Permission)
    made.filters.update(moment=moment, day=day, count=integer, ago=ago, printable=printable)
    return made


@cache
def static(name: str) -> str:
    """The address of a static file; it changes with the file, so that browsers may keep what they have."""
    content = resources.files("dashboards").joinpath("static", *name.split("/")).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def moment(value: datetime | None) -> Markup:
    """A time in UTC; the browser rewrites it for the reader's own zone."""
    if value is None:
        return Markup(NONE)  # noqa: S704 - a constant
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"), f"{utc:%-d %b %Y, %H:%M} UTC"
    )


def day(value: date | None) -> str:
    return f"{value:%-d %b %Y}" if value else NONE


def ago(value: datetime | None, now: datetime) -> str:
    """How long ago something was, in the largest unit that says enough.

    >>> from datetime import timedelta
    >>> now = datetime(2026, 3, 2, tzinfo=UTC)
    >>> ago(now - timedelta(hours=5), now), ago(now - timedelta(days=16), now), ago(now, now)
    ('5 hours ago', '16 days ago', 'just now')
    """
    if value is None:
        return NONE
    minutes = int((now - value).total_seconds() // 60)
    for size, unit in ((2 * 24 * 60, "day"), (2 * 60, "hour"), (1, "minute")):
        if minutes >= size or (unit == "minute" and minutes >= 1):
            number = minutes // {"day": 24 * 60, "hour": 60, "minute": 1}[unit]
            return f"{number} {unit}{'s' if number != 1 else ''} ago"
    return "just now"


def _csrf(who: Who | None) -> Markup:
    return Markup(f'<input type="hidden" name="csrf" value="{escape(who.csrf if who else "")}">')  # noqa: S704
