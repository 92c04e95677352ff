"""What a version said then, beside what the live model says now to the same question."""

from dataclasses import replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.judged_table import unjudged
from auditor.audit.linking import beside
from auditor.audit.meaning import Meaning, meaning
from auditor.audit.probing import probe_table
from auditor.audit.scope import Scope
from auditor.audit.tallying import rows_within
from monitors.frame import measure
from monitors.judged import PROBE
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice
from monitors.reproduction import REPRODUCTION
from monitors.tally import Tally

_MIDDLE: Final = 0.5
_READ: Final = ["case_id", "item", "version", "prompt", "text", "scores"]


def reproduce_task(scope: Scope, task: str, tables: dict[str, pa.Table]) -> list[Measurement]:
    """The measures of reproduction of one task, version by version; none where no recorded answer was asked again.

    The same question is one of the same case, item, version and prompt; where the recording has no prompt, the one
    that the live model was given is taken for it. Only a question's first sample counts.
    """
    outputs = tables["outputs"].filter(pc.equal(tables["outputs"]["task"], task)).combine_chunks()
    plain = outputs.filter(
        pc.and_(
            pc.is_null(outputs["probe"]), pc.and_(pc.equal(outputs["sample"], 0), pc.is_null(outputs["error"]))
        )
    )
    live = plain.filter(pc.equal(plain["origin"], "replayed"))
    if not live.num_rows:
        return []
    said = {
        (row["case_id"], row["item"], row["version"]): row
        for row in plain.filter(pc.equal(plain["origin"], "recorded")).select(_READ).to_pylist()
    }
    columns: dict[str, list[Any]] = {field.name: [] for field in PROBE}
    kept = []
    for i, row in enumerate(live.select(_READ).to_pylist()):
        before = said.get((row["case_id"], row["item"], row["version"]))
        if before is None or before["prompt"] not in (None, row["prompt"]):
            continue
        kept.append(i)
        values = {"probe": "reproduced"} | _compared(before, row, task)
        for name, cells in columns.items():
            cells.append(values.get(name))
    if not kept:
        return []
    linked = beside(live.take(kept), tables["references"], tables["cases"], task, scope.settings)
    names = linked.outputs["digest"].to_pylist()
    table = probe_table(unjudged(linked, names, task, scope.settings), columns)
    inside = table.filter(rows_within(table["day"], scope.window))
    tally = Tally.of(REPRODUCTION, inside, ("version", "item"), scope.settings.seed)
    made: list[Measurement] = []
    for version in tally.values("version"):
        found = measure(Desk(REPRODUCTION, tally, version), [Slice()], items=[""], window=scope.window)
        made += [replace(one, task=task) for one in found if one.n > 0]
    return made


def _compared(before: dict[str, Any], now: dict[str, Any], task: str) -> dict[str, Any]:
    if task == "classification":
        then, live = dict(before["scores"] or ()), dict(now["scores"] or ())
        both = [(then[name], live[name]) for name in sorted(set(then) & set(live))]
        pairs = [(a, b) for a, b in both if a is not None and b is not None]
        if not pairs:
            return {}
        same = all((a >= _MIDDLE) == (b >= _MIDDLE) for a, b in pairs)
        return {"same": int(same), "difference": sum(abs(a - b) for a, b in pairs) / len(pairs)}
    if before["text"] is None or now["text"] is None:
        return {}
    means = [meaning(text, task, now["prompt"]) for text in (before["text"], now["text"])]
    return {
        "same": int(means[0] == means[1]),
        "exact": int(before["text"].strip() == now["text"].strip()),
        "overlap": _overlap(*means),
    }


def _overlap(one: Meaning, other: Meaning) -> float | None:
    """Claims of both over claims of either; None where neither makes any."""
    mine, theirs = (m if isinstance(m, frozenset) else frozenset() for m in (one, other))
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else None
