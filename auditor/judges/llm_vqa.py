"""What a language model is asked about an answer to a visual question.

The model says what the answer means. Whether that is right is decided here, except for open answers.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from auditor.judges.chat import ChatError
from auditor.judges.failure import Failure
from auditor.judges.vqa import NEITHER, NO_OPTION, Asked, read

PROMPT: Final = "vqa-1"
#: Characters of one text: an answer is a sentence.
LONGEST_TEXT: Final = 20_000


class VqaReply(BaseModel):
    """The whole answer of the judge."""

    model_config = ConfigDict(extra="forbid", strict=True)

    abstains: bool
    says: str | None
    correct: bool | None


class VqaSubject:
    """An answer to a question beside the true answer."""

    prompt = PROMPT

    def settled(self, pair: Mapping[str, Any], judge: str) -> dict[str, Any] | None:
        """The result where there is nothing to ask about."""
        asked = read(pair, judge)
        return None if asked.ready else asked.result

    def failed(self, pair: Mapping[str, Any], failure: Failure, judge: str) -> dict[str, Any]:
        """The result where there is no answer: a missing judgement."""
        result = read(pair, judge).result
        return {**result, "status": "judge_failed", "reason": str(failure), "abstained": None}

    def question(self, pair: Mapping[str, Any]) -> str:
        """The pair as JSON, whose quoting keeps each text inside its field. Raises ChatError for huge texts."""
        asked = read(pair, "")
        asks = json.dumps(
            {
                "kind": asked.kind,
                "question": asked.question,
                "options": _labelled(asked),
                "reference": asked.reference,
                "answer": asked.answer,
            },
            ensure_ascii=False,
        )
        if len(asks) > LONGEST_TEXT:
            raise ChatError(Failure.OVERSIZED)
        return asks

    def read(self, pair: Mapping[str, Any], answer: str, judge: str) -> dict[str, Any]:
        """The judgement that an answer gives. Raises ChatError when it gives none."""
        try:
            reply = VqaReply.model_validate_json(answer)
        except ValidationError:
            raise ChatError(Failure.UNREADABLE) from None
        asked = read(pair, judge)
        if reply.abstains:
            if reply.says is not None or reply.correct is not None:
                raise ChatError(Failure.UNREADABLE)
            return {**asked.result, "abstained": 1}
        if asked.kind == "open":
            if reply.says is not None or reply.correct is None:
                raise ChatError(Failure.UNREADABLE)
            return {**asked.result, "correct": int(reply.correct)}
        possible = _labelled(asked) or {"yes": "", "no": ""}
        if reply.correct is not None or (reply.says is not None and reply.says not in possible):
            raise ChatError(Failure.UNREADABLE)
        if reply.says is None:
            reason = NO_OPTION if asked.kind == "choice" else NEITHER
            return {**asked.result, "status": "unparseable", "reason": reason}
        found = {"parsed": reply.says, "correct": int(reply.says == asked.right)}
        if asked.kind == "closed":
            found["answered_yes"] = int(reply.says == "yes")
        return {**asked.result, **found}


def _labelled(asked: Asked) -> dict[str, str] | None:
    """The options by letter, or by the keys they were given; None for other kinds of question."""
    if asked.kind != "choice":
        return None
    if isinstance(asked.options, Mapping):
        return {str(key): str(option) for key, option in asked.options.items()}
    return {chr(65 + i): str(option) for i, option in enumerate(asked.options)}
