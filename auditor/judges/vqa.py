"""The judge of visual questions: closed (yes or no), multiple choice, and open answers.

An answer that cannot be read is `unparseable`, an answer that declines is an abstention; neither is ever
counted as wrong or right.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditor.claims.compile import default_lexicon
from auditor.claims.lexicon import Lexicon
from auditor.judges.answers import abstains, chosen, words, yes_or_no
from auditor.judges.embeddings import Embeddings
from auditor.judges.open_answers import agrees
from auditor.judges.pairs import BadPairError, text, truth
from auditor.judges.protocol import BLOCK

VERSION: Final = "vqa-1"
_PLAIN: Final = {"yes": "yes", "no": "no", "true": "yes", "false": "no"}

NEITHER: Final = "the answer is neither yes nor no"
NO_OPTION: Final = "the answer picks no single option"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pair says before its answer is read: the kind of question and its true answer.

    `result` is final unless `ready`: then only the reading of the answer is missing in it.
    """

    result: dict[str, Any]
    ready: bool
    kind: str  # closed | choice | open
    answer: str
    question: str | None
    reference: str
    right: str | None  # closed: yes or no; choice: the key of the right option; open: null
    options: Sequence[str] | Mapping[str, str]


def read(pair: Mapping[str, Any], judge: str) -> Asked:
    """Everything about a pair but the meaning of its answer. Raises BadPairError for a field of a wrong type."""
    answer, reference, question = text(pair, "draft"), text(pair, "reference"), text(pair, "question")
    options = pair.get("options")
    if options is not None and not isinstance(options, list | tuple | Mapping):
        raise BadPairError("field 'options' must be a list of texts, a mapping of letters to texts, or null")
    said = words(reference or "")
    right = _PLAIN.get(said[0]) if len(said) == 1 else None
    closed = truth(pair, "closed")
    kind = "choice" if options else "closed" if (right is not None if closed is None else closed) else "open"
    result: dict[str, Any] = {
        "id": pair.get("id"),
        "status": "judged",
        "reason": None,
        "closed": None if kind == "choice" else int(kind == "closed"),
        "kind": kind,
        "correct": None,
        "abstained": 0,
        "answered_yes": None,
        "truth_yes": int(right == "yes") if kind == "closed" and right is not None else None,
        "parsed": None,
        "length": None if answer is None else len(answer.split()),
        "judge": judge,
    }
    if kind == "choice":
        right = chosen(str(reference), options or ()) if said else None
    fault: dict[str, Any] = {}
    if answer is None or not words(answer):
        fault = {"status": "unparseable", "reason": "the answer has no words", "abstained": None}
    elif not said:
        fault = {"status": "awaiting", "reason": "there is no reference answer yet"}
    elif kind == "closed" and right is None:
        fault = {"status": "judge_failed", "reason": "the reference is not yes or no"}
    elif kind == "choice" and right is None:
        fault = {"status": "judge_failed", "reason": "the reference is none of the options"}
    return Asked(result | fault, not fault, kind, answer or "", question, reference or "", right, options or ())


class VqaJudge:
    """Judges answers to questions about an image."""

    name = "vqa"
    block = BLOCK
    remote = False

    def __init__(self, lexicon: Lexicon | None = None, embeddings: Embeddings | None = None) -> None:
        self._given, self._embeddings = lexicon, embeddings
        self._lexicon = lexicon or default_lexicon()
        named = f"{VERSION}\0{self._lexicon.digest}" + (f"\0{embeddings.digest}" if embeddings else "")
        self.digest = hashlib.sha256(named.encode()).hexdigest()[:32]

    def __reduce__(self) -> tuple[type["VqaJudge"], tuple[Lexicon | None, Embeddings | None]]:
        return VqaJudge, (self._given, self._embeddings)

    def judge(self, pairs: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """One result a pair, in order.

        >>> pair = {"id": 1, "question": "Is there an effusion?", "draft": "No.", "reference": "Yes"}
        >>> result = next(VqaJudge().judge([pair])); result["correct"], result["answered_yes"]
        (0, 0)
        """
        for pair in pairs:
            yield self.one(pair)

    def one(self, pair: Mapping[str, Any]) -> dict[str, Any]:
        """The result of one pair. Raises BadPairError when a field has the wrong type."""
        asked = read(pair, f"{self.name}:{self.digest}")
        result, answer = asked.result, asked.answer
        if not asked.ready:
            return result
        if asked.kind == "closed":
            return self._closed(result, answer, asked.question, asked.right)
        if asked.kind == "choice":
            return self._choice(result, answer, asked.right, asked.options)
        if abstains(answer):
            return {**result, "abstained": 1}
        alike = self._embeddings.alike if self._embeddings else None
        return {**result, "correct": int(agrees(answer, asked.reference, self._lexicon, alike))}

    def _closed(
        self, result: dict[str, Any], answer: str, question: str | None, right: str | None
    ) -> dict[str, Any]:
        found = yes_or_no(answer, question)
        if found is None or (abstains(answer) and words(answer)[0] not in ("yes", "no")):
            if abstains(answer):
                return {**result, "abstained": 1}
            return {**result, "status": "unparseable", "reason": NEITHER}
        return {**result, "parsed": found, "answered_yes": int(found == "yes"), "correct": int(found == right)}

    def _choice(self, result: dict[str, Any], answer: str, right: str | None, options: Any) -> dict[str, Any]:
        if abstains(answer):
            return {**result, "abstained": 1}
        found = chosen(answer, options)
        if found is None:
            return {**result, "status": "unparseable", "reason": NO_OPTION}
        return {**result, "parsed": found, "correct": int(found == right)}
