"""One output of an audit and its case: what was said, what is true, what was found wrong, and by whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.judging import pair_keys
from auditor.audit.linking import Linked, beside
from auditor.cases.errors import NoSuchCaseError
from auditor.cases.gather import schema_of
from auditor.cases.index import CaseIndex, Whereabouts
from auditor.cases.judged import missed
from auditor.cases.marks import Claims, Mark, Piece, claims_of, error_marks, pieces
from auditor.cases.policy import shown
from auditor.cases.seen import Seen
from auditor.judges.report import NO_REFERENCE
from auditor.replay.protocol import Picture
from auditor.settings import AuditSettings
from auditor.store.lake import Lake


@dataclass(frozen=True)
class ErrorFound:
    """One error of the output; `number` is that of its marks in the texts."""

    number: int
    code: str
    kind: str
    finding: str
    significance: str
    in_draft: bool
    in_reference: bool


@dataclass(frozen=True)
class Scored:
    """One finding of a classifier: the score, what it decides, what the label says."""

    finding: str
    score: float | None
    decision: int | None
    label: int | None


@dataclass(frozen=True)
class Shown:
    """As much of a text as may be shown. `there` says whether there is a text at all."""

    there: bool
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class OneCase:
    """All that a page shows of one output."""

    at: Whereabouts
    origin: str
    attributes: tuple[tuple[str, str], ...]
    draft_seen: str
    status: str
    reason: str
    judge: str  # name and the beginning of its digest
    policy: str
    question: Shown
    draft: Shown
    reference: Shown
    errors: tuple[ErrorFound, ...]
    pairs: tuple[tuple[int, str, str], ...]
    scores: tuple[Scored, ...]
    pictures: tuple[Picture, ...]


def one_case(lake: Lake, index: CaseIndex, seen: Seen, output_id: str) -> OneCase:
    """One output of the audit's window. Raises NoSuchCaseError where there is none of that id.

    Reads the few segments in which the index says its rows lie, batch by batch until they are found.
    """
    at = index.find(output_id)
    linked = _linked(lake, at, seen)
    judgement = _judgement(lake, at, linked, seen)
    output, case, reference = (table.to_pylist()[0] for table in (linked.outputs, linked.cases, linked.references))
    task = at.task
    errors: list[dict[str, Any]] = judgement["errors"] or [] if judgement else []
    in_draft, in_reference = error_marks(errors)
    claims = Claims()
    if task == "report" and output["text"] and reference["text"]:
        claims = claims_of(output["text"], reference["text"], seen.settings.tasks["report"].judge)
    scores = _scores(output, reference, seen.settings) if task == "classification" else ()
    found = _found(errors)
    if task == "vqa" and judgement is not None:
        in_draft, in_reference, found = _answer(judgement, output, reference)
    if task == "retrieval" and judgement and missed(judgement["recall_at_10"], judgement["reciprocal_rank"]):
        found = (ErrorFound(1, "MISS", "unlisted", "", "", False, False),)
    policy = seen.settings.exemplars
    draft = _shown(output["text"], in_draft, claims.draft, policy)
    beside_it = _shown(reference["text"], in_reference, claims.reference, policy)
    visible = {
        mark.number for one in (draft, beside_it) for p in one.pieces for mark in p.marks if mark.role == "pair"
    }
    judge = seen.judges[task]
    return OneCase(
        at=at,
        origin=output["origin"],
        attributes=_attributes(case["attributes"] or (), seen.settings),
        draft_seen=reference["draft_seen"] or "none",
        status=at.outcome,
        reason=_reason(at.outcome, judgement),
        judge=f"{judge.name} {judge.digest[:12]}",
        policy=policy,
        question=_question(output["prompt"], bool(in_draft), policy),
        draft=draft,
        reference=beside_it,
        errors=found or _wrong_decisions(scores, seen.settings),
        pairs=tuple(pair for pair in claims.pairs if pair[0] in visible),
        scores=scores,
        pictures=_pictures(case["images"] or output["images"] or ()),
    )


def pictures_of(lake: Lake, index: CaseIndex, output_id: str) -> tuple[Whereabouts, tuple[Picture, ...]]:
    """The images of an output's case in the order of its row; the output's own where it names none."""
    at = index.find(output_id)
    rows = _rows(lake, at.case_segment, "cases", "case_id", at.case_id)
    images = rows["images"].to_pylist()[-1] if rows.num_rows else None
    if not images:
        output = _rows(lake, at.output_segment, "outputs", "output_id", output_id)
        images = output["images"].to_pylist()[0] if output.num_rows else None
    return at, _pictures(images or ())


def _attributes(given: Sequence[tuple[str, str | None]], settings: AuditSettings) -> tuple[tuple[str, str], ...]:
    """What audit.yaml names of a case; what else came with it is nobody's business here."""
    named = {*settings.slice_attributes, *settings.attributes}
    return tuple(sorted((name, value or "") for name, value in given if name in named))


def _pictures(images: Sequence[dict[str, Any]]) -> tuple[Picture, ...]:
    return tuple(Picture(image["uri"] or "", image["sha256"]) for image in images)


def _linked(lake: Lake, at: Whereabouts, seen: Seen) -> Linked:
    """The output beside its reference and its case, exactly as the audit put them together."""
    output = _rows(lake, at.output_segment, "outputs", "output_id", at.output_id)
    if not output.num_rows:
        raise NoSuchCaseError("This output is not in the lake any more; go back to the list.")
    references = [_rows(lake, name, "references", "case_id", at.case_id) for name in at.reference_segments]
    cases = _rows(lake, at.case_segment, "cases", "case_id", at.case_id)
    every = pa.concat_tables([schema_of("references").empty_table(), *references])
    return beside(output.slice(0, 1), every, cases, at.task, seen.settings)


def _rows(lake: Lake, sha256: str | None, kind: str, column: str, value: str) -> pa.Table:
    """The rows of one segment with this value, in order. Of an output there is one, so reading stops there."""
    schema = schema_of(kind)
    found = []
    for batch in lake.batches(sha256) if sha256 else ():
        rows = batch.filter(pc.equal(batch[column], value))
        if rows.num_rows:
            arrays = [
                rows[f.name] if f.name in rows.schema.names else pa.nulls(rows.num_rows, f.type) for f in schema
            ]
            found.append(pa.Table.from_arrays(arrays, schema=schema))
            if kind == "outputs":
                break
    return pa.concat_tables([schema.empty_table(), *found]).combine_chunks()


def _judgement(lake: Lake, at: Whereabouts, linked: Linked, seen: Seen) -> dict[str, Any] | None:
    """The judgement of this pair by the audit's judge; None where the lake has none."""
    if at.judgement_segment is None:
        return None
    (key,) = pair_keys(linked, seen.judges[at.task].digest)
    for batch in lake.batches(at.judgement_segment):
        rows = batch.filter(pc.equal(batch["key"], pa.scalar(key, pa.binary(16))))
        if rows.num_rows:
            found: dict[str, Any] = rows.to_pylist()[0]
            return found
    return None


def _found(errors: Sequence[dict[str, Any]]) -> tuple[ErrorFound, ...]:
    return tuple(
        ErrorFound(
            number,
            error["code"] or "",
            error["kind"] or "",
            error["finding"] or "",
            error["significance"] or "",
            error["draft_start"] is not None,
            error["reference_start"] is not None,
        )
        for number, error in enumerate(errors, start=1)
    )


def _answer(
    judgement: dict[str, Any], output: dict[str, Any], reference: dict[str, Any]
) -> tuple[list[Mark], list[Mark], tuple[ErrorFound, ...]]:
    """A wrong answer is an error as a whole, with the reference that it is held against."""
    abstained = judgement["status"] == "judged" and judgement["abstained"] == 1
    wrong = judgement["status"] == "judged" and judgement["correct"] == 0 and not abstained
    if not (wrong or abstained):
        return [], [], ()
    said, truth = output["text"] or "", reference["text"] or ""
    code, kind = ("ABS", "abstained") if abstained else ("WRONG", "wrong")
    found = ErrorFound(1, code, kind, "", "", bool(said), bool(truth))
    return [Mark(0, len(said), "error", 1)], [Mark(0, len(truth), "error", 1)], (found,)


def _scores(output: dict[str, Any], reference: dict[str, Any], settings: AuditSettings) -> tuple[Scored, ...]:
    """What a classifier said of each finding, beside the label."""
    task = settings.tasks["classification"]
    given = {name: dict(output[name] or ()) for name in ("scores", "decisions")}
    labels = dict(reference["labels"] or ())
    names = task.findings or sorted({*given["scores"], *given["decisions"]})
    found = []
    for name in names:
        score, decision = given["scores"].get(name), given["decisions"].get(name)
        point = task.operating_points.get(name)
        if decision is None and score is not None and point is not None:
            decision = int(score >= point)
        found.append(Scored(name, score, decision, labels.get(name)))
    return tuple(found)


def _wrong_decisions(scores: Sequence[Scored], settings: AuditSettings) -> tuple[ErrorFound, ...]:
    critical = settings.tasks["classification"].critical if scores else None
    wrong = [one for one in scores if None not in (one.decision, one.label) and one.decision != one.label]
    found = []
    for number, one in enumerate(wrong, start=1):
        grave = critical is not None and one.finding in critical.findings
        code, kind = ("FN", "critical" if grave else "missed") if one.label == 1 else ("FP", "false_alarm")
        found.append(ErrorFound(number, code, kind, one.finding, "", False, False))
    return tuple(found)


def _shown(text: str | None, errors: Sequence[Mark], claims: Sequence[Mark], policy: str) -> Shown:
    if not text:
        return Shown(False)
    return Shown(True, pieces(text, [*errors, *claims], shown(text, errors, policy)))


def _question(prompt: str | None, wrong: bool, policy: str) -> Shown:
    """The question belongs to the sentences around an error."""
    if not prompt:
        return Shown(False)
    return Shown(True, (Piece(prompt),) if wrong and policy == "sentence" else ())


def _reason(outcome: str, judgement: dict[str, Any] | None) -> str:
    if outcome == "awaiting":
        return f"{NO_REFERENCE[0].upper()}{NO_REFERENCE[1:]}."
    if judgement is None or not judgement["reason"]:
        return ""
    reason = str(judgement["reason"])
    return f"{reason[0].upper()}{reason[1:]}."
