"""An audit made again from its rows: judgements, tallies, measurements and verdicts must come out as recorded.

Nothing that was kept on the way is believed: the judge judges again and every sum is made again, in a scratch
workspace that holds only what was received, the settings, what people reviewed, and what was set aside for later
audits: sealed weeks, and frozen sets with the first judgements of their pairs.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from auditor.audit.judging import stored_judgements
from auditor.audit.recorded import latest_audit, settings_of
from auditor.audit.run import run_audit
from auditor.audit.scope import INPUT_KINDS
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, Transaction
from auditor.store.segments import LIVE, register_segments
from auditor.store.verify import Problem

_NUMBERS: Final = ("value", "low", "high", "n", "events", "n_eff", "patients")


@dataclass(frozen=True)
class Recomputed:
    """What was compared, what differs, and a sentence for people."""

    compared: int
    problems: tuple[Problem, ...]
    note: str


def recompute(ledger: Ledger, lake: Lake, system: str, audit: str | None = None) -> Recomputed:
    """Make an audit again (default: the newest) and compare every measurement and verdict, bit for bit.

    A language model's judgements are not asked for again; an audit made by other code, or of rows that were erased
    since, cannot be made again. The note says so.
    """
    row = latest_audit(ledger, system, audit)
    settings = settings_of(ledger, row)
    if any(task.judge.kind != "rules" or (task.check and task.check.judge) for task in settings.tasks.values()):
        return Recomputed(0, (), f"{row['id']} was judged by a model that is not asked again: not recomputed.")
    erased = sa.select(t.erasures.c.id).where(t.erasures.c.system == system, t.erasures.c.at >= row["started_at"])
    if ledger.read(erased.limit(1)):
        return Recomputed(0, (), f"Rows that {row['id']} was made of were erased since: not recomputed.")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Ledger(f"sqlite:///{Path(folder) / 'ledger.sqlite'}")
        scratch.create()
        other = Lake(str(Path(folder) / "lake"))
        other.create()
        _copy(ledger, lake, scratch, other, row)
        made = run_audit(
            scratch,
            other,
            system,
            as_of=row["as_of"],
            clock=lambda: row["finished_at"],
            actor="verify",
            start=row["window_start"],
            end=row["window_end"],
        )
        again = scratch.read(sa.select(t.audits).where(t.audits.c.id == made.audit))[0]
        if again["code"] != row["code"]:
            scratch.close()
            return Recomputed(
                0, (), f"{row['id']} was made by code {row['code']}: not recomputed by this version."
            )
        compared, problems = _compare(ledger, row["id"], scratch, made.audit)
        scratch.close()
    words = "as recorded" if not problems else f"{len(problems)} differ"
    return Recomputed(compared, tuple(problems), f"{row['id']} made again: {compared:,} numbers, {words}.")


def _copy(ledger: Ledger, lake: Lake, scratch: Ledger, other: Lake, audit: Any) -> None:
    """What the audit was made from: rows received by then, its settings, reviews, and weeks sealed before."""
    system = audit["system"]
    with scratch.transaction("verify", audit["finished_at"]) as tx:
        _rows(tx, ledger, t.systems, t.systems.c.name == system)
        _rows(tx, ledger, t.configs, t.configs.c.id == audit["config"])
        _rows(tx, ledger, t.files, t.files.c.system == system)
        inputs = t.segments.c.kind.in_(INPUT_KINDS)
        seen = t.segments.c.seq <= audit["segment_pin"]
        here = (t.segments.c.system == system, inputs, seen, LIVE)
        _rows(tx, ledger, t.segments, *here)
        # of the weeks that charts have sealed, of frozen sets and of the models' facts, an audit saw all before it
        kinds = t.artifacts.c.kind.in_(("sealed", "frozen", "model"))
        before = t.artifacts.c.created_at < audit["started_at"]
        _rows(tx, ledger, t.artifacts, t.artifacts.c.system == system, kinds, before)
    _reviews(ledger, scratch, audit)
    _first_judgements(ledger, lake, scratch, other, audit)
    for row in ledger.read(sa.select(t.segments.c.sha256).where(*here)):
        with tempfile.TemporaryFile() as spool:
            lake.copy_out(row["sha256"], spool)
            spool.seek(0)
            other.copy_in(row["sha256"], spool)


def _first_judgements(ledger: Ledger, lake: Lake, scratch: Ledger, other: Lake, audit: Any) -> None:
    """What was first said of the pairs of frozen sets: another judge may have said it, who is not asked again."""
    query = sa.select(t.artifacts.c.value).where(t.artifacts.c.kind == "frozen")
    keys = sorted({key for row in scratch.read(query) for key in row["value"]["first"]})
    wanted = pa.array([bytes.fromhex(key) for key in keys], pa.binary(16))
    known = stored_judgements(ledger, lake, audit["system"], wanted)
    if known.num_rows:
        with scratch.transaction("verify", audit["finished_at"]) as tx:
            register_segments(tx, [other.write(known, "judgements")], audit["system"])


def _reviews(ledger: Ledger, scratch: Ledger, audit: Any) -> None:
    """Samples were drawn from earlier audits, which the scratch ledger must know by name."""
    samples = ledger.read(
        sa.select(t.review_samples).where(
            t.review_samples.c.system == audit["system"], t.review_samples.c.drawn_at < audit["started_at"]
        )
    )
    if not samples:
        return
    names = [row["id"] for row in samples]
    with scratch.transaction("verify", audit["finished_at"]) as tx:
        for row in ledger.read(sa.select(t.audits).where(t.audits.c.id.in_([s["audit"] for s in samples]))):
            # under another key, so that it is never taken for the audit that is made again
            tx.insert(
                t.audits, [dict(row) | {"config": audit["config"], "restates": None, "key": f"old {row['id']}"}]
            )
        tx.insert(t.review_samples, [dict(row) for row in samples])
        _rows(tx, ledger, t.review_items, t.review_items.c.sample.in_(names))
        _rows(tx, ledger, t.reviews, t.reviews.c.sample.in_(names), t.reviews.c.at < audit["started_at"])


def _rows(tx: Transaction, source: Ledger, table: sa.Table, *where: Any) -> None:
    tx.insert(table, [dict(row) for row in source.read(sa.select(table).where(*where))])


def _compare(ledger: Ledger, recorded: str, scratch: Ledger, made: str) -> tuple[int, list[Problem]]:
    old, new = (_numbers(place, audit) for place, audit in ((ledger, recorded), (scratch, made)))
    problems = []
    for name in [*old, *(name for name in new if name not in old)]:
        if old.get(name) != new.get(name):
            said = ", ".join(part for part in name if part)
            sentence = f"Made again, {said} of {recorded} is not as it was recorded."
            problems.append(Problem("measurement", f"{recorded} {said}", sentence))
    return len(old), problems


def _numbers(place: Ledger, audit: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
    m = t.measurements.c
    found: dict[tuple[str, ...], tuple[Any, ...]] = {
        tuple(str(row[name]) for name in ("measure", "task", "version", "item", "slice", "contrast")): tuple(
            row[name] for name in _NUMBERS
        )
        for row in place.read(sa.select(t.measurements).where(m.audit == audit))
    }
    for row in place.read(sa.select(t.verdicts).where(t.verdicts.c.audit == audit)):
        found["verdict", str(row["number"])] = (row["status"], row["threshold"], row["measurement"])
    return found
