"""Evidence that people and the scheduler leave: settings, rules, checks, alerts, incidents, signed reports."""

from datetime import UTC
from typing import Any

import sqlalchemy as sa

from auditor.evidence.looking import Found, Look
from auditor.store import tables as t


def inventory(look: Look) -> Found | None:
    row = look.newest(
        sa.select(t.configs).where(t.configs.c.system == look.system).order_by(t.configs.c.seq.desc())
    )
    if row is None or look.settings is None:
        return None
    words = {"owner": look.settings.owner, "intended use": look.settings.intended_use}
    lost = [name for name, said in words.items() if not said.strip()]
    return Found(
        row["applied_at"],
        f"settings {row['id']}",
        f"Version {look.version or 'unknown'}. Clearance, UDI and risk tier are not recorded.",
        f"Not given in audit.yaml: {', '.join(lost)}." if lost else "",
    )


def journal(look: Look) -> Found | None:
    """The newest check of the journal; one check is of the whole ledger, whichever system's schedule ran it."""
    row = look.newest(
        sa.select(t.job_runs)
        .where(t.job_runs.c.job == "verify", t.job_runs.c.status.in_(("done", "failed")))
        .where(t.job_runs.c.finished_at.is_not(None))
        .order_by(t.job_runs.c.finished_at.desc())
    )
    if row is None:
        return None
    failed = f"The check did not pass: {row['note']}" if row["status"] == "failed" else ""
    note = "" if failed else f"{row['note'].rstrip('.')}. How long records are kept is not part of this check."
    return Found(row["finished_at"], f"job run {row['id']}", note, failed)


def alerts(look: Look) -> Found | None:
    """The alerts as of the newest audit, which is what opens them; one that nobody answered in time fails them."""
    if look.audit is None:
        return None
    rows = look.ledger.read(sa.select(t.alerts).where(t.alerts.c.system == look.system).order_by(t.alerts.c.id))
    late = [row["id"] for row in rows if row["status"] == "open" and row["due_at"] and row["due_at"] < look.at]
    live = sum(row["status"] != "resolved" for row in rows)
    return Found(
        look.audit["as_of"],
        "alerts",
        f"Alerts: {len(rows)}, not resolved: {live}.",
        f"Not acknowledged in time: {', '.join(late)}." if late else "",
    )


def incidents(look: Look) -> Found | None:
    """Every open incident has a decision, somebody who sees to it, and a day that has not passed."""
    if look.audit is None:
        return None
    query = sa.select(t.incidents).where(t.incidents.c.system == look.system).order_by(t.incidents.c.seq)
    rows = look.ledger.read(query)
    live = [row for row in rows if row["status"] == "open"]
    today = look.at.astimezone(UTC).date()
    lacking = [row["id"] for row in live if not (row["decision"] and row["owner"] and row["due"])]
    late = [row["id"] for row in live if row["due"] and row["due"] < today]
    faults = [f"Without decision, owner or day: {', '.join(lacking)}."] if lacking else []
    faults += [f"Past its day: {', '.join(late)}."] if late else []
    note = f"Incidents: {len(rows)}, open: {len(live)}." if rows else "No incident was opened so far."
    return Found(look.audit["as_of"], "incidents", note, " ".join(faults))


def comparison(look: Look) -> Found | None:
    """The version in use beside another one; a system that never changed has nothing to compare."""
    if look.audit is None:
        return None
    versions = look.ledger.read(sa.select(t.versions.c.version).where(t.versions.c.system == look.system))
    rows = look.ledger.read(
        sa.select(t.artifacts)
        .where(t.artifacts.c.system == look.system, t.artifacts.c.kind == "comparison")
        .order_by(t.artifacts.c.created_at.desc())
    )
    if not rows:
        only = f"Only version {look.version} was seen so far: nothing to compare."
        return Found(look.audit["as_of"], f"audit {look.audit['id']}", only) if len(versions) == 1 else None
    row = next((one for one in rows if one["value"]["new"] == look.version), rows[0])
    old, new = row["value"]["old"], row["value"]["new"]
    return Found(
        row["created_at"],
        f"artifact {row['key'][:23]}",
        f"Versions {old} and {new}: {row['value']['status']}.",
        "" if new == look.version else f"The version in use, {look.version}, was not compared.",
    )


def rules(look: Look) -> Found | None:
    """The bounds in force; a rule that nobody approved is no agreed rule."""
    query = sa.select(t.thresholds).where(t.thresholds.c.system == look.system)
    rows = look.ledger.read(query.where(t.thresholds.c.retired_at.is_(None)))
    if not rows:
        return None
    alone = sum(not row["content"].get("approver") for row in rows)
    late = sum(row["after_seeing"] for row in rows)
    unmeasured = len(look.settings.not_measured) if look.settings else 0
    return Found(
        max(row["valid_from"] for row in rows),
        "thresholds",
        f"Rules in force: {len(rows)}, set or changed after data had been seen: {late}, "
        f"risks listed as not measured: {unmeasured}.",
        f"Rules without an approver: {alone} of {len(rows)}." if alone else "",
    )


def signed_report(look: Look) -> Found | None:
    """The newest report that somebody signed: issued alone does not count, and this week's may wait a few days."""
    rows = _reports(look)
    if not rows:
        return None
    query = sa.select(t.signatures).where(t.signatures.c.report.in_([row["id"] for row in rows]))
    signatures = look.ledger.read(query.order_by(t.signatures.c.id))
    signed = {one["report"]: one for one in signatures}
    row = next((one for one in rows if one["id"] in signed), None)
    if row is None:
        return Found(rows[0]["at"], f"report {rows[0]['id']}", "", "It was issued and not signed.")
    by = signed[row["id"]]
    endings = {name.rpartition(".")[2] for name in row["files"]}
    faults = [f"It holds no {kind}." for kind in ("html", "json") if kind not in endings]
    if any(one["report"] == row["id"] and one["meaning"] == "rejected" for one in signatures):
        faults.insert(0, "It was rejected.")
    waiting = "" if row is rows[0] else f" {rows[0]['id']} is not signed yet."
    note = f"Signed by {by['full_name']} on {by['at']:%Y-%m-%d}: {by['meaning']}.{waiting}"
    return Found(row["at"], f"report {row['id']}", note, " ".join(faults))


def export(look: Look) -> Found | None:
    """The newest report with a file for other programs, as HTI-1 and CHAI ask for."""
    for row in _reports(look):
        if files := sorted(name for name in row["files"] if name.endswith(".xml")):
            return Found(row["at"], f"report {row['id']}", f"{', '.join(files)}.")
    return None


def access(look: Look) -> Found | None:
    """Who may do what, and who looked: roles, logins, and looks at cases of the system, all in the journal."""
    rows = look.ledger.read(sa.select(t.users).order_by(t.users.c.changed_at.desc()))
    if not rows:
        return None
    active = sum(row["active"] for row in rows)
    looked = sa.select(sa.func.count().label("n")).where(t.case_views.c.system == look.system)
    looks = look.ledger.read(looked)[0]["n"]
    logins = look.ledger.read(sa.select(sa.func.count().label("n")).select_from(t.logins))[0]["n"]
    last = look.newest(sa.select(t.logins.c.at).order_by(t.logins.c.id.desc()))
    return Found(
        max(rows[0]["changed_at"], last["at"] if last else rows[0]["changed_at"]),
        "users, logins, case_views",
        f"People with an open account and roles: {active}. Logins: {logins}, looks at cases: {looks}.",
    )


def decisions(look: Look) -> Found | None:
    """The newest decision on the system: signed with a report, or taken on an incident."""
    signed = look.newest(
        sa.select(t.signatures.c.at, t.signatures.c.report, t.signatures.c.decision)
        .join(t.reports, t.reports.c.id == t.signatures.c.report)
        .where(t.reports.c.system == look.system, t.signatures.c.decision.is_not(None))
        .order_by(t.signatures.c.at.desc())
    )
    decided = look.newest(
        sa.select(t.alert_events.c.at, t.alerts.c.incident, t.incidents.c.decision)
        .join(t.alerts, t.alerts.c.id == t.alert_events.c.alert)
        .join(t.incidents, t.incidents.c.id == t.alerts.c.incident)
        .where(t.alerts.c.system == look.system, t.alert_events.c.event == "decided")
        .order_by(t.alert_events.c.at.desc())
    )
    found = []
    if signed is not None:
        found.append(Found(signed["at"], f"report {signed['report']}", f"Decided: {signed['decision']}."))
    if decided is not None:
        found.append(Found(decided["at"], str(decided["incident"]), f"Decided: {decided['decision']}."))
    return max(found, key=lambda one: one.at, default=None)


def not_made(look: Look) -> Found | None:
    """Nothing in this version makes it."""
    return None


def _reports(look: Look) -> list[Any]:
    """The reports of the system, newest first."""
    query = sa.select(t.reports).where(t.reports.c.system == look.system).order_by(t.reports.c.seq.desc())
    return list(look.ledger.read(query))
