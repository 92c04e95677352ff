"""What every judge is, and which judge a task has."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from auditor.judges.failure import UNSETTLED
from auditor.judges.pairs import BadPairError

if TYPE_CHECKING:
    from auditor.claims.lexicon import Lexicon
    from auditor.model_settings import JudgeSetting

#: Pairs that a judge of rules takes between two commits: what a crash can cost.
BLOCK: Final = 2_000


class Judge(Protocol):
    """A judge holds outputs against references, one result a pair, in order.

    `digest` names its rules and data: two judges with the same digest say the same of the same pair, so a
    judgement never needs making twice. `block` is how many judgements may be lost in a crash. A judge that is
    not `remote` works in any process, and pickles; a remote one waits for a server and stays where it is.
    """

    name: str
    digest: str
    block: int
    remote: bool

    def judge(self, pairs: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]: ...


def for_task(task: str, setting: "JudgeSetting | None" = None, repeat: int = 0) -> Judge:
    """The judge of a task: the offline rules, unless `setting` names a language model.

    `repeat` numbers the judgements that a language model makes again of the same pairs.

    Raises BadPairError for a task that has no such judge, LexiconError for a lexicon file that cannot be used.
    """
    if setting is not None and setting.kind == "llm":
        from auditor.judges.llm import LlmJudge

        return LlmJudge(task, setting, repeat)
    if repeat:
        raise BadPairError("rules say the same every time: only a language model is asked again")
    lexicon = site_lexicon_of(setting)
    if task == "report":
        from auditor.judges.report import ReportJudge

        return ReportJudge(lexicon)
    if task == "vqa":
        from auditor.judges.vqa import VqaJudge

        if setting is None or setting.embedding is None:
            return VqaJudge(lexicon)
        from auditor.judges.embeddings import Embeddings

        return VqaJudge(lexicon, Embeddings(setting.embedding))
    if task == "classification":
        from auditor.judges.classification import ClassificationJudge

        return ClassificationJudge()
    if task == "retrieval":
        from auditor.judges.retrieval import RetrievalJudge

        return RetrievalJudge()
    raise BadPairError(f"no judge for task {task!r}: tasks are report, vqa, classification, retrieval")


@dataclass
class WeeklyJudge:
    """A judge that is asked anew in one ISO week: its judgements of that week have names of their own."""

    name: str
    digest: str
    block: int
    remote: bool
    asked: Judge

    def judge(self, pairs: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """What the judge says now, one result a pair, in order."""
        return self.asked.judge(pairs)


def in_week(judge: Judge, week: str) -> Judge:
    """The judge, asked anew in a week ("2026-W10"): within it every pair is judged once.

    >>> report = for_task("report")
    >>> len({judge.digest for judge in (report, in_week(report, "2026-W10"), in_week(report, "2026-W11"))})
    3
    """
    digest = hashlib.sha256(f"{judge.digest}\0{week}".encode()).hexdigest()[:32]
    return WeeklyJudge(judge.name, digest, judge.block, judge.remote, judge)


def site_lexicon_of(setting: "JudgeSetting | None") -> "Lexicon | None":
    """The lexicon with a hospital's own words that a judge reads by; None for the product's own."""
    if setting is None or setting.kind == "llm" or not setting.lexicon:
        return None
    from auditor.claims.compile import site_lexicon

    return site_lexicon(tuple(setting.lexicon))


def is_settled(result: Mapping[str, Any]) -> bool:
    """Whether a result is a fact about its pair; a judgement that a server's trouble prevented is none."""
    return result["status"] != "judge_failed" or result["reason"] not in UNSETTLED
