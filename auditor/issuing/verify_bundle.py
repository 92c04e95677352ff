"""Check an inspector's bundle: python3 verify.py [FOLDER OR ZIP]. Needs Python 3.8 or newer and nothing else.

It recomputes the hash of every file, the hash chain of the journal entries and the signatures (Ed25519), and
holds the report's numbers against the journal. It names the first thing that is not as it was. Compare the key
that it prints with the one printed in the report, or with the one that the hospital published elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

Point = Tuple[int, int, int, int]
Files = Dict[str, bytes]
Entries = Dict[int, Tuple[str, Any, str]]  # number -> table, row, hash


class BrokenError(Exception):
    """Something is not as it was when the bundle was made."""


# Ed25519 as RFC 8032 defines it; only the check of a signature, which holds no secret.
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def _add(a: Point, b: Point) -> Point:
    """The sum of two points in extended coordinates."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return (i * j % P, k * m % P, j * k % P, i * m % P)


def _times(s: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            total = _add(total, point)
        point = _add(point, point)
        s >>= 1
    return total


def _point(data: bytes) -> Optional[Point]:
    """The point that 32 bytes stand for; None where they stand for none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


_base = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
assert _base is not None
BASE: Point = _base


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) of `message` was made with the private half of `public` (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    left, right = _times(s, BASE), _add(r, _times(h, a))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


def _signed(public: str, text: str, signature: str, name: str) -> None:
    try:
        good = signature_holds(bytes.fromhex(public), text.encode(), bytes.fromhex(signature))
    except ValueError:
        good = False
    if not good:
        raise BrokenError(f"{name}: the signature does not hold.")


def check_files(files: Files, manifest: Any) -> None:
    """Every file against the manifest, and none besides."""
    for name, wanted in manifest["files"].items():
        if name not in files:
            raise BrokenError(f"{name}: the file is missing.")
        if hashlib.sha256(files[name]).hexdigest() != wanted:
            raise BrokenError(f"{name}: the file was changed.")
    for name in files:
        if name not in manifest["files"] and name not in ("manifest.json", "manifest.sig", "verify.py"):
            raise BrokenError(f"{name}: the file is not part of the bundle.")


def check_journal(lines: Sequence[str]) -> Entries:
    """Each entry's hash and its link to the one before; the entries by number."""
    entries: Entries = {}
    before: Optional[Tuple[int, str]] = None
    encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
    for line in lines:
        seq, at, actor, action, table, record, previous, own = json.loads(line)
        if before is not None and (seq, previous) != (before[0] + 1, before[1]):
            raise BrokenError(f"journal entry {seq}: does not follow from the entry before it.")
        text = (
            f'{{"action":{encode(action)},"actor":{encode(actor)},"at":{encode(at)},'
            f'"record":{record},"seq":{seq},"table":{encode(table)}}}'
        )
        if hashlib.sha256((previous + text).encode()).hexdigest() != own:
            raise BrokenError(f"journal entry {seq} ({table}): its content does not give its hash.")
        entries[seq] = (table, json.loads(record), own)
        before = (seq, own)
    return entries


def check_anchor(anchor: Any, entries: Entries, manifest: Any) -> None:
    """The signed head is that of the newest entry."""
    statement = (
        f"auditor anchor 1\nworkspace {anchor['workspace']}\nentry {anchor['entry']}\nhead {anchor['head']}\n"
        f"at {anchor['at']}\nkey {anchor['key']}\n"
    )
    _signed(manifest["public"], statement, anchor["signature"], f"anchor of entry {anchor['entry']}")
    newest = max(entries)
    if (anchor["entry"], anchor["head"]) != (newest, entries[newest][2]):
        raise BrokenError(f"journal entry {newest}: is not the one that the anchor names.")


def check_report(files: Files, entries: Entries, manifest: Any) -> int:
    """The report's files are those that the journal says were issued, with the numbers that the audit recorded."""
    issued = [row for table, row, _ in entries.values() if table == "reports" and row["id"] == manifest["report"]]
    if not issued:
        raise BrokenError(f"{manifest['report']}: the journal does not tell of this report.")
    for name, wanted in issued[-1]["files"].items():
        if hashlib.sha256(files.get("report/" + name, b"")).hexdigest() != wanted:
            raise BrokenError(f"report/{name}: is not the file that was issued.")
    content = json.loads(files["report/report.json"])
    shown = {}
    for dossier in content["dossiers"]:
        for row in dossier["rows"]:
            if not row["suppressed"]:
                shown[(dossier["provenance"]["audit"], *(row[name] for name in KEY))] = row
    compared = 0
    for table, row, _ in entries.values():
        if table != "measurements":
            continue
        there = shown.get((row["audit"], *(row[name] for name in KEY)))
        if there is None:
            continue
        for name in ("value", "low", "high"):
            if there[name] != row[name]:
                raise BrokenError(
                    f"report/report.json: {row['measure']} ({row['slice']}) is not what was measured."
                )
        compared += 1
    return compared


KEY = ("measure", "task", "version", "item", "slice", "contrast")


def check_signatures(entries: Entries, manifest: Any) -> List[Any]:
    """Each sign-off of the report; how many there are."""
    keys = {row["id"]: row["public"] for table, row, _ in entries.values() if table == "signing_keys"}
    keys.setdefault(manifest["key"], manifest["public"])
    issued = {row["id"]: row["files"] for table, row, _ in entries.values() if table == "reports"}
    found = []
    for table, row, _ in entries.values():
        if table != "signatures" or row["report"] != manifest["report"]:
            continue
        name = f"sign-off by {row['full_name']}"
        if row["key"] not in keys:
            raise BrokenError(f"{name}: it names a key that the bundle does not hold.")
        _signed(keys[row["key"]], row["statement"], row["signature"], name)
        said = json.loads(row["statement"])
        if said["files"] != issued[row["report"]] or said["full_name"] != row["full_name"]:
            raise BrokenError(f"{name}: it was made for another report.")
        if (said["meaning"], said["decision"], said["at"]) != (row["meaning"], row["decision"], row["at"]):
            raise BrokenError(f"{name}: meaning, decision or time is not what was signed.")
        found.append(row)
    return found


def verify(files: Files) -> List[str]:
    """Check a bundle given as {name: bytes}; returns lines to print. Raises BrokenError."""
    for name in ("manifest.json", "manifest.sig", "journal.jsonl", "anchor.json", "report/report.json"):
        if name not in files:
            raise BrokenError(f"{name}: the file is missing.")
    try:
        manifest = json.loads(files["manifest.json"])
        _signed(
            manifest["public"], files["manifest.json"].decode(), files["manifest.sig"].decode(), "manifest.json"
        )
        if hashlib.sha256(bytes.fromhex(manifest["public"])).hexdigest()[:32] != manifest["key"]:
            raise BrokenError("manifest.json: the key is not the one that it names.")
        check_files(files, manifest)
        entries = check_journal(files["journal.jsonl"].decode().splitlines())
        check_anchor(json.loads(files["anchor.json"]), entries, manifest)
        compared = check_report(files, entries, manifest)
        signed = check_signatures(entries, manifest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenError(f"the bundle is damaged and cannot be read ({type(error).__name__}).") from None
    return [
        f"Intact: {len(manifest['files'])} files, {len(entries)} journal entries, "
        f"{compared} numbers of the report as they were measured.",
        *(
            f"Signed by {row['full_name']}: {row['meaning']}, {row['decision'] or 'no decision'}, {row['at']}."
            for row in signed
        ),
        *([] if signed else ["Nobody has signed this report."]),
        f"Key {manifest['key']}: compare it with the one printed in the report.",
    ]


def read(place: Path) -> Files:
    """The files of a bundle, from its ZIP or from the folder it was unpacked to."""
    if place.is_dir():
        paths = [p for p in place.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
        return {p.relative_to(place).as_posix(): p.read_bytes() for p in paths}
    with zipfile.ZipFile(place) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist() if not one.is_dir()}


def main(arguments: Sequence[str]) -> int:
    """Print what was found; exit code 0 where all is as it was, else 1."""
    place = Path(arguments[0]) if arguments else Path(__file__).resolve().parent
    try:
        for line in verify(read(place)):
            print(line)
    except (BrokenError, OSError, zipfile.BadZipFile) as error:
        print(f"NOT INTACT. {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
