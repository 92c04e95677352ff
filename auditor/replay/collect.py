"""From questions to replayed outputs in the lake; nothing is asked twice, whatever happens in between."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import pyarrow.compute as pc
from pydantic import ValidationError

from auditor.intake.held import take_in
from auditor.records import Output
from auditor.replay.cost import Underway
from auditor.replay.notebook import Notebook
from auditor.replay.protocol import Answer, Model, Prompt, ReplayError
from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import segments_of

Progress = Callable[[Underway], None]

#: Answers in one transaction and segment; until then they are in the notebook.
_BLOCK: Final = 500


@dataclass(frozen=True)
class Replayed:
    """What became of the questions. `known` were answered before; `unanswered` may be asked again."""

    questions: int = 0
    known: int = 0
    asked: int = 0
    errors: int = 0  # of the asked: answered with an error, which is kept
    unanswered: int = 0  # of the asked: the server's trouble, of which nothing is kept
    tokens: int = 0
    seconds: float = 0.0  # spent by the model, added up over the answers
    stopped: bool = False  # at the budget, before the last question


@dataclass(frozen=True)
class Budget:
    """Where to stop asking: tokens read and written, or seconds of the model, this time."""

    tokens: int | None = None
    seconds: float | None = None

    def spent(self, so_far: "_Count") -> bool:
        over_tokens = self.tokens is not None and so_far.tokens >= self.tokens
        return over_tokens or (self.seconds is not None and so_far.seconds >= self.seconds)


@dataclass
class _Count:
    asked: int = 0
    errors: int = 0
    unanswered: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def add(self, answer: Answer) -> None:
        self.asked += 1
        self.errors += answer.settled and answer.error is not None
        self.unanswered += not answer.settled
        self.tokens += answer.tokens or 0
        self.seconds += (answer.latency_ms or 0.0) / 1000.0


def replay(
    prompts: Sequence[Prompt],
    model: Model,
    notebook: Notebook,
    *,
    settings: AuditSettings,
    version: str,
    ledger: Ledger,
    lake: Lake,
    clock: Callable[[], datetime],
    actor: str,
    budget: Budget | None = None,
    progress: Progress | None = None,
) -> Replayed:
    """Ask what was not answered before and register the answers as replayed outputs of `version`.

    Raises ReplayError where the intake refuses an answer that the model gave.
    """
    budget = budget or Budget()

    def register() -> None:
        rows = notebook.rows()
        if rows:
            outputs = [Output.model_validate(row) for row in rows]
            where = f"replay of {version}"
            at = clock()
            decision = take_in(
                outputs, where, settings=settings, ledger=ledger, lake=lake, received_at=at, actor=actor
            )
            if decision.faults:
                reason = decision.faults[0].reason
                raise ReplayError(f"{len(decision.faults)} answers could not be taken in: {reason}.")
        notebook.clear()

    register()  # what an interrupted replay left behind
    known = answered(ledger, lake, settings.system)
    open_questions = [prompt for prompt in prompts if prompt.id not in known]
    count, stopped, unregistered = _Count(), False, 0

    def until_spent() -> Iterator[Prompt]:
        nonlocal stopped
        for prompt in open_questions:
            if budget.spent(count):
                stopped = True
                return
            yield prompt

    for said in model.answer(until_spent()):
        answer = _recordable(said, version, clock())
        count.add(answer)
        if answer.settled:
            notebook.write(_row(answer, version, clock()))
            unregistered += 1
        if unregistered == _BLOCK:
            register()
            unregistered = 0
        if progress:
            progress(Underway(count.asked, len(open_questions), count.tokens, count.seconds))
    register()
    return Replayed(
        questions=len(prompts),
        known=len(prompts) - len(open_questions),
        asked=count.asked,
        errors=count.errors,
        unanswered=count.unanswered,
        tokens=count.tokens,
        seconds=count.seconds,
        stopped=stopped,
    )


def answered(ledger: Ledger, lake: Lake, system: str) -> set[str]:
    """The ids of every replayed output that the lake has."""
    known: set[str] = set()
    for segment in segments_of(ledger, system, "outputs"):
        table = lake.read(segment.sha256, ["output_id", "origin"])
        known.update(table.filter(pc.equal(table["origin"], "replayed"))["output_id"].to_pylist())
    return known


def _recordable(answer: Answer, version: str, at: datetime) -> Answer:
    """The answer, or an error in its place: one that no record can hold must not stop the others."""
    if not answer.settled:
        return answer
    try:
        Output.model_validate(_row(answer, version, at))
    except ValidationError:
        return replace(
            answer,
            text=None,
            scores=None,
            ranking=None,
            gallery=None,
            embedding=None,
            confidence={},
            error="the answer cannot be recorded",
        )
    return answer


def _row(answer: Answer, version: str, at: datetime) -> dict[str, Any]:
    """The answer as a record of an output; its identifiers are pseudonyms."""
    prompt = answer.prompt
    return {
        "output_id": prompt.id,
        "case_id": prompt.case_id,
        "patient_id": prompt.patient_key,
        "task": prompt.task,
        "item": prompt.item,
        "version": version,
        "origin": "replayed",
        "prompt": prompt.text,
        "images": [{"uri": picture.uri, "sha256": picture.sha256} for picture in prompt.pictures],
        "sample": prompt.sample,
        "produced_at": at.isoformat(),
        "text": answer.text,
        "scores": answer.scores,
        "ranking": None if answer.ranking is None else [{"id": i, "score": score} for i, score in answer.ranking],
        "gallery": answer.gallery,
        "embedding": None if answer.embedding is None else list(answer.embedding),
        "tokens": answer.tokens,
        "confidence": answer.confidence,
        "latency_ms": answer.latency_ms,
        "error": answer.error,
        "probe": prompt.probe,
        "probe_of": prompt.probe_of,
        "shown_case_id": prompt.shown_case_id,
    }
