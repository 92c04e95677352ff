"""The first screen: is anything wrong, and can I trust that answer?"""

from collections import Counter
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from auditor.issuing.standing import Standing
from dashboards.access import Permission, allowed
from dashboards.listing import Column, as_csv, listing, wants_csv
from dashboards.place import Here
from dashboards.rendering import ago, day, page
from dashboards.standings import standings
from reports import headline
from reports.numbers import NONE, integer, number, result, slice_name, without_unit
from reports.text import severity, words_of

router = APIRouter(include_in_schema=False)


def _system(one: Standing) -> str:
    line = one.measured.line
    return f"{line.title}, version {line.version}" if line.version else line.title


def _volume(one: Standing) -> str:
    line = one.measured.line
    return f"{integer(line.judged)} of {integer(line.outputs)} judged" if line.as_of else NONE


def _primary(one: Standing) -> str:
    row = one.measured.line.primary
    return f"{row.title}: {result(row)}; {headline.bounds_of(row)}" if row else NONE


def _errors(one: Standing) -> str:
    row = one.measured.line.errors
    return f"{without_unit(row)} per 1,000 reports" if row else NONE


def _gap(one: Standing) -> str:
    gap = one.measured.gap
    if gap is None:
        return NONE
    group = slice_name(gap.worst.slice)
    return f"{gap.worst.title}, {group}: {worse(gap.worst.gap, gap.worst.unit)}, n = {integer(gap.n or 0)}"


def worse(gap: float, unit: str) -> str:
    """A gap to everyone else; above zero is worse off.

    >>> worse(0.203, "share"), worse(-0.01, "share")
    ('20.3 points worse', '1.0 points better')
    """
    return f"{number(abs(gap), unit, 'rest').lstrip('+')} {'worse' if gap >= 0 else 'better'}"


def _drift(one: Standing) -> str:
    moved = one.measured.moved
    return NONE if moved is None else f"{moved.drifted} of {moved.columns} beyond chance; {moved.furthest} most"


def _evidence(one: Standing) -> str:
    return f"{one.evidence} of {one.items} current" if one.items else NONE


def _oldest(one: Standing) -> str:
    return f"{one.oldest.alert} since {day(one.oldest.opened.date())}" if one.oldest else "none open"


_WRONG: Final = ("failed", "act")
_CAUSES: Final = 3  # systems whose trouble is named above the table

_COLUMNS: Final[tuple[Column[Standing], ...]] = (
    Column("status", "Status", lambda one: words_of(one.status).word, sort=lambda one: severity(one.status)),
    Column("system", "System", _system),
    Column(
        "audited",
        "Last audit",
        lambda one: day(one.measured.line.as_of.date()) if one.measured.line.as_of else "never",
        sort=lambda one: one.measured.line.as_of,
    ),
    Column("volume", "Judged", _volume, True, lambda one: one.measured.line.judged),
    Column("primary", "Primary measure against its bounds", _primary),
    Column(
        "errors",
        "Significant errors",
        _errors,
        True,
        lambda one: one.measured.line.errors and one.measured.line.errors.value,
    ),
    Column("gap", "Worst subgroup", _gap, sort=lambda one: one.measured.gap and one.measured.gap.worst.gap),
    Column("drift", "Drift", _drift, sort=lambda one: one.measured.moved and one.measured.moved.ratio),
    Column("alert", "Oldest open alert", _oldest, sort=lambda one: one.oldest and one.oldest.opened),
    Column("evidence", "Evidence", _evidence, True, lambda one: one.evidence),
    Column(
        "signed",
        "Last sign-off",
        lambda one: day(one.signed.date()) if one.signed else "never",
        sort=lambda o: o.signed,
    ),
)


@router.get("/")
@allowed(Permission.SEE)
def fleet(request: Request, place: Here) -> Response:
    at = place.clock()
    found = standings(place, at)
    if not found:
        return RedirectResponse("/start", 303)
    if wants_csv(request):
        return as_csv(request, _COLUMNS, found, "fleet")
    counts = Counter(one.status for one in found)
    return page(
        request,
        "fleet.html",
        title="Fleet",
        listing=listing(request, _COLUMNS, found, "systems"),
        worst=found[0],
        counts=sorted(counts.items(), key=lambda item: severity(item[0])),
        answer=_answer(found),
        trust=_trust(found, at),
        wrong=[one for one in found if one.status in _WRONG and (one.why or one.measured.line.primary)][:_CAUSES],
        at=at,
        ago=ago,
        bounds_of=headline.bounds_of,
        result=result,
        rate=without_unit,
        worse=worse,
        slice_name=slice_name,
    )


def _trust(found: list[Standing], at: datetime) -> str:
    """What the answer rests on: how old it is, how much could be judged, what nobody has answered."""
    lines = [one.measured.line for one in found]
    audited = [line.as_of for line in lines if line.as_of]
    said = []
    if audited:
        which = "Least recent audit" if len(audited) > 1 else "Last audit"
        said.append(f"{which} {ago(min(audited), at)}.")
    if never := len(lines) - len(audited):
        said.append(f"{never} never audited.")
    if outputs := sum(line.outputs for line in lines):
        said.append(f"{100 * sum(line.judged for line in lines) / outputs:.0f} % of outputs could be judged.")
    alerts = sum(one.alerts for one in found)
    said.append(f"{integer(alerts) if alerts else 'No'} open alert{'' if alerts == 1 else 's'}.")
    return " ".join(said)


def _answer(found: list[Standing]) -> str:
    """Whether anything is wrong, and whether that can be believed, in two sentences."""
    wrong = [one for one in found if one.status in _WRONG]
    unknown = [one for one in found if one.status in ("stale", "insufficient")]
    names = ", ".join(one.measured.line.title for one in wrong[:3])
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    which = f"{len(found)} systems" if len(found) > 1 else "1 system"
    asked = f"{len(wrong)} of {which} {'needs' if len(wrong) == 1 else 'need'} a decision: {names}{more}."
    said = asked if wrong else "No system needs a decision."
    if unknown:
        said += f" Of {len(unknown)} we cannot say: what was measured is too old or too little."
    elif not wrong:
        said += " Every system was measured in time."
    return said
