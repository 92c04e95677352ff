"""The evidence catalogue, E1 to E22: what each item is, how long it stays fresh, and what there is of it.

What is not measured is never current: an item with nothing behind it is absent, and says how to get it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from auditor.evidence import kept, measured
from auditor.evidence.looking import EvidenceError, Found, Look
from auditor.in_force import Reader
from auditor.store import tables as t
from reports.controls import EvidenceState

#: Days after which evidence is stale. A week that slips is no gap, two are; reviews come by the quarter.
WEEK: Final = 14
QUARTER: Final = 100
YEAR: Final = 380


@dataclass(frozen=True)
class Item:
    """One kind of evidence; `get` says what to do where there is none."""

    title: str
    fresh_days: int
    find: Callable[[Look], Found | None]
    get: str


_AUDIT = "Run 'auditor audit'."
_NOT_MADE = "This version makes no such evidence."

EVIDENCE: Final[Mapping[str, Item]] = {
    "E1": Item("Inventory", YEAR, kept.inventory, "Run 'auditor apply'."),
    "E2": Item("Replay manifest", WEEK, measured.manifest, _AUDIT),
    "E3": Item(
        "Hash-chained journal, checked",
        WEEK,
        kept.journal,
        "Name the job verify under schedule in audit.yaml; 'auditor schedule run' keeps what it finds.",
    ),
    "E4": Item(
        "Performance with n and interval",
        WEEK,
        measured.performance,
        "Audit scores, answers or rankings against the truth: the task classification, vqa or retrieval.",
    ),
    "E5": Item(
        "Hallucinations and omissions",
        WEEK,
        measured.hallucination,
        "Audit drafts against final reports, or yes/no questions on images.",
    ),
    "E6": Item(
        "Calibration",
        WEEK,
        measured.calibration,
        "Hand in scores, or name the system's own probability under confidence in audit.yaml.",
    ),
    "E7": Item(
        "Groups of people",
        WEEK,
        measured.subgroups,
        "Name attributes under slices in audit.yaml, and audit enough patients of each group.",
    ),
    "E8": Item("Drift", WEEK, measured.drift, "Name a reference_window (from, to) in audit.yaml and audit."),
    "E9": Item("Data coverage", WEEK, measured.coverage, _AUDIT),
    "E10": Item("Protected health information in outputs and logs", WEEK, kept.not_made, _NOT_MADE),
    "E11": Item(
        "Repeatability and robustness",
        WEEK,
        measured.robustness,
        "Name probes in audit.yaml, run 'auditor replay' and audit.",
    ),
    "E12": Item(
        "Human oversight",
        WEEK,
        measured.oversight,
        "Hand in final reports that say whether the draft was seen, or have reports reviewed.",
    ),
    "E13": Item("Uptime, latency and volume", WEEK, kept.not_made, _NOT_MADE),
    "E14": Item("Alerts and their answers", WEEK, kept.alerts, _AUDIT),
    "E15": Item("Incidents, decisions and stops", WEEK, kept.incidents, _AUDIT),
    "E16": Item(
        "Comparison of versions",
        YEAR,
        kept.comparison,
        "Run 'auditor compare' with the version in use as the new one.",
    ),
    "E17": Item("Rules fixed in advance", YEAR, kept.rules, "Name thresholds in audit.yaml and apply it."),
    "E18": Item(
        "Signed report",
        WEEK,
        kept.signed_report,
        "Issue a report with 'auditor report' and have it signed ('auditor sign').",
    ),
    "E19": Item("Export for other programs (XML)", QUARTER, kept.export, "Issue a report with 'auditor report'."),
    "E20": Item(
        "The judge against radiologists",
        QUARTER,
        measured.judge_validity,
        "Draw a sample with 'auditor reviews', have it answered, and audit.",
    ),
    "E21": Item(
        "People, roles and access", YEAR, kept.access, "Enter people and their roles with 'auditor people add'."
    ),
    "E22": Item(
        "Decisions of the committee",
        QUARTER,
        kept.decisions,
        "Sign a report with a decision ('auditor sign'), or decide an incident ('auditor incidents decide').",
    ),
}


def states(ledger: Reader, system: str, at: datetime) -> dict[str, EvidenceState]:
    """What there is of every item, as the ledger stands, with ages counted to `at`.

    Raises EvidenceError where there is no such system.
    """
    if not ledger.read(sa.select(t.systems.c.name).where(t.systems.c.name == system)):
        raise EvidenceError(f"There is no system {system!r}; 'auditor apply' registers one.")
    look = Look(ledger, system, at)
    return {name: _state(name, item, item.find(look), at) for name, item in EVIDENCE.items()}


def _state(name: str, item: Item, found: Found | None, at: datetime) -> EvidenceState:
    if found is None:
        return EvidenceState(name, item.title, "absent", None, "", item.get)
    if found.failed:
        note = f"{found.failed} {found.note}".strip()
        return EvidenceState(name, item.title, "failed", found.at, found.where, note)
    if (age := at - found.at) > timedelta(days=item.fresh_days):
        note = f"It is {age.days} days old; {item.fresh_days} are allowed. {found.note}".strip()
        return EvidenceState(name, item.title, "stale", found.at, found.where, note)
    return EvidenceState(name, item.title, "current", found.at, found.where, found.note)
