"""Questions that belong together: one about what is there and its twin about what is not (ProbMed)."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.linking import Linked


def pairs_right(linked: Linked, correct: pa.ChunkedArray) -> pa.Array:
    """1 where all questions of a pair are answered right, 0 where not all, null elsewhere; aligned with outputs.

    A pair are the questions of one case whose references name the same `pair`, as one version answered them. The
    result stands once, on the row of its first question by item. It is null where one of them has no judgement
    (an abstention has none), and where only one question of the pair was asked. Source: Yan et al. 2024.
    """
    count = linked.outputs.num_rows
    result = np.full(count, np.nan)
    names = pc.if_else(pa.array(linked.has_reference), linked.references["pair"], pa.scalar(None, pa.string()))
    rows = np.flatnonzero(np.asarray(pc.is_valid(names)))
    if len(rows):
        values = np.asarray(pc.cast(correct, pa.float64()).to_numpy(zero_copy_only=False), np.float64)
        of = [linked.outputs[name].take(rows).to_pylist() for name in ("case_id", "version", "sample", "item")]
        groups: dict[tuple[object, ...], list[tuple[str, int]]] = {}
        for row, pair, case, version, sample, item in zip(
            rows.tolist(), names.take(rows).to_pylist(), *of, strict=True
        ):
            groups.setdefault((case, version, sample, pair), []).append((item or "", row))
        for members in groups.values():
            places = [row for _, row in sorted(members)]
            if len({item for item, _ in members}) > 1 and np.isfinite(values[places]).all():
                result[places[0]] = float(values[places].min())
    missing = np.isnan(result)
    return pa.array(np.where(missing, 0, result).astype(np.int8), pa.int8(), mask=missing)
