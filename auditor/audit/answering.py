"""Questions that one version answered several times, and how far an answer agrees with the others."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.meaning import Meaning, meaning
from monitors.consistency import semantic_entropy

_QUESTION: Final = ("case_id", "item", "prompt", "version", "origin")


def sampled_questions(outputs: pa.Table) -> list[list[int]]:
    """The rows of each question that was answered more than once, in order of their samples."""
    if len(pc.unique(outputs["sample"])) < 2:  # nearly always, and then there is nothing to look for
        return []
    groups: dict[tuple[Any, ...], dict[int, int]] = {}
    for i, row in enumerate(outputs.select([*_QUESTION, "sample", "text"]).to_pylist()):
        if row["text"] is not None:
            groups.setdefault(tuple(row[name] for name in _QUESTION), {})[row["sample"]] = i
    return [[group[sample] for sample in sorted(group)] for group in groups.values() if len(group) > 1]


def self_consistency(outputs: pa.Table, task: str) -> pa.Array:
    """By row, the share of all answers to its question that mean the same; null where it was asked once."""
    shares: list[float | None] = [None] * outputs.num_rows
    for rows, means in _meanings(outputs, task):
        counted = Counter(means)
        for row, mine in zip(rows, means, strict=True):
            shares[row] = counted[mine] / len(rows)
    return pa.array(shares, pa.float64())


def one_meaning(outputs: pa.Table, task: str) -> pa.Array:
    """By row, 1 minus the entropy of the meanings of all answers to its question; null where it was asked once.

    Over its maximum (`monitors.consistency.semantic_entropy`): 1 is one meaning, 0 as many as answers. It is a
    property of the question, so that all its answers have the same.
    """
    values: list[float | None] = [None] * outputs.num_rows
    for rows, means in _meanings(outputs, task):
        entropy, _ = semantic_entropy(means)
        for row in rows:
            values[row] = 1 - entropy
    return pa.array(values, pa.float64())


def _meanings(outputs: pa.Table, task: str) -> Iterator[tuple[list[int], list[Meaning]]]:
    """The rows of each question that was answered more than once, and what each of them means."""
    texts, asked = outputs["text"].to_pylist(), outputs["prompt"].to_pylist()
    for rows in sampled_questions(outputs):
        yield rows, [meaning(texts[row], task, asked[row]) for row in rows]
