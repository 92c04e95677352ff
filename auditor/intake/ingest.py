"""A file into the lake: streamed in blocks, each block one transaction, so a crash costs the unfinished block.

Rows are known by identity and content, files by their hash and their mapping: whatever is given twice goes in
once. A bad row goes to quarantine in the same transaction that registers its neighbours, so nothing is lost.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from auditor.intake.admission import Admission, Decision
from auditor.intake.faults import Fault, IntakeError
from auditor.intake.gate import numeric_attributes, rules_for
from auditor.intake.images import file_sha256
from auditor.intake.mapping import ColumnMapping, identity
from auditor.intake.parse import Context, Parsed, parse
from auditor.intake.pseudonyms import derived_id
from auditor.intake.readers import Source, open_source
from auditor.records import Kind
from auditor.settings import AuditSettings
from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, Transaction

Progress = Callable[[int, int], None]

#: Files smaller than this are parsed here: starting other processes would cost more than it saves.
_WORTH_PROCESSES: Final = 16 << 20
#: Blocks handed to processes are smaller, so that none of them waits long for the other.
_BLOCK_IN_PROCESS: Final = 20_000


@dataclass(frozen=True)
class IngestResult:
    """What became of a file. `quarantined` includes `conflicts`; the four parts add up to `rows`."""

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    quarantined: int = 0
    already: bool = False  # the same file under the same mapping went in before: nothing was done
    segments: tuple[str, ...] = ()
    file_id: str = ""
    reasons: tuple[tuple[str, int], ...] = ()  # why rows went to quarantine, most frequent first
    notes: tuple[str, ...] = ()


def ingest(
    path: Path,
    kind: Kind,
    *,
    settings: AuditSettings,
    mapping: ColumnMapping | None,
    ledger: Ledger,
    lake: Lake,
    key: bytes,
    received_at: datetime,
    actor: str,
    dry_run: bool = False,
    check_images: bool = False,
    image_statistics: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> IngestResult:
    """Take a file of outputs, references or cases in.

    With `dry_run` everything is done but nothing written. `workers` > 1 parses large files in that many
    processes; the result is the same. With `image_statistics`, which is for cases, attributes are made of their
    images (`image_statistics.NAMES`); the same file is then another one, and its cases new versions. `progress`
    hears (bytes done, bytes in all). Raises IntakeError where the file as a whole cannot be used; blocks
    registered until then stay, and another run skips them.
    """
    source = open_source(path)
    sha256 = file_sha256(path)
    if image_statistics and kind != "cases":
        raise IntakeError(f"Image statistics are attributes of cases; {kind} have none, so leave them out.")
    file_id = file_id_of(settings.system, kind, sha256, mapping_sha(mapping), image_statistics)
    if not dry_run:
        _check_system(ledger, settings.system)
    if not dry_run and (known := _completed(ledger, file_id)) is not None:
        return known
    context = context_of(source, kind, settings, mapping, key, received_at, check_images, image_statistics)
    admission = Admission(kind, settings.system, rules_for(kind, settings), ledger, lake, file_id)
    log = _FileLog(ledger, settings.system, kind, file_id, received_at)
    if not dry_run:
        log.begin(source, sha256, mapping, actor)
    result, reasons, segments = IngestResult(file_id=file_id), Counter[str](), list[str]()
    columns_seen: set[str] = set()
    unopened = 0
    for parsed in parsed_blocks(source, context, workers):
        if dry_run:
            decision, segment = admission.decide(parsed), None
            admission.remember(decision)
        else:
            decision, segment = admission.admit(parsed, actor, received_at, log.record)
        log.count(decision)
        result = _plus(result, decision)
        reasons.update(fault.reason for fault in decision.faults)
        columns_seen |= parsed.columns_seen
        unopened += parsed.unopened
        segments += [segment] if segment else []
        if progress:
            progress(parsed.consumed, source.size)
    if file_sha256(path) != sha256:
        raise IntakeError(f"{path.name} was changed while it was read; ingest it again when it is complete.")
    if not dry_run:
        log.end(actor)
    return replace(
        result,
        segments=tuple(segments),
        reasons=tuple(reasons.most_common()),
        notes=_notes(mapping, columns_seen, unopened),
    )


def context_of(
    source: Source,
    kind: Kind,
    settings: AuditSettings,
    mapping: ColumnMapping | None,
    key: bytes,
    received_at: datetime,
    check_images: bool,
    image_statistics: bool = False,
) -> Context:
    """What the rows of this file are parsed with; raises IntakeError where its columns do not fit."""
    if mapping is not None and mapping.kind != kind:
        raise IntakeError(f"The mapping is for {mapping.kind}, the file is ingested as {kind}.")
    columns = source.columns()
    if columns is not None:
        if mapping is None:
            mapping = identity(columns, kind, source.path.name)
        else:
            mapping.check_columns(columns, source.path.name)
    return Context(
        kind=kind,
        system=settings.system,
        timezone=settings.timezone,
        key=key,
        received_at=received_at,
        folder=source.path.resolve().parent,
        mapping=mapping,
        numeric=numeric_attributes(settings) if kind == "cases" else (),
        check_images=check_images,
        image_statistics=image_statistics,
    )


def parsed_blocks(source: Source, context: Context, workers: int = 1) -> Iterator[Parsed]:
    """The parsed blocks of a file in order, at most `workers` + 1 of them in memory."""
    if workers <= 1 or source.size < _WORTH_PROCESSES:
        yield from map(partial(parse, context), source.blocks())
        return
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing import get_context

    # spawn: a forked child would inherit the threads and locks of Arrow and SQLite
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[Parsed]] = deque()
        try:
            for block in source.blocks(_BLOCK_IN_PROCESS):
                waiting.append(pool.submit(parse, context, block))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def file_id_of(system: str, kind: Kind, sha256: str, mapping: str, image_statistics: bool) -> str:
    """A file's id: the same bytes as the same kind under the same mapping (its hash) are the same file.

    With statistics of its images it is another one, since its rows are others.
    """
    return derived_id("f-", [system, kind, sha256, mapping, *(["image statistics"] if image_statistics else [])])


def mapping_sha(mapping: ColumnMapping | None) -> str:
    """The hash of a mapping's meaning (not of its YAML); empty where there is none."""
    return "" if mapping is None else digest_of(mapping.model_dump(mode="json", exclude_unset=True))


class _FileLog:
    """The file's row in the ledger and its rows in quarantine."""

    def __init__(self, ledger: Ledger, system: str, kind: Kind, file_id: str, at: datetime) -> None:
        self._ledger = ledger
        self._system = system
        self._kind = kind
        self._file_id = file_id
        self._at = at
        self._quarantined: set[int] = set()
        self._rows = self._accepted = 0

    def begin(self, source: Source, sha256: str, mapping: ColumnMapping | None, actor: str) -> None:
        """Name the file, or pick up where an interrupted run left it."""
        known = sa.select(t.quarantine.c.row_number).where(t.quarantine.c.file_id == self._file_id)
        self._quarantined = {int(row["row_number"]) for row in self._ledger.read(known)}
        sums = sa.select(sa.func.coalesce(sa.func.sum(t.segments.c.rows), 0).label("rows"))
        found = self._ledger.read(sums.where(t.segments.c.file_id == self._file_id))
        self._accepted = int(found[0]["rows"])
        row = {
            "id": self._file_id,
            "system": self._system,
            "kind": self._kind,
            "sha256": sha256,
            "path": str(source.path.resolve()),
            "bytes": source.size,
            "mapping_sha": mapping_sha(mapping),
            "status": "partial",
            "rows": 0,
            "accepted": 0,
            "duplicates": 0,
            "quarantined": 0,
            "received_at": self._at,
        }
        with self._ledger.transaction(actor=actor, at=self._at) as tx:
            tx.insert_new(t.files, [row])

    def record(self, tx: Transaction, decision: Decision) -> None:
        """Put the faulty rows of a block into quarantine, save those that an interrupted run put there."""
        new = [fault for fault in decision.faults if fault.row not in self._quarantined]
        if new:
            first = tx.next(t.quarantine)
            tx.insert(t.quarantine, [self._row(first + i, fault) for i, fault in enumerate(new)])

    def count(self, decision: Decision) -> None:
        """Add a block that is registered."""
        self._rows += len(decision.new_rows) + len(decision.same_rows) + len(decision.faults)
        self._accepted += len(decision.new_rows)
        self._quarantined |= {fault.row for fault in decision.faults}

    def end(self, actor: str) -> None:
        """Mark the file complete, so that giving it again is a no-op."""
        totals = {
            "status": "complete",
            "rows": self._rows,
            "accepted": self._accepted,
            "quarantined": len(self._quarantined),
            "duplicates": self._rows - self._accepted - len(self._quarantined),
        }
        with self._ledger.transaction(actor=actor, at=self._at) as tx:
            tx.update(t.files, self._file_id, totals)

    def _row(self, number: int, fault: Fault) -> dict[str, object]:
        return {
            "id": number,
            "system": self._system,
            "kind": self._kind,
            "file_id": self._file_id,
            "row_number": fault.row,
            "field": fault.field,
            "reason": fault.reason,
            "record": fault.record,
            "status": "open",
            "received_at": self._at,
        }


def _check_system(ledger: Ledger, system: str) -> None:
    if not ledger.read(sa.select(t.systems.c.name).where(t.systems.c.name == system)):
        raise IntakeError(f"System {system} is not registered; run 'auditor apply audit.yaml' first.")


def _completed(ledger: Ledger, file_id: str) -> IngestResult | None:
    rows = ledger.read(sa.select(t.files).where(t.files.c.id == file_id, t.files.c.status == "complete"))
    if not rows:
        return None
    row = rows[0]
    return IngestResult(rows=row["rows"], duplicates=row["rows"], already=True, file_id=file_id)


def _plus(result: IngestResult, decision: Decision) -> IngestResult:
    return replace(
        result,
        rows=result.rows + len(decision.new_rows) + len(decision.same_rows) + len(decision.faults),
        accepted=result.accepted + len(decision.new_rows),
        duplicates=result.duplicates + len(decision.same_rows),
        conflicts=result.conflicts + decision.conflicts,
        quarantined=result.quarantined + len(decision.faults),
    )


def _notes(mapping: ColumnMapping | None, seen: set[str], unopened: int) -> tuple[str, ...]:
    absent = [] if mapping is None else [c for c in mapping.columns() if c not in seen]
    notes = [f"No row has a value in column {column!r}, which the mapping names." for column in absent]
    if unopened:
        notes.append(f"{unopened:,} cases have an image that cannot be opened and are without image statistics.")
    return tuple(notes)
