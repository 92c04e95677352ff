"""Thresholds: the rules in force, what they were before, and what changed between two versions."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from auditor.in_force import newest_config, system_names
from auditor.rules import words
from auditor.rules.differences import rule_change, rule_versions, settings_change, settings_versions
from auditor.store import tables as t
from dashboards.access import Permission, allowed
from dashboards.place import Here
from dashboards.rendering import page
from reports.numbers import NONE

router = APIRouter(include_in_schema=False)

#: What a rule may lead to by itself, by its tier.
TIERS: Final = {"stop": "action", "watch": "a warning", "explore": "nothing, it is only drawn"}
_From = Annotated[str, Query(alias="from", max_length=20)]
_To = Annotated[str, Query(alias="to", max_length=20)]


@router.get("/thresholds")
@allowed(Permission.SEE)
def thresholds(request: Request, place: Here, system: str = "") -> Response:
    names = system_names(place.ledger)
    shown = [name for name in names if name == system] or names
    query = sa.select(t.thresholds).where(t.thresholds.c.retired_at.is_(None), t.thresholds.c.system.in_(shown))
    rows = place.ledger.read(query.order_by(t.thresholds.c.seq))
    settings = {name: found[1] for name in shown if (found := newest_config(place.ledger, name))}
    return page(
        request,
        "thresholds.html",
        title="Thresholds",
        systems=names,
        system=system,
        rules={name: [row for row in rows if row["system"] == name] for name in shown},
        not_measured={name: one.not_measured for name, one in settings.items()},
        versions={name: settings_versions(place.ledger, name) for name in settings},
        words=words,
        tiers=TIERS,
    )


@router.get("/thresholds/rule")
@allowed(Permission.SEE)
def rule(request: Request, place: Here, system: str, name: str, old: _From = "", new: _To = "") -> Response:
    """One rule in every version, and two of them beside each other."""
    versions = rule_versions(place.ledger, system, name)
    numbers = [row["version"] for row in versions]
    before, after = _pair(numbers, old, new)
    return page(
        request,
        "threshold_rule.html",
        title=words.title(name) or name,
        system=system,
        name=name,
        versions=versions,
        numbers=numbers,
        before=before,
        after=after,
        fields={key: (_said(a), _said(b)) for key, (a, b) in rule_change(versions, before, after).fields.items()},
        words=words,
    )


@router.get("/thresholds/settings")
@allowed(Permission.SEE)
def settings(request: Request, place: Here, system: str, old: _From = "", new: _To = "") -> Response:
    """What changed between two versions of a system's settings, line by line."""
    versions = settings_versions(place.ledger, system)
    numbers = [row["seq"] for row in versions]
    before, after = _pair(numbers, old, new)
    return page(
        request,
        "threshold_settings.html",
        title=f"Settings of {system}",
        system=system,
        versions=versions,
        numbers=numbers,
        before=before,
        after=after,
        lines=settings_change(versions, before, after),
        whole=next(row for row in versions if row["seq"] == after),
    )


def _pair(numbers: list[int], old: str, new: str) -> tuple[int, int]:
    """The versions asked for (newest first in `numbers`); else the newest and the one before it."""
    after = _number(new, numbers[0])
    earlier = [number for number in numbers if number < after]
    return _number(old, earlier[0] if earlier else after), after


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else default


def _said(value: Any) -> str:
    """A field of a rule, as a person reads it."""
    if value is None or value == "":
        return NONE
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_said(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_said, value)) or NONE
    return f"{value:g}" if isinstance(value, float) else str(value)
