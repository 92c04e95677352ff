"""Evidence that lies in the newest audit: what it measured of the version in use, and what it was made from."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from auditor.evidence.looking import Found, Look
from auditor.store import tables as t
from monitors.calibration import CONFIDENCE_CLAIMS, CONFIDENCE_OPEN, CONFIDENCE_VQA, Calibration
from monitors.catalogue import CATALOGUE
from monitors.judged import MISSING

#: Which monitors speak to which item. A yes or no asked of what is not there is the hallucination of a VQA model.
PERFORMANCE: Final = frozenset({"performance", "critical", "vqa_performance", "retrieval"})
HALLUCINATION: Final = frozenset({"hallucination", "yes_no"})
CALIBRATION: Final = frozenset(monitor.name for monitor in CATALOGUE if isinstance(monitor, Calibration))
#: What these say of any score: it orders the outputs. Calibrated is only what claims to be a probability.
_ORDER: Final = frozenset(
    one.name
    for monitor in (CONFIDENCE_VQA, CONFIDENCE_OPEN, *CONFIDENCE_CLAIMS)
    for one in monitor.of_scores().measures
)
ROBUSTNESS: Final = frozenset({"grounding", "consistency", "reproduction"})
OVERSIGHT: Final = frozenset({"editing", "reached"})

#: A slice that every audit of reports makes by itself; it tells apart references, not people.
_NOT_OF_CASES: Final = "draft_seen"


def manifest(look: Look) -> Found | None:
    """What the newest audit was made from: it can be made again from this, whatever its status."""
    audit = look.audit
    if audit is None:
        return None
    lost = [name for name in ("inputs", "code", "config") if not audit[name]]
    mirror = look.newest(sa.select(t.mirrors).where(t.mirrors.c.audit == audit["id"]))
    run = mirror["run_id"] if mirror is not None and mirror["run_id"] else "none yet"
    return Found(
        audit["as_of"],
        f"audit {audit['id']}",
        f"Inputs {audit['inputs'][:12]}, code {audit['code']}, seed {audit['seed']}, settings {audit['config']}, "
        f"MLflow run: {run}. The digest of a container is not recorded.",
        f"Not recorded: {', '.join(lost)}." if lost else "",
    )


def performance(look: Look) -> Found | None:
    return _measured(look, PERFORMANCE)


def hallucination(look: Look) -> Found | None:
    found = _measured(look, HALLUCINATION)
    if found is None:
        return None
    corrected = "Corrected by reviews." if look.detail("corrections") else "Not corrected by reviews."
    return Found(found.at, found.where, f"{found.note} {corrected}", found.failed)


def calibration(look: Look) -> Found | None:
    return _measured(look, CALIBRATION, without=_ORDER)


def robustness(look: Look) -> Found | None:
    return _measured(look, ROBUSTNESS)


def subgroups(look: Look) -> Found | None:
    """Groups of cases by what is known of them; whether the draft was seen is none, nor are the unknown."""
    found = {
        row["slice"]: _attributes(row["slice"])
        for row in look.measured
        if row["slice"] != "all" and not row["monitor"].startswith("drift_")
    }
    groups = {
        name: about
        for name, about in found.items()
        if _NOT_OF_CASES not in about and MISSING not in about.values()
    }
    if not groups:
        return None
    names = sorted({name for about in groups.values() for name in about})
    return look.in_audit(f"Groups that are large enough: {len(groups)}, by {', '.join(names)}.")


def _attributes(slice_name: str) -> dict[str, str]:
    """Attribute → value of a slice as its name has them, "age=40-64 & sex=F"."""
    pairs = (part.partition("=") for part in slice_name.split(" & "))
    return {name: value for name, _, value in pairs}


def drift(look: Look) -> Found | None:
    columns = [one for one in look.detail("drift") or () if one["version"] == look.version]
    if not columns:
        return None
    moved = sum(bool(one["drifted"]) for one in columns)
    return look.in_audit(
        f"Columns compared with the reference window: {len(columns)}, beyond their null band: {moved}."
    )


def coverage(look: Look) -> Found | None:
    """How many outputs there were and could be judged, and what the gate holds back."""
    flows = [one for one in look.detail("flows") or () if one["version"] == look.version]
    if not flows:
        return None
    outputs, linked = (sum(one[name] for one in flows) for name in ("outputs", "linked"))
    held = look.newest(
        sa.select(sa.func.count().label("rows")).where(
            t.quarantine.c.system == look.system, t.quarantine.c.status == "open"
        )
    )
    rows = held["rows"] if held is not None else 0
    said = f"{outputs:,} outputs, {outputs - linked:,} without a reference; {rows:,} rows in quarantine."
    return look.in_audit(said)


def oversight(look: Look) -> Found | None:
    """What radiologists changed of drafts; else what they said of them in reviews."""
    if found := _measured(look, OVERSIGHT):
        return found
    row = look.newest(
        sa.select(t.reviews.c.at, t.reviews.c.sample)
        .join(t.review_samples, t.review_samples.c.id == t.reviews.c.sample)
        .where(t.review_samples.c.system == look.system)
        .order_by(t.reviews.c.at.desc())
    )
    if row is None:
        return None
    return Found(row["at"], f"reviews of {row['sample']}", "Reviews only: edits are not measured.")


def judge_validity(look: Look) -> Found | None:
    corrections = look.detail("corrections")
    if not corrections:
        return None
    newest = max(corrections, key=lambda one: datetime.fromisoformat(one["checked"]))
    said = f"{newest['reviewed']:,} reviews of sample {newest['sample']}. Negative controls are not recorded."
    return look.in_audit(f"{said} {_stability(look)}", datetime.fromisoformat(newest["checked"]))


def _stability(look: Look) -> str:
    """Whether it is looked after that the judge of the reviews is still the judge of the audit."""
    compared = [one for one in look.detail("frozen") or () if one.get("pairs")]
    if not compared:
        return "Whether the judge has changed since is not measured: no frozen set."
    pairs = ", ".join(f"{one['task']} {one['pairs']:,} pairs" for one in compared)
    return f"Held against its first judgements in the week of {compared[0]['week']}: {pairs}."


def _measured(look: Look, monitors: Collection[str], without: Collection[str] = ()) -> Found | None:
    """What these monitors measured, with intervals; None where nothing but `without` could be measured."""
    rows = [row for row in look.of(monitors) if row["measure"] not in without]
    if not rows:
        return None
    said = []
    for task in sorted({row["task"] for row in rows}):
        own = [row for row in rows if row["task"] == task]
        measures = len({row["measure"] for row in own})
        said.append(f"{task}: {measures} measures with intervals, n up to {max(row['n'] for row in own):,.0f}")
    return look.in_audit("; ".join(said) + f"; version {look.version}.")
