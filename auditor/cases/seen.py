"""What an audit saw: its settings, its judges, the segments of the lake that lay before it."""

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa

from auditor.audit.recorded import latest_audit, settings_of
from auditor.audit.scope import INPUT_KINDS
from auditor.cases.errors import CasesError
from auditor.judges import Judge, for_task
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.ledger import Ledger
from auditor.store.segments import Registered, segments_of
from monitors.measurement import Window

#: Raised whenever the file of an index, or what stands in it, changes.
_FORMAT = 1


@dataclass(frozen=True)
class Seen:
    """The frame of one audit, as far as its cases are concerned. `name` changes when the lake is rewritten."""

    audit: str
    system: str
    settings: AuditSettings
    window: Window
    segments: dict[str, tuple[Registered, ...]]
    judges: dict[str, Judge]
    name: str


def seen_by(ledger: Ledger, system: str, audit: str | None = None) -> Seen:
    """What the audit named, or else the newest of the system, saw.

    Raises AuditError when there is none; CasesError where another judge has come since, whose judgements of
    these outputs nobody has made.
    """
    row = latest_audit(ledger, system, audit)
    settings = settings_of(ledger, row)
    segments = {
        kind: tuple(segments_of(ledger, system, kind, as_of=row["as_of"], pin=row["segment_pin"]))
        for kind in INPUT_KINDS
    }
    judges: dict[str, Judge] = {task: for_task(task, setting.judge) for task, setting in settings.tasks.items()}
    _refuse_other_judges(ledger, row["id"], system, judges)
    lake = [f"{kind} {one.sha256}" for kind in INPUT_KINDS for one in segments[kind]]
    said = [str(_FORMAT), *(f"{task} {judge.digest}" for task, judge in sorted(judges.items())), *lake]
    name = f"{row['id']}-{hashlib.sha256(chr(10).join(said).encode()).hexdigest()[:16]}"
    window = Window(row["window_start"], row["window_end"])
    return Seen(row["id"], system, settings, window, segments, judges, name)


def judgement_segments(ledger: Ledger, system: str) -> list[Registered]:
    """Every segment of judgements of a system: one made later may say what an audit of before was told."""
    return segments_of(ledger, system, "judgements")


def _refuse_other_judges(ledger: Ledger, audit: str, system: str, judges: dict[str, Judge]) -> None:
    """An audit recorded the beginning of its judges' digests; another digest made other judgements."""
    query = sa.select(t.details.c.payload).where(t.details.c.audit == audit, t.details.c.kind == "judges")
    rows = ledger.read(query)
    for task, said in rows[0]["payload"] if rows else ():
        if said.endswith(", to check it") or task not in judges:
            continue
        if said.rsplit(" ", 1)[-1] != judges[task].digest[:12]:
            raise CasesError(
                f"The judge of {task} has changed since the audit {audit}, so its cases cannot be listed: "
                f"run 'auditor audit {system}' and look at the new audit."
            )
