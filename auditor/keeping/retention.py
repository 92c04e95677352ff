"""The end of retention: rows that are older than law and the site's policy ask for, and erasing them.

An output is as old as its day, a study as the youngest of its own date and its outputs; what has no date is as old
as its receipt. A study goes whole, with its references, once it and all that was said of it are past; judgements
go with their outputs. Measurements, verdicts, reports and the journal stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from auditor.keeping.errors import KeepingError
from auditor.keeping.holds import check_system, held_patients, refuse_if_held
from auditor.keeping.judged import judgement_keys, judges_of
from auditor.keeping.rewriting import Erased, Order, count, erase
from auditor.keeping.rows import Chosen, cases_of, identifiers, live_segments, names
from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import Readable, Registered

#: Years that documentation is kept at least: 45 CFR 164.316(b)(2)(i).
FLOOR: Final = 6


@dataclass(frozen=True)
class Due:
    """What is past retention: rows by kind, dated before `before`; `held` outputs and studies stay for a hold."""

    years: int
    before: date
    rows: dict[str, int]
    held: int


def years_of(settings: AuditSettings) -> int:
    """How many years rows are kept: the longer of six and the site's policy."""
    return max(FLOOR, settings.retention_years or FLOOR)


def cut_off(today: date, years: int) -> date:
    """The first day that is still within retention.

    >>> cut_off(date(2032, 2, 29), 6)
    datetime.date(2026, 2, 28)
    """
    try:
        return today.replace(year=today.year - years)
    except ValueError:  # 29 February
        return today.replace(year=today.year - years, day=28)


def due(ledger: Ledger, lake: Lake, settings: AuditSettings, today: date) -> Due:
    """What is past retention on this day, and what a hold on its patient keeps. Writes nothing.

    Raises KeepingError for a system that this workspace does not know.
    """
    check_system(ledger, settings.system)
    before = cut_off(today, years_of(settings))
    segments = live_segments(ledger, settings.system)
    chosen, held = _past(ledger, lake, settings.system, segments, before)
    return Due(years_of(settings), before, count(lake, segments, chosen), held)


def apply(ledger: Ledger, lake: Lake, settings: AuditSettings, today: date, actor: str, at: datetime) -> Erased:
    """Erase what is past retention on this day, as a patient is erased; `rows` is empty where nothing is.

    Rows of patients under a hold stay. Raises KeepingError under a hold on the whole system, and where a hold
    was placed or lifted while it was at work.
    """
    system, years = settings.system, years_of(settings)
    check_system(ledger, system)
    before = cut_off(today, years)
    reason = f"Older than {years} years: dated before {before.isoformat()}."
    held = held_patients(ledger, system)

    def choose(segments: Sequence[Registered]) -> Chosen:
        return _past(ledger, lake, system, segments, before)[0]

    def guard(reader: Readable) -> None:
        refuse_if_held(reader, system)
        if held_patients(reader, system) != held:
            raise KeepingError("A hold was placed or lifted meanwhile; nothing was erased, try again.")

    erased = erase(ledger, lake, Order(system, "retention", None, reason, actor, at), choose, guard)
    return replace(erased, lost_judges=judges_of(ledger, system).lost) if erased.total else erased


def _past(
    ledger: Ledger, lake: Lake, system: str, segments: Sequence[Registered], before: date
) -> tuple[Chosen, int]:
    """What goes, and how many outputs and studies stay only for a hold on their patient."""
    tables = identifiers(lake, segments)
    outputs = tables["outputs"]
    people = held_patients(ledger, system)
    kept = names(cases_of(tables, people))
    old = pc.less(_day_of_output(outputs), before)
    covered = pc.or_(
        pc.or_(_among(outputs["case_id"], kept), _among(outputs["shown_case_id"], kept)),
        _among(outputs["patient_key"], names(people)),
    )
    past = _past_cases(tables, before)
    free = past.filter(pc.invert(_among(past, kept)))
    chosen = Chosen(
        cases=free, outputs=outputs["output_id"].filter(pc.and_(old, pc.invert(covered))).combine_chunks()
    )
    chosen = replace(chosen, judgements=judgement_keys(tables, chosen, judges_of(ledger, system)))
    held = pc.sum(pc.and_(old, covered)).as_py() or 0
    return chosen, held + len(past) - len(free)


def _past_cases(tables: dict[str, pa.Table], before: date) -> pa.Array:
    """The studies of which every row that has a date is past; references count where there is nothing else."""
    cases, outputs, references = (tables[kind] for kind in ("cases", "outputs", "references"))
    studied = pc.coalesce(pc.cast(cases["studied_at"], pa.date32(), safe=False), cases["received"])
    day = _day_of_output(outputs)
    dated = [_days(cases["case_id"], studied), _days(outputs["case_id"], day)]
    dated.append(_days(outputs["shown_case_id"], day).filter(pc.field("case").is_valid()))
    known = pc.unique(pa.concat_tables(dated)["case"])
    alone = references.filter(pc.invert(_among(references["case_id"], known)))
    dated.append(_days(alone["case_id"], alone["received"]))
    newest = pa.concat_tables(dated).group_by("case").aggregate([("day", "max")])
    past: pa.Array = newest.filter(pc.less(newest["day_max"], before))["case"].combine_chunks()
    return past


def _day_of_output(outputs: pa.Table) -> pa.ChunkedArray:
    return pc.coalesce(outputs["day"], outputs["received"])


def _days(cases: pa.ChunkedArray, days: pa.ChunkedArray) -> pa.Table:
    return pa.table({"case": cases, "day": days}, schema=pa.schema([("case", pa.string()), ("day", pa.date32())]))


def _among(values: pa.ChunkedArray | pa.Array, wanted: pa.Array) -> pa.ChunkedArray:
    return pc.is_in(values, value_set=wanted)
