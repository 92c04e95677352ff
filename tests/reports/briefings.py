"""A briefing for tests: a fleet of three, one alert to act, one decision overdue."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from reports.briefing import (
    AlertFigures,
    Briefing,
    Change,
    Decided,
    Deployment,
    OpenAlert,
    ReviewQueue,
    RuleChange,
    Signed,
)
from reports.controls import EvidenceState, assess, load
from reports.dossier import Dossier, Estimate
from tests.reports.samples import row, sample

ISSUED = datetime(2026, 10, 5, 7, 0, tzinfo=UTC)


def alert(**changes: Any) -> OpenAlert:
    made = OpenAlert(
        system="drafts",
        title="Northfield chest radiograph drafts",
        alert="drafts-3",
        severity="act",
        state="open",
        what="reports with at least one contradicted finding",
        reason="9.2 % (95 % interval 7.6 to 11.0 %) lies wholly beyond the act bound 6.0 %.",
        cause="It is worst in site East. Version 2.1 came into use on 17 August 2026.",
        asks="restrict",
        opened=datetime(2026, 9, 28, 5, tzinfo=UTC),
        owner="",
        due=datetime(2026, 10, 1, 5, tzinfo=UTC),
        overdue=True,
    )
    return replace(made, **changes)


def deployment(system: str, **changes: Any) -> Deployment:
    made = Deployment(
        system=system,
        title=f"System {system}",
        tasks=("report",),
        version="2.1",
        status="ok",
        as_of=datetime(2026, 10, 5, 6, 30, tzinfo=UTC),
        judged=1204,
        outputs=1312,
        primary=row(status="ok", watch=0.1, act=0.15, value=0.05),
        errors=row("significant_contradicted", 0.011, unit="per report", low=0.006, high=0.018),
        sites=(),
        alerts=0,
        gaps=2,
        signed=None,
    )
    return replace(made, **changes)


def briefing(**changes: Any) -> Briefing:
    states = {
        item: EvidenceState(item, f"Evidence {item}", "current", ISSUED, "audit a-1", "")
        for item in (f"E{number}" for number in range(1, 23))
    }
    states["E10"] = replace(states["E10"], state="absent", at=None, note="This version makes no such evidence.")
    act = row(
        "contradicted_reports", 0.092, title="Reports with at least one contradicted finding", status="act",
        watch=0.04, act=0.06, low=0.076, high=0.11,
    )  # fmt: skip
    made = Briefing(
        report="report-7",
        issued=ISSUED,
        timezone="Europe/Berlin",
        previous="report-4",
        alerts=(
            alert(),
            alert(alert="drafts-2", severity="watch", what="drift of vendor", asks="", overdue=False, due=None),
        ),
        decided=(
            Decided("drafts", "incident-1", "Wrong sides in July", "re-validate", "Dr Ada Lang", date(2026, 10, 1),
                    "overdue", "", "until the vendor's fix is in"),
        ),
        fleet=(
            deployment("drafts", title="Northfield chest radiograph drafts", status="act", primary=act, alerts=2,
                       errors=row("significant_contradicted", 0.031, unit="per report", low=0.022, high=0.042),
                       sites=(("East", "watch"),)),
            deployment("answers", title="Questions about CT", tasks=("vqa",), status="insufficient", errors=None),
            deployment("triage", title="Triage of head CT", as_of=None, status="", primary=None, errors=None),
        ),
        changes=(
            Change("status", (("title", "Northfield chest radiograph drafts"), ("was", "watch"), ("now", "act"))),
            Change("opened", (("what", "drift of vendor"), ("alert", "drafts-2"))),
        ),
        figures=(AlertFigures("act", 3, 2, 1, 1, Estimate(0.5, 0.06, 0.94), 5.5, 70.0),),
        alarms_a_year=2.0,
        queues=(ReviewQueue("sample-1", ISSUED, 60, 41, 2, True),),
        rules=(RuleChange("contradicted_reports", 2, "stop", ISSUED, "ada", "a third more is too many", True),),
        controls=assess(load(), states),
        evidence=tuple(states.values()),
        signed=(Signed("report-4", "Dr Ada Lang", "approved", "continue", ISSUED, ""),),
        entry=5123,
        head="ab" * 32,
        key="cd" * 16,
    )  # fmt: skip
    return replace(made, **changes)


def dossier(**changes: Any) -> Dossier:
    """The sample as the system `drafts` of the fleet."""
    return replace(sample(), system="drafts", **changes)
