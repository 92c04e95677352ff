"""Questions that two versions both answered: recorded answers, or replayed ones where there are none.

`linking.headline` drops what is replayed of a version that was also recorded, since it repeats what is measured
already. Replayed answers about other cases repeat nothing: they are what makes cases shared.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.judged_table import from_judgements, from_labels
from auditor.audit.judging import Progress, judge_pairs, pair_keys
from auditor.audit.linking import beside, shown_outputs
from auditor.audit.scope import Scope
from auditor.judges import for_task
from auditor.store import schemas
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger

_SEPARATOR = "\x1f"


class Shared(NamedTuple):
    """The rows of both versions on the questions that both answered, and how many only one of them did."""

    rows: pa.Table
    questions: int
    cases: int
    only_old: int
    only_new: int


def shared_answers(
    outputs: pa.Table, task: str, old: str, new: str, within: pa.Array | pa.ChunkedArray | None = None
) -> Shared:
    """What `old` and `new` said to the same questions of `task`; of those in `within` alone, where it is given.

    A question is a case and an item (`question_keys`). A version's replayed answers count where it has no recorded
    one to that question; probes and drafts that were not shown never do.
    """
    mine = outputs.filter(
        pc.and_(
            pc.equal(outputs["task"], task),
            pc.is_in(outputs["version"], value_set=pa.array([old, new], pa.string())),
        )
    )
    shown = _recorded_first(shown_outputs(mine.combine_chunks()))
    keys = question_keys(shown)
    if within is not None:
        inside = pc.is_in(keys, value_set=within)
        shown, keys = shown.filter(inside), pc.filter(keys, inside)
    asked = {version: pc.unique(pc.filter(keys, pc.equal(shown["version"], version))) for version in (old, new)}
    both = pc.filter(asked[old], pc.is_in(asked[old], value_set=asked[new]))
    rows = shown.filter(pc.is_in(keys, value_set=both))
    cases = len(pc.unique(rows["case_id"]))
    return Shared(rows, len(both), cases, len(asked[old]) - len(both), len(asked[new]) - len(both))


class JudgedAnswers(NamedTuple):
    """Answers as they were judged, and the keys of judgements that the trouble of a server prevented."""

    judged: pa.Table
    unsettled: tuple[bytes, ...] = ()


def judged_answers(
    ledger: Ledger,
    lake: Lake,
    scope: Scope,
    task: str,
    rows: pa.Table,
    tables: Mapping[str, pa.Table],
    transaction: Callable[[], Any],
    progress: Progress,
) -> JudgedAnswers:
    """The judged table of some outputs of a task; what was judged before is not judged again."""
    linked = beside(rows, tables["references"], tables["cases"], task, scope.settings)
    judge = for_task(task, scope.settings.tasks[task].judge)  # type: ignore[index]
    keys = pair_keys(linked, judge.digest)
    if task == "classification":
        return JudgedAnswers(from_labels(linked, keys, scope.settings))
    if not rows.num_rows:
        empty = schemas.JUDGEMENTS.empty_table()
        return JudgedAnswers(from_judgements(linked, empty, keys, task, scope.settings))
    found = judge_pairs(ledger, lake, scope.system, judge, linked, keys, transaction, progress)
    return JudgedAnswers(from_judgements(linked, found.judgements, keys, task, scope.settings), found.unsettled)


def question_keys(outputs: pa.Table) -> pa.ChunkedArray:
    """The name of the question that each output answers."""
    return pc.binary_join_element_wise(outputs["case_id"], pc.fill_null(outputs["item"], ""), _SEPARATOR)


def _recorded_first(shown: pa.Table) -> pa.Table:
    """Without the replayed answers to questions that the same version was recorded on."""
    replayed = pc.equal(shown["origin"], "replayed")
    answer = pc.binary_join_element_wise(question_keys(shown), shown["version"], _SEPARATOR)
    recorded = pc.unique(pc.filter(answer, pc.invert(replayed)))
    return shown.filter(pc.invert(pc.and_(replayed, pc.is_in(answer, value_set=recorded))))
