"""Errors that reached the signed report: drafts, and what was signed from them, against an independent reference.

It can be known where `audit.yaml` holds reports against a reference that is not the signed one (an adjudication,
say) and the signed report is there too, written with the draft in view.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.judging import Progress, judge_pairs, pair_keys
from auditor.audit.linking import DEFAULT_REFERENCE, Linked, final_reports
from auditor.judges import Judge
from auditor.judges.report import SIGNIFICANT
from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger

_SIGNED: Final = DEFAULT_REFERENCE["report"]


@dataclass(frozen=True)
class Reaching:
    """`reached` is aligned with the outputs (1, 0, null where it cannot be known); `cases` are for a look-back."""

    reached: pa.Array
    cases: tuple[dict[str, Any], ...] = ()
    unsettled: tuple[bytes, ...] = ()


def is_known(settings: AuditSettings, task: str) -> bool:
    """Whether reports are held against something else than the signed report."""
    return task == "report" and settings.tasks["report"].reference not in (None, _SIGNED)


def reaching(
    ledger: Ledger,
    lake: Lake,
    settings: AuditSettings,
    judge: Judge,
    linked: Linked,
    judgements: pa.Table,
    references: pa.Table,
    transaction: Callable[[], Any],
    progress: Progress,
) -> Reaching:
    """Hold each signed report against the reference that its draft was held against, and compare both's errors.

    For settings of which `is_known` holds.
    """
    rows = linked.outputs.num_rows
    nothing = pa.nulls(rows, pa.int8())
    signed = final_reports(linked.outputs, references)
    judged = np.asarray(pc.equal(judgements["status"], "judged").fill_null(False))
    both = np.flatnonzero(judged & linked.has_reference & np.asarray(signed["digest"].is_valid()))
    if not len(both):
        return Reaching(nothing)
    beside = _signed_instead(linked, signed, both)
    found = judge_pairs(
        ledger, lake, settings.system, judge, beside, pair_keys(beside, judge.digest), transaction, progress
    )
    values: list[int | None] = [None] * rows
    cases = []
    drafts = judgements["errors"].take(both).to_pylist()
    finals = found.judgements["errors"].to_pylist()
    read = found.judgements["status"].to_pylist()
    for row, draft, final, status in zip(both.tolist(), drafts, finals, read, strict=True):
        if status != "judged":
            continue
        kept = sorted(_significant(draft) & _significant(final))
        values[row] = int(bool(kept))
        if kept:
            about = {
                name: linked.outputs[name][row].as_py() for name in ("case_id", "output_id", "version", "day")
            }
            cases.append(about | {"day": about["day"] and about["day"].isoformat(), "findings": kept})
    return Reaching(pa.array(values, pa.int8()), tuple(cases), found.unsettled)


def _significant(errors: list[dict[str, Any]] | None) -> set[str]:
    """Findings that a text asserts, its reference denies, and that would matter."""
    return {
        str(error["finding"])
        for error in errors or ()
        if error["kind"] == "contradicted" and error["significance"] in SIGNIFICANT
    }


def _signed_instead(linked: Linked, signed: pa.Table, rows: np.ndarray[Any, Any]) -> Linked:
    """These rows with the signed text in the place of the draft."""
    outputs = linked.outputs.take(rows)
    for name in ("text", "digest"):
        place = outputs.schema.get_field_index(name)
        column = signed[name].take(rows).cast(outputs.schema.field(name).type)
        outputs = outputs.set_column(place, outputs.schema.field(name), column)
    return Linked(outputs, linked.references.take(rows), linked.cases.take(rows), linked.weight[rows])
