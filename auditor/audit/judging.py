"""Judgements: each pair of output and reference is judged once, and never again by the same judge."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditor.audit.linking import Linked
from auditor.engine import run
from auditor.judges import Judge, is_settled
from auditor.options import NONE_OF_THE_ABOVE, parted, right_option
from auditor.store import schemas
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import register_segments, segments_of
from monitors.judged import REPORT, RETRIEVAL, VQA

#: Below this many pairs a second process costs more than it saves.
WORTH_A_PROCESS = 4_000

Progress = Callable[[str, int, int], None]
_NO_REFERENCE = b"no reference"
_RESULT_FIELDS = [*(f.name for f in (*REPORT, *VQA, *RETRIEVAL)), "findings"]


def pair_keys(linked: Linked, judge_digest: str) -> list[bytes]:
    """The name of each judgement: 16 bytes of SHA-256 over output, reference, context and judge."""
    judge = judge_digest.encode()
    context = linked.cases["digest"].to_pylist()
    return [
        hashlib.sha256(b"\x1f".join((output, reference or _NO_REFERENCE, case or b"", judge))).digest()[:16]
        for output, reference, case in zip(
            linked.outputs["digest"].to_pylist(),
            linked.references["digest"].to_pylist(),
            context,
            strict=True,
        )
    ]


@dataclass(frozen=True)
class _Block:
    """One block of work for a process: pickles small."""

    judge: Judge
    keys: list[bytes]
    pairs: list[dict[str, Any]]


class Judged(NamedTuple):
    """The judgement of every row asked for, and the keys of those that the trouble of a server prevented."""

    judgements: pa.Table
    unsettled: tuple[bytes, ...]


def judge_pairs(
    ledger: Ledger,
    lake: Lake,
    system: str,
    judge: Judge,
    linked: Linked,
    keys: Sequence[bytes],
    transaction: Callable[[], Any],
    progress: Progress,
) -> Judged:
    """The judgement of every linked row, in row order; what is not in the lake yet is made and kept.

    Each block of pairs is registered in a transaction of its own. A judgement that the trouble of a server
    prevented is missing here and not kept: it is no fact about the pair, and the next audit asks again.
    """
    wanted = pa.array(keys, pa.binary(16))
    known = stored_judgements(ledger, lake, system, wanted)
    there = pc.is_in(wanted, value_set=known["key"].combine_chunks()).to_pylist()
    first = {key: i for i, key in reversed(list(enumerate(keys))) if not there[i]}  # the same pair is asked once
    missing = np.array(sorted(first.values()), dtype=np.int64)
    fresh = []
    unsettled: list[bytes] = []
    if len(missing):
        several = len(missing) >= WORTH_A_PROCESS and not judge.remote
        workers = min(os.cpu_count() or 1, 8) if several else 1
        done = 0
        for block in run(_judge_block, _blocks(judge, linked, keys, missing), workers):
            unfit = pa.array(block.unsettled, pa.binary(16))
            kept = block.judgements.filter(pc.invert(pc.is_in(block.judgements["key"], value_set=unfit)))
            if kept.num_rows:
                segment = lake.write(kept, "judgements")
                with transaction() as tx:
                    register_segments(tx, [segment], system)
            fresh.append(block.judgements)
            unsettled += block.unsettled
            done += block.judgements.num_rows
            progress(f"judging {linked.outputs['task'][0].as_py()}", done, len(missing))
    every = pa.concat_tables([known, *fresh])
    found = every.take(pc.index_in(wanted, value_set=every["key"].combine_chunks()))
    return Judged(found, tuple(sorted(unsettled)))


def stored_judgements(ledger: Ledger, lake: Lake, system: str, wanted: pa.Array) -> pa.Table:
    """The judgements of these keys that the lake holds, in no particular order; absent keys have no row."""
    names = [s.sha256 for s in segments_of(ledger, system, "judgements")]
    tables = [lake.read(name) for name in names]
    kept = [table.filter(pc.is_in(table["key"], value_set=wanted)) for table in tables]
    # what an older segment has no column for was not judged then
    return pa.concat_tables([schemas.JUDGEMENTS.empty_table(), *kept], promote_options="default")


def _blocks(judge: Judge, linked: Linked, keys: Sequence[bytes], missing: NDArray[np.int64]) -> Iterator[_Block]:
    for start in range(0, len(missing), judge.block):
        rows = missing[start : start + judge.block]
        yield _Block(judge, [keys[i] for i in rows], _pairs(linked, rows))


def _pairs(linked: Linked, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    """What the judge is told about each row: a ranking and its true matches, else texts and who the patient is."""
    if linked.outputs["task"][0].as_py() == "retrieval":
        return _searches(linked, rows)
    outputs = linked.outputs.select(["output_id", "prompt", "text"]).take(rows).to_pylist()
    references = linked.references.select(["text", "indication", "has_prior", "options"]).take(rows).to_pylist()
    attributes = linked.cases["attributes"].take(rows).to_pylist()
    return [
        {
            "id": output["output_id"],
            "question": output["prompt"],
            "draft": output["text"],
            **_answer(output["prompt"], reference),
            "indication": reference["indication"],
            "has_prior": reference["has_prior"],
            "age": dict(about or []).get("age"),
            "sex": dict(about or []).get("sex"),
        }
        for output, reference, about in zip(outputs, references, attributes, strict=True)
    ]


def _answer(prompt: str | None, reference: dict[str, Any]) -> dict[str, Any]:
    """The right answer, and the options in the order of the prompt, else of the reference."""
    right, options = right_option(reference["text"], reference["options"]), reference["options"]
    if options is None:
        return {"reference": right}
    asked = parted(prompt)
    shown = options if asked is None else asked[1]
    if right not in shown and NONE_OF_THE_ABOVE in shown:
        right = NONE_OF_THE_ABOVE
    return {"reference": right, "options": shown}


def _searches(linked: Linked, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    outputs = linked.outputs.select(["output_id", "case_id", "ranking", "gallery"]).take(rows).to_pylist()
    matches = linked.references["matches"].take(rows).to_pylist()
    return [
        {
            "id": output["output_id"],
            "query": output["case_id"],
            "ranking": output["ranking"],
            "gallery": output["gallery"],
            "matches": right,
        }
        for output, right in zip(outputs, matches, strict=True)
    ]


def _judge_block(block: _Block) -> Judged:
    results = list(zip(block.keys, block.judge.judge(block.pairs), strict=True))
    rows = [_row(key, block.judge.name, result) for key, result in results]
    unsettled = tuple(key for key, result in results if not is_settled(result))
    return Judged(pa.Table.from_pylist(rows, schema=schemas.JUDGEMENTS), unsettled)


def _row(key: bytes, judge: str, result: dict[str, Any]) -> dict[str, Any]:
    errors = []
    for error in result.get("errors", ()):
        draft, reference = (
            error.get("draft_span") or (None, None),
            error.get("reference_span") or (None, None),
        )
        errors.append(
            {name: error.get(name) for name in ("code", "kind", "finding", "significance")}
            | {"draft_start": draft[0], "draft_end": draft[1]}
            | {"reference_start": reference[0], "reference_end": reference[1]}
        )
    return {
        "key": key,
        "judge": judge,
        "status": result["status"],
        "reason": result.get("reason"),
        "errors": errors,
    } | {name: result.get(name) for name in _RESULT_FIELDS}
