"""Controls: what rules and frameworks ask for, and the evidence that the ledger holds for it."""

from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from auditor.evidence.catalogue import EVIDENCE, states
from auditor.in_force import newest_config, system_names
from dashboards.access import Permission, allowed
from dashboards.pages.jobs import address
from dashboards.place import Here
from dashboards.rendering import page
from reports.controls import assess, load

router = APIRouter(include_in_schema=False)

STATES: Final = ("gap", "evidence current", "kept elsewhere")


@router.get("/controls")
@allowed(Permission.SEE)
def controls(request: Request, place: Here, system: str = "", framework: str = "", state: str = "") -> Response:
    names = system_names(place.ledger)
    if not names:
        return page(request, "controls.html", title="Controls", systems=names)
    system = system or names[0]
    matrix = place.remembered.of(("controls",), load)
    now = place.clock()
    found = states(place.ledger, system, now)
    lines = assess(matrix, found)
    config = newest_config(place.ledger, system)
    return page(
        request,
        "controls.html",
        title="Controls",
        systems=names,
        system=system,
        framework=framework,
        state=state,
        states=STATES,
        matrix=matrix,
        frameworks=[one for one in matrix.frameworks if framework in ("", one.id)],
        lines={
            one.id: [line for line in lines if line.control.framework == one.id and state in ("", line.state)]
            for one in matrix.frameworks
        },
        counts={name: sum(line.state == name for line in lines) for name in STATES},
        total=len(lines),
        evidence=found,
        ages={name: max(0, (now - one.at).days) for name, one in found.items() if one.at},
        fresh={name: item.fresh_days for name, item in EVIDENCE.items()},
        links={name: _link(one.where, system) for name, one in found.items()},
        simulated_system=config is not None and config[1].simulated,
    )


def _link(where: str, system: str) -> str:
    """The page on which a piece of evidence is shown; "" where there is none."""
    kind, _, name = where.rpartition(" ")
    plain = quote(system, safe="")
    pages = {
        "job run": address(name),
        "audit": f"/systems/{plain}?audit={quote(name, safe='')}",
        "report": f"/reports/{quote(name, safe='')}",
        "settings": f"/thresholds/settings?system={plain}",
        "thresholds": f"/thresholds?system={plain}",
        "alerts": f"/alerts?status=all&system={plain}",
        "incidents": "/decisions",
    }
    return pages.get(kind or where, "")
