"""Erasing a patient: every row of theirs leaves the lake, and the journal says that it did, when and why.

What stays, and why:

- The journal and all tables stay as they were: what is chained cannot be taken out without breaking the proof that
  nothing else was. They name the patient by keyed hash only, in the erasure itself, in holds, in review samples
  (patient, output), in quarantine (rows whose identifiers and texts were replaced) and in look-back lists (case).
  Frozen sets name rows by the digest of their content, which nobody can make without the key.
- Measurements of earlier audits stay: sums over many patients. So do the weeks that charts have sealed, and
  Evidently's pages, which hold distributions and no texts.
- Where `exemplars` in audit.yaml is `span` or `sentence`, audits quote the words of the worst errors, and the
  journal and written reports keep these words, with their case by keyed hash. So the default is `none`.
- Judgements by a judge that this version can no longer make stay: they hold counts and no identifier, and
  nobody can tell any more whose they are. `Erased.lost_judges` names such judges.

The source files, back-ups, review sheets and written reports lie outside the lake and are not touched.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import pyarrow as pa
import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from auditor.intake.pseudonyms import Pseudonyms
from auditor.keeping.errors import KeepingError
from auditor.keeping.holds import check_system, held_patients, refuse_if_held, said
from auditor.keeping.judged import judgement_keys, judges_of
from auditor.keeping.rewriting import Erased, Order, erase, sweep
from auditor.keeping.rows import Chosen, cases_of, identifiers, live_segments, names
from auditor.records import Id
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import Readable, Registered

_REQUEST: Final = "request"


def subject_of(key: bytes, patient: str) -> str:
    """The keyed hash that intake gives a patient's identifier. Raises KeepingError for what is no identifier."""
    try:
        if identifier := TypeAdapter(Id).validate_python(patient):
            return Pseudonyms(key).of("patient", identifier)
    except ValidationError:
        pass
    raise KeepingError("A patient's identifier is empty or longer than 512 characters.")


def unknown_patients(ledger: Ledger, lake: Lake, system: str, subjects: Collection[str]) -> frozenset[str]:
    """Those of these patients of whom the system has no row and no erasure. Raises KeepingError."""
    check_system(ledger, system)
    wanted = set(subjects) - _erased_before(ledger, system)
    if not wanted:
        return frozenset()
    tables = identifiers(lake, live_segments(ledger, system))
    columns = (("cases", "subject_id"), ("cases", "patient_key"), ("outputs", "patient_key"))
    for kind, column in columns:
        wanted -= set(tables[kind][column].unique().to_pylist())
    return frozenset(wanted)


def erase_patient(
    ledger: Ledger, lake: Lake, system: str, subject: str, reason: str, actor: str, at: datetime
) -> Erased:
    """Erase every row of one patient, by keyed hash, from the lake of a system.

    Rows that name the patient go, and all rows of their cases: outputs, references and judgements, and what was
    said while their images were shown. Done again it finds nothing, and deletes files that a crash left behind.
    Do it when no intake and no audit of the system is at work: one that has read the rows before can still write
    judgements of them.

    Raises KeepingError under a hold, for a patient of whom nothing is known, and where a row of theirs belongs
    to another patient under a hold.
    """
    check_system(ledger, system)
    order = Order(system, _REQUEST, subject, said(reason), actor, at)

    def choose(segments: Sequence[Registered]) -> Chosen:
        tables = identifiers(lake, segments)
        chosen = Chosen(cases=names(cases_of(tables, {subject})), people=names([subject]))
        _refuse_held_rows(tables, chosen, held_patients(ledger, system) - {subject})
        return replace(chosen, judgements=judgement_keys(tables, chosen, judges))

    def guard(reader: Readable) -> None:
        refuse_if_held(reader, system, subject)

    judges = judges_of(ledger, system)
    erased = erase(ledger, lake, order, choose, guard)
    if not erased.total:
        if subject not in _erased_before(ledger, system):
            raise KeepingError(
                f"Nothing of this patient is in {system}; check the identifier, as the files that were taken in "
                "gave it."
            )
        return Erased(deleted=sweep(ledger, lake, system))
    return replace(erased, lost_judges=judges.lost)


def _erased_before(reader: Readable, system: str) -> set[str]:
    query = sa.select(t.erasures.c.subject).where(t.erasures.c.system == system, t.erasures.c.kind == _REQUEST)
    return {row["subject"] for row in reader.read(query)}


def _refuse_held_rows(tables: dict[str, pa.Table], chosen: Chosen, held: frozenset[str]) -> None:
    """Raises KeepingError where a row that would go belongs to a case of a held patient."""
    kept = cases_of(tables, held)
    for kind in ("cases", "outputs"):
        if kept & set(tables[kind]["case_id"].filter(chosen.of(tables[kind], kind)).to_pylist()):
            raise KeepingError(
                "A row of this patient belongs to a study of another patient, who is under a hold; "
                "nothing was erased."
            )
