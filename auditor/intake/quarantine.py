"""Rows that could not go in: which, why, and another try once the cause is mended.

Quarantine keeps the file's hash, the row number, the reason and a masked row; never an identifier or a text.
So another try reads the source file again, and only if it is still the file that was read the first time.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TextIO

import sqlalchemy as sa

from auditor.intake.admission import Admission, Decision
from auditor.intake.faults import IntakeError
from auditor.intake.gate import rules_for
from auditor.intake.images import file_sha256
from auditor.intake.ingest import context_of, file_id_of
from auditor.intake.mapping import ColumnMapping
from auditor.intake.parse import parse
from auditor.intake.readers import open_source
from auditor.records import Kind
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.chain import stamp
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, Transaction

_WAITING: Final = ("open", "retried")  # not in the lake yet


@dataclass(frozen=True)
class QuarantinedRow:
    """One row in quarantine. `status`: open, retried (tried again in vain) or resolved."""

    id: int
    kind: Kind
    file_id: str
    file: str  # where the source file was
    file_sha256: str
    row: int
    field: str | None
    reason: str
    status: str
    record: dict[str, Any] | None
    received_at: datetime


@dataclass(frozen=True)
class RetryResult:
    """What another try achieved; `notes` has a sentence for each file that could not be read again."""

    tried: int
    resolved: int
    still: int
    notes: tuple[str, ...]


def listed(ledger: Ledger, system: str, *, resolved: bool = False) -> list[QuarantinedRow]:
    """The rows of a system that wait in quarantine (with `resolved`, also those that went in later)."""
    query = (
        sa.select(t.quarantine, t.files.c.path, t.files.c.sha256)
        .join(t.files, t.files.c.id == t.quarantine.c.file_id)
        .where(t.quarantine.c.system == system)
        .order_by(t.quarantine.c.id)
    )
    if not resolved:
        query = query.where(t.quarantine.c.status.in_(_WAITING))
    return [
        QuarantinedRow(
            id=row["id"],
            kind=row["kind"],
            file_id=row["file_id"],
            file=row["path"],
            file_sha256=row["sha256"],
            row=row["row_number"],
            field=row["field"],
            reason=row["reason"],
            status=row["status"],
            record=row["record"],
            received_at=row["received_at"],
        )
        for row in ledger.read(query)
    ]


def export(ledger: Ledger, system: str, stream: TextIO) -> int:
    """Write the waiting rows as JSON Lines, for the people who made the file; returns how many.

    The file is named by its hash alone, since a path can carry a name.
    """
    rows = listed(ledger, system)
    for row in rows:
        line = {
            "file_sha256": row.file_sha256,
            "row": row.row,
            "kind": row.kind,
            "field": row.field,
            "reason": row.reason,
            "record": row.record,
            "received_at": stamp(row.received_at),
        }
        stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    return len(rows)


def retry(
    *,
    settings: AuditSettings,
    mappings: Mapping[Kind, ColumnMapping],
    ledger: Ledger,
    lake: Lake,
    key: bytes,
    received_at: datetime,
    actor: str,
    file_id: str | None = None,
) -> RetryResult:
    """Try the waiting rows of a system (or of one file) again, under today's settings and mappings.

    Only those rows of each source file are taken, and only if its hash is still the recorded one.
    """
    waiting: dict[str, list[QuarantinedRow]] = defaultdict(list)
    for row in listed(ledger, settings.system):
        if file_id in (None, row.file_id):
            waiting[row.file_id].append(row)
    tried = resolved = 0
    notes = []
    for rows in waiting.values():
        try:
            went_in = _retry_file(rows, settings, mappings, ledger, lake, key, received_at, actor)
        except IntakeError as error:
            notes.append(str(error))
            continue
        tried += len(rows)
        resolved += went_in
    return RetryResult(tried, resolved, tried - resolved, tuple(notes))


def _retry_file(
    rows: Sequence[QuarantinedRow],
    settings: AuditSettings,
    mappings: Mapping[Kind, ColumnMapping],
    ledger: Ledger,
    lake: Lake,
    key: bytes,
    received_at: datetime,
    actor: str,
) -> int:
    """Try the rows of one file again; how many went in (or were in by now)."""
    path, kind = Path(rows[0].file), rows[0].kind
    source = open_source(path)
    if file_sha256(path) != rows[0].file_sha256:
        raise IntakeError(
            f"{path.name} has changed since it was read; ingest it as a new file: rows that are in stay out."
        )
    # a row that an image kept out must not slip in because nobody looks at images this time
    images = any(row.field == "images" for row in rows)
    statistics = _with_statistics(ledger, rows[0])
    context = context_of(source, kind, settings, mappings.get(kind), key, received_at, images, statistics)
    admission = Admission(kind, settings.system, rules_for(kind, settings), ledger, lake, rows[0].file_id)
    ids = {row.row: row.id for row in rows}
    went_in = 0

    def record(tx: Transaction, decision: Decision) -> None:
        for row in (*decision.new_rows, *decision.same_rows):
            tx.update(t.quarantine, ids[row], {"status": "resolved"})
        for fault in decision.faults:
            tx.update(
                t.quarantine,
                ids[fault.row],
                {"status": "retried", "reason": fault.reason, "field": fault.field, "record": fault.record},
            )
        file = tx.read(sa.select(t.files).where(t.files.c.id == rows[0].file_id))[0]
        new, same = len(decision.new_rows), len(decision.same_rows)
        totals = {
            "accepted": file["accepted"] + new,
            "duplicates": file["duplicates"] + same,
            "quarantined": file["quarantined"] - new - same,
        }
        tx.update(t.files, rows[0].file_id, totals)

    last = max(ids)
    for block in source.blocks():
        if ids.keys() & {*block.rows, *(fault.row for fault in block.faults)}:
            parsed = parse(context, block, frozenset(ids))
            decision, _ = admission.admit(parsed, actor, received_at, record)
            went_in += len(decision.new_rows) + len(decision.same_rows)
        if block.rows and block.rows[-1] >= last:
            break
    return went_in


def _with_statistics(ledger: Ledger, row: QuarantinedRow) -> bool:
    """Whether the file was taken in with statistics of its images."""
    (file,) = ledger.read(sa.select(t.files).where(t.files.c.id == row.file_id))
    return row.file_id == file_id_of(file["system"], row.kind, file["sha256"], file["mapping_sha"], True)
