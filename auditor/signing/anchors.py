"""Anchors: the journal's head, signed, in a file outside the workspace. Who rewrites the whole journal is seen.

An anchor is a line of JSON. Append the file to a system that its writers cannot change (a log host, a mailbox, a
write-once share): the chain shows what was altered, the anchor shows that the chain itself was made anew.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from auditor.signing.keys import known
from auditor.signing_key import SigningError, SigningKey, fingerprint, holds, read_key
from auditor.store import tables as t
from auditor.store.chain import GENESIS, stamp
from auditor.store.ledger import Ledger
from auditor.store.verify import Problem

if TYPE_CHECKING:
    from auditor.workspace import Workspace


class AnchorError(ValueError):
    """One clear sentence about an anchor that cannot be written or read."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The journal's newest entry at one moment, signed."""

    workspace: str
    entry: int
    head: str
    at: str
    key: str
    public: str
    signature: str

    @property
    def statement(self) -> str:
        """The text that is signed."""
        return statement_of(self.workspace, self.entry, self.head, self.at, self.key)


def statement_of(workspace: str, entry: int, head: str, at: str, key: str) -> str:
    """What an anchor says, line by line; the stand-alone verifier writes the same."""
    return f"auditor anchor 1\nworkspace {workspace}\nentry {entry}\nhead {head}\nat {at}\nkey {key}\n"


def anchor_now(place: "Workspace", ledger: Ledger, actor: str, at: datetime) -> str | None:
    """Sign the head as it is and append it to the workspace's file; why it could not be, or None.

    What was done before stands all the same: an anchor can be made later.
    """
    try:
        key = read_key(place.signing_key_file)
        known(ledger, key, actor, at)
        append(place.anchor_file, make_anchor(ledger, place.identity, key, at))
    except (SigningError, AnchorError) as error:
        return f"The journal was not anchored. {error}"
    return None


def signing_key(place: "Workspace", ledger: Ledger, actor: str, at: datetime) -> str:
    """The fingerprint of the workspace's key, noted in the ledger; "" where there is no key to sign with."""
    try:
        return known(ledger, read_key(place.signing_key_file), actor, at)
    except SigningError:
        return ""


def make_anchor(ledger: Ledger, workspace: str, key: SigningKey, at: datetime) -> Anchor:
    """Sign the head as it is now."""
    entry, head = ledger.head()
    statement = statement_of(workspace, entry, head, stamp(at), key.id)
    return Anchor(workspace, entry, head, stamp(at), key.id, key.public.hex(), key.sign(statement))


def append(file: Path, anchor: Anchor) -> bool:
    """Add an anchor to its file, durable when this returns; False where the last line says the same already."""
    try:
        newest = last(file)
        if newest is not None and (newest.entry, newest.head, newest.key) == (
            anchor.entry,
            anchor.head,
            anchor.key,
        ):
            return False
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise AnchorError(f"The anchor cannot be written to {file}: {error.strerror}.") from None
    with os.fdopen(handle, "a") as out:
        out.write(json.dumps(asdict(anchor)) + "\n")
        out.flush()
        os.fsync(out.fileno())
    return True


def last(file: Path) -> Anchor | None:
    """The newest anchor of a file."""
    return max(read(file), key=lambda one: one.entry, default=None)


def read(file: Path) -> Iterator[Anchor]:
    """The anchors of a file, oldest first; none where there is no file. Raises AnchorError for any other line."""
    if not file.exists():
        return
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                told: dict[str, Any] = json.loads(line)
                anchor = Anchor(**told)
            except (ValueError, TypeError):
                raise AnchorError(f"Line {number} of {file} is no anchor; the file was changed or cut.") from None
            yield anchor


def check(ledger: Ledger, anchors: list[Anchor], workspace: str, trusted: str | None) -> list[Problem]:
    """Each anchor against the journal and its signature; the first that does not hold of each kind.

    `trusted` is the public key (hex) that a reader has from elsewhere; else the keys that the anchors themselves
    name are believed, and a forger of both files would not be seen.
    """
    journal = t.journal.c
    numbers = sorted({one.entry for one in anchors if one.entry})
    heads: dict[int, str] = {0: GENESIS}
    for start in range(0, len(numbers), 500):
        part = numbers[start : start + 500]
        rows = ledger.read(sa.select(journal.seq, journal.hash).where(journal.seq.in_(part)))
        heads.update((row["seq"], row["hash"]) for row in rows)
    for one in anchors:
        if (sentence := _fault(one, workspace, trusted, heads)) is not None:
            return [Problem("anchor", str(one.entry), sentence)]
    return []


def _fault(one: Anchor, workspace: str, trusted: str | None, heads: dict[int, str]) -> str | None:
    if one.workspace != workspace:
        return f"The anchor of entry {one.entry} is of another workspace."
    public_fits = _fingerprint(one.public) == one.key
    if not public_fits or not holds(one.public, one.statement, one.signature):
        return f"The anchor of entry {one.entry} ({one.at}) was changed: its signature does not hold."
    if trusted is not None and one.public != trusted:
        return f"The anchor of entry {one.entry} ({one.at}) was signed with another key than the one you trust."
    if one.entry not in heads:
        return f"The journal ends before entry {one.entry}, which was anchored at {one.at}: entries were removed."
    if heads[one.entry] != one.head:
        return (
            f"The journal was rewritten: entry {one.entry}, anchored at {one.at}, had the hash {one.head[:16]}… "
            f"and now has {heads[one.entry][:16]}…."
        )
    return None


def _fingerprint(public: str) -> str:
    try:
        return fingerprint(bytes.fromhex(public))
    except ValueError:
        return ""
