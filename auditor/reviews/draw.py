"""Draw a review sample from what an audit judged, record it, and write a sheet where one is asked for."""

import math
import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from numpy.typing import NDArray

from auditor.audit.judged_table import from_judgements
from auditor.audit.judging import pair_keys, stored_judgements
from auditor.audit.linking import Linked, link
from auditor.audit.recorded import latest_audit, settings_of
from auditor.audit.scope import INPUT_KINDS
from auditor.audit.tallying import rows_within
from auditor.judges import Judge, for_task
from auditor.reviews.correct import sample_named
from auditor.reviews.planning import rates_so_far
from auditor.reviews.questions import COUNTS, ReviewError
from auditor.reviews.sheet import sheet_format, write_sheet
from auditor.reviews.shown import shown
from auditor.settings import AuditSettings
from auditor.store import schemas
from auditor.store import tables as t
from auditor.store.chain import digest_of
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import segments_of
from monitors.intervals import FEW_EVENTS
from monitors.judged import GRID
from monitors.measurement import Window
from monitors.review_sample import Selected, allocate, enough, judge_classes, select
from monitors.reviewed import clustering

TASK: Final = "report"
_COUNTS: Final = tuple(count for counts in COUNTS.values() for count in counts)


@dataclass(frozen=True)
class Drawn:
    """A sample as it was recorded: how many reports of the window each stratum has, and how many were drawn."""

    sample: str
    audit: str
    version: str
    window: Window
    blinded: bool
    strata: tuple[tuple[str, int, int], ...]  # name, reports, drawn
    again: bool  # the very same sample had been drawn before
    ask_for: int = 0  # the smallest sample that holds the unflagged reports a rare error needs; 0 where this does

    @property
    def drawn(self) -> int:
        return sum(drawn for _, _, drawn in self.strata)


@dataclass(frozen=True)
class _Judged:
    """The judged reports of one window and version, row by row."""

    linked: Linked
    judgements: pa.Table
    rows: NDArray[np.int64]  # those that can be reviewed, in the tables above
    classes: NDArray[np.str_]
    output: list[str]
    subject: NDArray[np.str_]
    weight: NDArray[np.float64]


def draw_sample(
    ledger: Ledger,
    lake: Lake,
    system: str,
    *,
    n: int,
    at: datetime,
    actor: str,
    output: Path | None = None,
    blinded: bool = False,
    start: date | None = None,
    end: date | None = None,
) -> Drawn:
    """Draw `n` reports of the newest audit of `system`; write their sheet to `output` (mode 0600) if it is named.

    Without a sheet the sample waits at the desk (`auditor.reviews.desk`). The frame is what that audit saw: its
    rows, its judge, its current version, and its window unless `start` or `end` give another. The judgements come
    from the lake; none is made. Reviews of this judge that the audit could see plan the allocation. Drawing the
    same sample again records nothing and writes the same sheet.

    Raises AuditError where there is no audit yet; ReviewError, or ReviewSampleError, with one sentence: nothing
    judged, another judge since, a sheet that is there already (it may have been filled in).
    """
    form = sheet_format(output) if output else ""
    if start and end and start > end:
        raise ReviewError(f"The window starts on {start} and ends on {end}; give --from before --to.")
    audit = latest_audit(ledger, system)
    window = Window(start, end) if start or end else Window(audit["window_start"], audit["window_end"])
    settings = settings_of(ledger, audit)
    judge = for_task(TASK, settings.tasks[TASK].judge) if TASK in settings.tasks else None
    if judge is None:
        raise ReviewError(f"{system} has no task report; only report drafts are reviewed.")
    version = _current_version(ledger, audit["id"])
    judged = _judged(ledger, lake, system, audit, settings, judge, window, version)
    sizes = {name: int((judged.classes == name).sum()) for name in np.unique(judged.classes).tolist()}
    rates = rates_so_far(ledger, system, judge.digest, audit["as_of"])
    chosen = select(judged.output, judged.classes.tolist(), allocate(sizes, n, rates), settings.seed)
    frame = _frame(judged, sizes)
    about = {
        "system": system,
        "task": TASK,
        "version": version,
        "judge": judge.digest,
        "window_start": window.start,
        "window_end": window.end,
        "blinded": blinded,
        "seed": settings.seed,
        "frame": frame,
    }
    items = _items(judged, chosen)
    sample = f"{system}-review-{digest_of([about, items])[:12]}"
    row = {**about, "id": sample, "audit": audit["id"], "as_of": audit["as_of"]}
    if output is None:
        again = _record(ledger, row, items, at, actor)
    else:
        handle = _open_new(output)
        try:
            again = _record(ledger, row, items, at, actor)
            named = sample_named(ledger, sample)
            write_sheet(handle, form, named, shown(ledger, lake, named).values())
        except BaseException:
            output.unlink(missing_ok=True)
            raise
    drawn = {name: int((judged.classes[chosen.row] == name).sum()) for name in sizes}
    strata = tuple((name, rows, drawn[name]) for name, rows in sizes.items())
    asked = enough(sizes, n, rates)
    return Drawn(sample, audit["id"], version, window, blinded, strata, again, asked if asked > n else 0)


def audited_systems(ledger: Ledger) -> list[str]:
    """The systems that have been audited, so that a sample can be drawn of them."""
    rows = ledger.read(sa.select(t.audits.c.system).distinct().order_by(t.audits.c.system))
    return [row["system"] for row in rows]


def _current_version(ledger: Ledger, audit: str) -> str:
    query = sa.select(t.details.c.payload).where(t.details.c.audit == audit, t.details.c.kind == "current_version")
    return str(ledger.read(query)[0]["payload"])


def _judged(
    ledger: Ledger,
    lake: Lake,
    system: str,
    audit: Any,
    settings: AuditSettings,
    judge: Judge,
    window: Window,
    version: str,
) -> _Judged:
    tables = {}
    for kind in INPUT_KINDS:
        segments = segments_of(ledger, system, kind, as_of=audit["as_of"], pin=audit["segment_pin"])
        tables[kind] = lake.read_many([segment.sha256 for segment in segments], schema=schemas.HELD[kind])
    linked = link(tables["outputs"], tables["references"], tables["cases"], TASK, settings)
    keys = pair_keys(linked, judge.digest)
    judgements = _stored(ledger, lake, system, keys)
    if keys and judgements["judge"].null_count == len(keys):
        raise ReviewError(
            f"Today's judge has judged nothing of what the audit {audit['id']} saw: "
            f"run 'auditor audit {system}' and draw again."
        )
    # what a language model could not be asked is not stored: a missing judgement
    status = pc.fill_null(judgements["status"], "judge_failed")
    judgements = judgements.set_column(judgements.column_names.index("status"), "status", status)
    judged = from_judgements(linked, judgements, keys, TASK, settings)
    inside = pc.and_(rows_within(judged["day"], window), pc.equal(judged["version"].cast(pa.string()), version))
    classes = np.where(np.asarray(inside), judge_classes(judged), "")
    rows = np.flatnonzero(classes != "")
    kept = judged.take(rows)
    return _Judged(
        linked,
        judgements,
        rows,
        classes[rows],
        kept["output_id"].to_pylist(),
        np.asarray(kept["subject_id"].to_pylist(), np.str_),
        np.asarray(kept["weight"].to_pylist(), np.float64) / GRID,
    )


def _stored(ledger: Ledger, lake: Lake, system: str, keys: list[bytes]) -> pa.Table:
    """The judgement of each key from the lake, a row of nulls where there is none."""
    wanted = pa.array(keys, pa.binary(16))
    every = stored_judgements(ledger, lake, system, wanted)
    return every.take(pc.index_in(wanted, value_set=every["key"].combine_chunks()))


def _frame(judged: _Judged, sizes: dict[str, int]) -> dict[str, Any]:
    """The window that is sampled, as the ledger keeps it (see monitors.reviewed.Frame)."""
    flagged = ["contradicted"]
    if sizes.get("contradicted", 0) < FEW_EVENTS:
        flagged.append("unsupported")
    size, rho = clustering(judged.subject, np.isin(judged.classes, flagged))
    yes = _yes(judged)

    def size_of(rows: NDArray[np.bool_]) -> dict[str, Any]:
        return {"rows": int(rows.sum()), "weight": float(judged.weight[rows].sum())}

    strata = []
    for name in sizes:
        inside = judged.classes == name
        said = {question: size_of(inside & answers) for question, answers in yes.items()}
        strata.append({"name": name, **size_of(inside), "yes": said})
    return {
        "strata": strata,
        "cluster_size": size,
        "flag_rho": None if math.isnan(rho) else rho,
        "flagged": flagged,
    }


def _yes(judged: _Judged) -> dict[str, NDArray[np.bool_]]:
    """Which of the reports the judge answers with yes, by question; one without a judgement has no answer."""
    counts = judged.judgements.select(list(_COUNTS)).take(judged.rows)
    there = judged.classes != "missing"
    some = {name: np.asarray(pc.greater(pc.fill_null(counts[name], 0), 0)) & there for name in _COUNTS}
    return {question: np.any([some[name] for name in names], axis=0) for question, names in COUNTS.items()}


def _items(judged: _Judged, chosen: Selected) -> list[dict[str, Any]]:
    counts = judged.judgements.select(list(_COUNTS)).take(judged.rows[chosen.row]).to_pylist()
    return [
        {
            "number": number,
            "output_id": judged.output[row],
            "subject_id": str(judged.subject[row]),
            "stratum": str(judged.classes[row]),
            "probability": float(probability),
            "weight": float(judged.weight[row]),
            "found": None if judged.classes[row] == "missing" else found,
        }
        for number, (row, probability, found) in enumerate(
            zip(chosen.row.tolist(), chosen.probability.tolist(), counts, strict=True), start=1
        )
    ]


def _record(ledger: Ledger, sample: dict[str, Any], items: list[dict[str, Any]], at: datetime, actor: str) -> bool:
    """Write sample and items in one transaction; says whether they were there."""
    with ledger.transaction(actor=actor, at=at) as tx:
        if tx.read(sa.select(t.review_samples.c.id).where(t.review_samples.c.id == sample["id"])):
            return True
        tx.insert(t.review_samples, [sample | {"seq": tx.next(t.review_samples), "drawn_at": at, "actor": actor}])
        tx.insert(t.review_items, [{"sample": sample["id"], **item} for item in items])
    return False


def _open_new(path: Path) -> int:
    """A new file that only its owner can read; one that is there may hold a reviewer's work."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ReviewError(f"{path} exists already and may be filled in; name another file.") from None
