"""Back-up and restore: one file with the journal, the lake's segments and the settings, for any database.

Tables are made from the journal, so a back-up of SQLite can be restored into PostgreSQL and the other way round.
The key is not in it: whoever finds the file cannot join its pseudonyms to patients. It does hold report texts.
"""

import gzip
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import sqlalchemy as sa

from auditor.settings import Environment
from auditor.store import tables as t
from auditor.store.chain import Entry
from auditor.store.errors import StoreError
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger, journal_of
from auditor.store.segments import LIVE
from auditor.store.verify import Verification, verify
from auditor.workspace import Workspace, adopt

_FORMAT: Final = 1
_JOURNAL: Final = "journal.jsonl.gz"
_MANIFEST: Final = "manifest.json"
_CREDENTIALS: Final = "credentials.json"  # what passwords became: the journal has only their digests
_SEGMENT: Final = "segments/"
_SETTINGS: Final = "settings/"
_MARKER: Final = "workspace.json"


class BackupError(ValueError):
    """One clear sentence about a back-up that cannot be made or restored."""


@dataclass(frozen=True)
class Backup:
    """What a back-up holds."""

    file: str
    entries: int
    segments: int
    head: str
    bytes: int


def backup(workspace: Workspace, file: Path, at: datetime) -> Backup:
    """Write a back-up; others may work meanwhile: it holds one state. Raises BackupError where `file` exists.

    The file appears whole or not at all, readable by its owner alone.
    """
    if file.exists():
        raise BackupError(f"{file} exists already; name a new file.")
    if not file.parent.is_dir():
        raise BackupError(f"There is no folder {file.parent} to write the back-up to.")
    ledger, lake = workspace.ledger(), workspace.lake()
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as raw:
            with tarfile.open(fileobj=raw, mode="w|") as archive:
                with ledger.snapshot() as connection:  # one state of both: an erasure changes what is registered
                    entries, head = _add_journal(archive, journal_of(connection))
                    found = connection.execute(sa.select(t.segments.c.sha256).where(LIVE).distinct())
                    names = sorted(row.sha256 for row in found)
                for name in names:
                    _add_registered(archive, ledger, lake, name)
                for path in sorted([workspace.path / _MARKER, *workspace.path.glob("*.yaml")]):
                    inside = path.name if path.name == _MARKER else _SETTINGS + path.name
                    _add(archive, inside, path.read_bytes())
                kept = [dict(row) for row in ledger.read(sa.select(t.credentials))]
                _add(archive, _CREDENTIALS, json.dumps(kept).encode())
                about = {"format": _FORMAT, "made": at.isoformat(), "entries": entries, "head": head}
                _add(archive, _MANIFEST, json.dumps(about | {"segments": names}).encode())
            raw.flush()
            os.fsync(raw.fileno())
        Path(temporary).replace(file)
    finally:
        Path(temporary).unlink(missing_ok=True)
        ledger.close()
    return Backup(str(file), entries, len(names), head, file.stat().st_size)


def restore(environment: Environment, file: Path, folder: Path) -> tuple[Workspace, Verification]:
    """Make a workspace in `folder` (new or empty) from a back-up, and verify it.

    The ledger and the lake are where the environment says, else inside the folder. Raises BackupError.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty; restore into a new folder.")
    with _opened(file) as archive, tempfile.TemporaryDirectory() as scratch:
        place: Workspace | None = None
        manifest: dict[str, Any] = {}
        credentials: list[dict[str, str]] = []
        journal = Path(scratch) / _JOURNAL
        waiting: list[str] = []
        for member in archive:
            content = archive.extractfile(member)
            if content is None or ".." in member.name or member.name.startswith("/"):
                raise BackupError(f"{file} is no back-up of auditor: it holds something that is no file.")
            if member.name == _JOURNAL:
                _copy(content, journal)
            elif member.name.startswith(_SEGMENT):
                name = member.name.removeprefix(_SEGMENT)
                _copy(content, Path(scratch) / name)
                waiting.append(name)
            elif member.name == _MARKER:
                place = adopt(environment, folder, content.read())
            elif member.name.startswith(_SETTINGS) and place is not None:
                (place.path / Path(member.name).name).write_bytes(content.read())
            elif member.name == _CREDENTIALS:
                credentials = json.loads(content.read())
            elif member.name == _MANIFEST:
                manifest = json.loads(content.read())
        if place is None or not manifest or not journal.exists():
            raise BackupError(f"{file} is not whole: its end is missing; use another back-up.")
        if manifest["format"] > _FORMAT:
            raise BackupError(f"{file} was made by a newer auditor; update this one to restore it.")
        return place, _fill(place, journal, waiting, credentials, Path(scratch), manifest)


def _fill(
    place: Workspace,
    journal: Path,
    segments: list[str],
    credentials: list[dict[str, str]],
    scratch: Path,
    manifest: Any,
) -> Verification:
    ledger, lake = place.ledger(), place.lake()
    lake.create()
    for name in segments:
        with (scratch / name).open("rb") as source:
            lake.copy_in(name, source)
    ledger.create()
    ledger.take_over(_journal_of(journal), {one["user"]: one["hash"] for one in credentials})
    found = verify(ledger, lake)
    ledger.close()
    if (found.entries, found.head[1]) != (manifest["entries"], manifest["head"]):
        raise BackupError("The back-up's journal is not the one that its manifest names; use another back-up.")
    return found


def _add_journal(archive: tarfile.TarFile, chained: Iterator[tuple[Entry, str, str]]) -> tuple[int, str]:
    """Write the journal; how many entries it has, and the hash of the last."""
    entries, head = 0, ""
    with tempfile.TemporaryFile() as spool:
        with gzip.GzipFile(fileobj=spool, mode="wb", mtime=0) as packed:
            for entry, previous, own in chained:
                row = [entry.seq, entry.at, entry.actor, entry.action, entry.table, entry.record, previous, own]
                packed.write((json.dumps(row) + "\n").encode())
                entries, head = entry.seq, own
        size = spool.tell()
        spool.seek(0)
        _add_stream(archive, _JOURNAL, spool, size)
    return entries, head


def _journal_of(path: Path) -> Iterator[tuple[Entry, str, str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                *fields, previous, own = json.loads(line)
                yield Entry(*fields), previous, own
    except (OSError, EOFError, ValueError, TypeError):
        raise BackupError("The back-up's journal cannot be read; use another back-up.") from None


def _add_registered(archive: tarfile.TarFile, ledger: Ledger, lake: Lake, name: str) -> None:
    """Write a segment. Raises BackupError where an erasure took it out of the lake since the journal was read."""
    try:
        _add_segment(archive, lake, name)
    except StoreError:
        live = ledger.read(sa.select(t.segments.c.seq).where(t.segments.c.sha256 == name, LIVE))
        if live:
            raise
        raise BackupError("Rows were erased while the back-up was made; make it again.") from None


def _add_segment(archive: tarfile.TarFile, lake: Lake, name: str) -> None:
    with tempfile.TemporaryFile() as spool:
        lake.copy_out(name, spool)
        size = spool.tell()
        spool.seek(0)
        _add_stream(archive, _SEGMENT + name, spool, size)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    _add_stream(archive, name, io.BytesIO(content), len(content))


def _add_stream(archive: tarfile.TarFile, name: str, source: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    archive.addfile(member, source)


def _copy(source: IO[bytes], target: Path) -> None:
    with target.open("wb") as file:
        while piece := source.read(1 << 20):
            file.write(piece)


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, mode="r|") as archive:
            yield archive
    except FileNotFoundError:
        raise BackupError(f"There is no back-up {file}.") from None
    except tarfile.TarError:
        raise BackupError(f"{file} is no back-up of auditor, or is damaged; use another.") from None
