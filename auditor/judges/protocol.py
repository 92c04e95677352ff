"""What every judge is, and which judge a task has."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from auditor.judges.pairs import BadPairError


class Judge(Protocol):
    """A judge holds outputs against references, one result a pair, in order.

    `digest` names its rules and data: two judges with the same digest say the same of the same pair, so a
    judgement never needs making twice. Judges pickle, so pairs may be dealt to processes.
    """

    name: str
    digest: str

    def judge(self, pairs: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]: ...


def for_task(task: str) -> Judge:
    """The offline judge of a task. Raises BadPairError for a task that has none."""
    if task == "report":
        from auditor.judges.report import ReportJudge

        return ReportJudge()
    if task == "vqa":
        from auditor.judges.vqa import VqaJudge

        return VqaJudge()
    if task == "classification":
        from auditor.judges.classification import ClassificationJudge

        return ClassificationJudge()
    raise BadPairError(f"no judge for task {task!r}: tasks are report, vqa, classification")
