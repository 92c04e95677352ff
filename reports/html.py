"""A Dossier as one HTML page: everything inline, no script, no request, page one able to stand alone."""

from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.briefing import Briefing
from reports.document import Document
from reports.dossier import Dossier
from reports.fonts import as_css
from reports.plain_text import UNPRINTABLE
from reports.text import STATUSES, words_of
from reports.weekly import weekly


def render(dossier: Dossier, briefing: Briefing | None = None) -> str:
    """The page of one audit, or with a briefing the committee's weekly report.

    The same input always gives the same bytes. Suppressed rows show no number, whatever they hold. Every text is
    escaped; characters that cannot be printed are shown as U+FFFD.
    """
    return page(weekly(printable(dossier), printable(briefing)))


def page(document: Document) -> str:
    """Any document as a page."""
    return environment().get_template("page.html").render(d=document, fonts=Markup(as_css()))  # noqa: S704


@cache
def environment() -> Environment:
    """Templates with automatic escaping, and the words of a verdict."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(statuses=STATUSES, words_of=words_of)
    return environment


def printable(value: Any) -> Any:
    """The same value with every unprintable character replaced one for one, so that spans still hold."""
    if isinstance(value, str):
        return UNPRINTABLE.sub("\ufffd", value)
    if isinstance(value, tuple):
        return tuple(printable(one) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: printable(getattr(value, field.name)) for field in fields(value)})
    return value
