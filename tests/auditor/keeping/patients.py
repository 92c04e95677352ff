"""What tests of keeping share: who a patient is, what the lake holds, workspaces without somebody."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from auditor.keeping.erasure import erase_patient, subject_of
from auditor.keeping.rewriting import Erased
from auditor.store import tables as t
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, SYSTEM, Site

#: Has two drafts of one study, a scored image, references to both, and an old version's draft.
PATIENT = small.TWICE
ASKED = LATER + timedelta(hours=1)
AFTER = LATER + timedelta(days=1)


def subject(site: Site, patient: int = PATIENT) -> str:
    return subject_of(site.workspace.key(), f"MRN-{patient}")


def erase(site: Site, patient: int = PATIENT) -> Erased:
    return erase_patient(site.ledger, site.lake, SYSTEM, subject(site, patient), "asked by letter", "test", ASKED)


def kept(site: Site, kind: str) -> list[dict[str, Any]]:
    """The rows of every registered segment of a kind, in order."""
    query = sa.select(t.segments).where(t.segments.c.kind == kind, t.segments.c.bytes > 0)
    segments = site.ledger.read(query.order_by(t.segments.c.seq))
    return [row for segment in segments for row in site.lake.read(segment["sha256"]).to_pylist()]


def everything(site: Site) -> str:
    """Every value of every file in the lake, registered or not, as one text."""
    names = [Path(name).stem for name in site.lake.list()]
    return "\n".join(json.dumps(site.lake.read(name).to_pylist(), default=repr) for name in sorted(names))


def without(rows: list[dict[str, Any]], patient: int) -> list[dict[str, Any]]:
    """Rows as a hospital hands them in, but those of one patient's two studies."""
    own = (f"R-{patient}", f"C-{patient}")
    return [row for row in rows if row["case_id"] not in own and row.get("shown_case_id") not in own]


def never_taken_in(folder: Path, patient: int, *later: tuple[Any, list[dict[str, Any]]]) -> Site:
    """The small hospital into which one patient was never taken in; `later` are more rows, a day apart each."""
    small.build_empty(folder, small.YAML)
    (site,) = small.opened(folder)
    hand_in_and_audit(site, [(kind, without(rows, patient)) for kind, rows in small.records().items()], 0)
    for number, (kind, rows) in enumerate(later, start=1):
        hand_in_and_audit(site, [(kind, without(rows, patient))], number)
    return site


def hand_in_and_audit(site: Site, files: list[tuple[Any, list[dict[str, Any]]]], day: int) -> None:
    at = small.RECEIVED + timedelta(days=day)
    for kind, rows in files:
        site.hand_in(kind, rows, at)
    site.audit(at)
