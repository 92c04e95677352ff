"""From the verdicts of an audit to trouble: what has one root is one alert; what stands out beside it is named."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from auditor.alerts.trouble import SEVERITIES, Trouble, report_quiet, report_trouble
from auditor.audit.scope import Scope
from auditor.audit.verdicts import DISTANCES, Ruled
from auditor.store.ledger import Transaction
from monitors.catalogue import measure_named
from monitors.measurement import Direction, Measurement
from monitors.threshold import SUPPRESS_BELOW, Status
from reports.numbers import day, slice_name

_ABOUT = ("measure", "task", "item", "slice", "contrast", "version")
_DRIFT = "drift"


@dataclass(frozen=True)
class Seen:
    """What an audit knows that an alert may have to say."""

    ruled: Sequence[Ruled]
    measurements: Sequence[Measurement]
    version: str  # the one deployed now
    version_changes: Sequence[tuple[date, str]]


def raise_alerts(tx: Transaction, scope: Scope, audit: str, seen: Seen) -> None:
    """Open, or find again, one alert for each root of trouble; and note what has become quiet.

    Of an audit of an earlier window nothing becomes quiet: it says nothing about now.
    """
    troubles = troubles_of(scope, seen)
    for found in troubles.values():
        report_trouble(tx, scope.settings, found, audit, scope.as_of)
    if scope.asked:
        return
    fine: dict[str, list[dict[str, str]]] = {}
    for one in seen.ruled:
        if one.current and one.verdict.status is Status.OK:
            fine.setdefault(_root(one, seen), []).append(_about(one, seen))
    for root in (root for root in fine if root not in troubles):
        report_quiet(tx, scope.settings, root, scope.as_of, fine[root])
    if "stale_after_days" not in troubles:
        report_quiet(tx, scope.settings, "stale_after_days", scope.as_of)


def troubles_of(scope: Scope, seen: Seen) -> dict[str, Trouble]:
    """Root → trouble, for every current verdict that somebody must answer."""
    members: dict[str, list[tuple[int, Ruled, dict[str, str]]]] = {}
    for number, one in enumerate(seen.ruled):
        severity = _severity(one)
        if one.current and severity:
            about = _about(one, seen) | {"status": severity, "reason": one.verdict.reason}
            members.setdefault(_root(one, seen), []).append((number, one, about))
    found = {}
    for root, rows in members.items():
        rows.sort(key=lambda row: (SEVERITIES.index(row[2]["status"]), row[2]["slice"] != "all", row[0]))
        _, lead, about = rows[0]
        found[root] = Trouble(
            root=root,
            severity=about["status"],
            reason=lead.verdict.reason,
            cause=" ".join(_stands_out(scope, seen, root, lead, members)),
            lead={name: about[name] for name in _ABOUT},
            members=[row[2] for row in rows],
        )
    return found


def _severity(ruled: Ruled) -> str:
    """How grave a verdict is as an alert; empty where nobody need answer it."""
    status = ruled.verdict.status
    if status in (Status.ACT, Status.FAILED, Status.STALE):
        return str(status)
    return "watch" if status is Status.WATCH and ruled.verdict.proven else ""


def _root(ruled: Ruled, seen: Seen) -> str:
    """What trouble is told apart by: a measure of a task, whatever the slice or finding; all drift together.

    One shift of patients moves many columns and slices, and one fault of a model many findings.
    """
    about = _about(ruled, seen)
    if about["measure"] in DISTANCES:
        return _DRIFT
    return "/".join(filter(None, (about["task"], about["measure"])))


def _about(ruled: Ruled, seen: Seen) -> dict[str, str]:
    if ruled.measurement is not None:
        measurement = seen.measurements[ruled.measurement]
        return {name: str(getattr(measurement, name)) for name in _ABOUT}
    rule: Mapping[str, Any] = ruled.rule
    about = {name: str(rule.get(name) or "") for name in ("task", "item", "contrast", "version")}
    return about | {"measure": str(rule.get("measure", rule.get("rule", ""))), "slice": "all"}


def _stands_out(scope: Scope, seen: Seen, root: str, lead: Ruled, members: Mapping[str, Any]) -> Iterator[str]:
    """What could stand behind it, a sentence each: the group it is worst in, a new version, other patients."""
    moved = _listed(sorted({about["item"] for _, _, about in members.get(_DRIFT, ())}))
    if root == _DRIFT:
        yield f"The distribution of {moved} is another than in the reference window."
        return
    if stop := lead.rule.get("stop"):
        yield f"Its rule asks to {stop} the system."
    worst = _worst_group(seen, lead)
    if worst is not None:
        yield f"It is worst in {slice_name(worst.slice)}."
    since = scope.window.start
    for changed, version in seen.version_changes:
        if version == seen.version and (since is None or changed >= since):
            yield f"Version {version} came into use on {day(changed)}."
    if moved and root.split("/")[0] in scope.settings.tasks:
        yield f"The distribution of {moved} changed as well."


def _worst_group(seen: Seen, lead: Ruled) -> Measurement | None:
    """The group that is provably worse than the rest by most, in the measure of the alert."""
    about = _about(lead, seen)
    if not about["task"] or about["measure"] == "judge_failures":
        return None
    sign = -1.0 if measure_named(about["measure"]).direction is Direction.LOWER_IS_WORSE else 1.0
    gaps = [
        one
        for one in seen.measurements
        if (one.measure, one.task, one.version, one.contrast)
        == (about["measure"], about["task"], seen.version, "rest")
        and one.item == about["item"]
        and one.patients >= SUPPRESS_BELOW
        and min(sign * one.low, sign * one.high) > 0
    ]
    return max(gaps, key=lambda one: sign * one.value, default=None)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
