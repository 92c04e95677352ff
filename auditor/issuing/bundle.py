"""The bundle for an inspector: a ZIP with a report, its evidence, the journal behind it, and a verifier."""

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from auditor.issuing.issue import Issued, stored
from auditor.signing.anchors import Anchor, make_anchor
from auditor.signing_key import SigningKey
from auditor.store import tables as t
from auditor.store.chain import canonical
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger

_README: Final = """\
An inspector's bundle of auditor, about {report}.

  report/         the report as it was issued: page, PDF, numbers (JSON), summary, model card
  evidence/       settings and rules that it was made by, alerts with their whole life, incidents, sign-offs
  journal.jsonl   the entries of the hash-chained journal from the audit to the newest
  anchor.json     the newest entry, signed
  manifest.json   the SHA-256 of every file here; manifest.sig is its signature (Ed25519)
  verify.py       checks all of it: python3 verify.py (Python 3.8 or newer, nothing else)

The journal names patients only by keyed hashes. Report text is in it where audit.yaml allows examples to be kept.
Compare the key that verify.py prints with the one in the report, or with the one that was given to you before.
"""
#: ZIP has no time before; the bundle of the same state is the same bytes.
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class BundleError(ValueError):
    """One clear sentence about a bundle that cannot be made."""


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds."""

    file: str
    report: str
    entries: int
    signatures: int
    key: str


def write_bundle(
    ledger: Ledger, lake: Lake, workspace: str, report: str, key: SigningKey, file: Path, at: datetime
) -> tuple[Bundle, Anchor]:
    """Write the bundle of a report; the anchor that it ends with. Raises BundleError where `file` exists."""
    if file.exists():
        raise BundleError(f"{file} exists already; name a new file.")
    if not file.parent.is_dir():
        raise BundleError(f"There is no folder {file.parent} to write the bundle to.")
    issued = stored(ledger, lake, report)
    anchor = make_anchor(ledger, workspace, key, at)
    first = _first_entry(ledger, issued)
    journal = _journal(ledger, first, anchor.entry)
    files = {f"report/{name}": data for name, data in issued.files.items()}
    files |= {f"evidence/{name}.json": data for name, data in _evidence(ledger, issued).items()}
    files["journal.jsonl"] = journal
    files["anchor.json"] = (json.dumps(asdict(anchor), indent=1) + "\n").encode()
    files["README.txt"] = _README.format(report=report).encode()
    manifest = {
        "bundle": "auditor bundle 1",
        "report": report,
        "made": anchor.at,
        "key": key.id,
        "public": key.public.hex(),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    files["manifest.json"] = text.encode()
    files["manifest.sig"] = key.sign(text).encode()
    files["verify.py"] = resources.files("auditor.issuing").joinpath("verify_bundle.py").read_bytes()
    file.write_bytes(_zipped(files))
    signed = ledger.read(sa.select(sa.func.count().label("n")).where(t.signatures.c.report == report))[0]["n"]
    return Bundle(str(file), report, journal.count(b"\n"), signed, key.id), anchor


def _first_entry(ledger: Ledger, issued: Issued) -> int:
    """The entry that recorded the (oldest) audit of the report: all that matters came with it or after it."""
    content = json.loads(issued.files["report.json"])
    audits = [dossier["provenance"]["audit"] for dossier in content["dossiers"]]
    rows = ledger.read(
        sa.select(t.journal.c.seq, t.journal.c.record)
        .where(t.journal.c.table_name == "audits", t.journal.c.action == "insert")
        .order_by(t.journal.c.seq)
    )
    return min(int(row["seq"]) for row in rows if json.loads(row["record"])["id"] in audits)


def _journal(ledger: Ledger, first: int, last: int) -> bytes:
    lines = io.StringIO()
    columns = ("seq", "at", "actor", "action", "table_name", "record", "previous", "hash")
    query = sa.select(t.journal).where(t.journal.c.seq.between(first, last)).order_by(t.journal.c.seq)
    for row in ledger.read(query):
        lines.write(json.dumps([row[name] for name in columns]) + "\n")
    return lines.getvalue().encode()


def _evidence(ledger: Ledger, issued: Issued) -> dict[str, bytes]:
    """What an inspector asks for beside the report, by name."""
    content = json.loads(issued.files["report.json"])
    systems = [dossier["system"] for dossier in content["dossiers"]]
    configs = [dossier["provenance"]["config"] for dossier in content["dossiers"]]
    alerts = sa.select(t.alerts.c.id).where(t.alerts.c.system.in_(systems))
    found: dict[str, Any] = {
        "settings": _rows(ledger, sa.select(t.configs).where(t.configs.c.id.in_(configs))),
        "rules": _rows(ledger, sa.select(t.thresholds).where(t.thresholds.c.system.in_(systems))),
        "alerts": _rows(ledger, sa.select(t.alerts).where(t.alerts.c.system.in_(systems))),
        "alert_events": _rows(ledger, sa.select(t.alert_events).where(t.alert_events.c.alert.in_(alerts))),
        "incidents": _rows(ledger, sa.select(t.incidents).where(t.incidents.c.system.in_(systems))),
        "sign-offs": _rows(ledger, sa.select(t.signatures).where(t.signatures.c.report == issued.report)),
        "controls": {"controls": content["briefing"]["controls"], "evidence": content["briefing"]["evidence"]},
    }
    return {name: (canonical(value) + "\n").encode() for name, value in found.items()}


def _rows(ledger: Ledger, query: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in ledger.read(query)]


def _zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            archive.writestr(member, data)
    return out.getvalue()
