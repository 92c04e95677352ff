"""The worst judged errors of a window, as a committee may see them: texts only as the policy allows."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.linking import Linked
from auditor.audit.tallying import rows_within
from monitors.measurement import Window
from reports.dossier import Exemplar

MOST = 12
_GRAVITY = {"urgent": 0, "actionable": 1, "not_actionable": 2, "benign": 3}
_KINDS = {"contradicted": 0, "laterality": 1, "omitted": 2, "unsupported": 3, "unaddressed": 4}
_SENTENCE_END = re.compile(r"[.!?\n](?=\s|$)")


def worst(linked: Linked, judgements: pa.Table, window: Window, policy: str) -> list[Exemplar]:
    """The gravest errors of the window, at most one a case and no more than a third of one finding.

    `policy` is ``none`` (no text), ``span`` (the offending words) or ``sentence`` (the sentence around them).
    """
    inside = np.asarray(rows_within(linked.outputs["day"], window))
    errors = judgements["errors"].to_pylist()
    found = [(_rank(error), row, error) for row in np.flatnonzero(inside).tolist() for error in errors[row] or ()]
    found.sort(key=lambda entry: (entry[0], entry[1]))
    chosen: list[Exemplar] = []
    cases: set[str] = set()
    findings: dict[str, int] = {}
    for _, row, error in found:
        case = linked.outputs["case_id"][row].as_py()
        if case in cases or findings.get(error["finding"], 0) >= MOST // 3:
            continue
        cases.add(case)
        findings[error["finding"]] = findings.get(error["finding"], 0) + 1
        chosen.append(_exemplar(linked, row, error, case, policy))
        if len(chosen) == MOST:
            break
    return chosen


def error_counts(judgements: pa.Table, inside: pa.ChunkedArray) -> dict[str, int]:
    """How often each error code was found in the window."""
    errors = judgements.filter(inside)["errors"].combine_chunks().flatten()
    counts = pc.value_counts(errors.field("code")).to_pylist() if len(errors) else []
    return {row["values"]: row["counts"] for row in sorted(counts, key=lambda row: str(row["values"]))}


def _rank(error: dict[str, Any]) -> tuple[int, int]:
    return _GRAVITY.get(error["significance"], 4), _KINDS.get(error["kind"] or "", 5)


def _exemplar(linked: Linked, row: int, error: dict[str, Any], case: str, policy: str) -> Exemplar:
    draft, draft_span = _excerpt(
        linked.outputs["text"][row].as_py(), error["draft_start"], error["draft_end"], policy
    )
    reference, reference_span = _excerpt(
        linked.references["text"][row].as_py(), error["reference_start"], error["reference_end"], policy
    )
    return Exemplar(
        case=case[:10],
        code=error["code"],
        kind=error["kind"] or "",
        finding=error["finding"] or "",
        significance=error["significance"] or "",
        draft=draft,
        draft_span=draft_span,
        reference=reference,
        reference_span=reference_span,
    )


def _excerpt(
    text: str | None, start: int | None, end: int | None, policy: str
) -> tuple[str, tuple[int, int] | None]:
    """The words at [start, end) with as much around them as the policy allows, and where they are in that."""
    if policy == "none" or not text or start is None or end is None:
        return "", None
    if policy == "span":
        return text[start:end], (0, end - start)
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    first = max((stop for stop in ends if stop <= start), default=0)
    last = min((stop for stop in ends if stop >= end), default=len(text))
    lead = len(text[first:last]) - len(text[first:last].lstrip())
    shown = text[first:last].strip()
    return shown, (start - first - lead, min(end - first - lead, len(shown)))
