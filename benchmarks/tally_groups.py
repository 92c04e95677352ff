"""The same three metrics in the same 40 groups of the same rows: our replicates, and fairlearn's bootstrap.

python -m benchmarks.tally_groups ours FILE RUNS
python -m benchmarks.tally_groups fairlearn FILE N_BOOT

True positive rate, selection rate and false positive rate over rows with a label and a decision. Ours start at the
rows as fairlearn's do, and tally 976 cells on the way; replicates are of patients. fairlearn has one MetricFrame
for every attribute (or pair), and resamples rows as though they were independent.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.judged_rows import SLICES, parts
from benchmarks.tally_work import REPLICATES, VERSION, streamed
from monitors import frame
from monitors.columns import ratio
from monitors.groups import Floats, poisson_replicates
from monitors.performance import PERFORMANCE
from monitors.selection import select

_CONFUSION = ("true_positive", "false_negative", "true_negative", "false_positive")


def ours(path: Path, runs: int) -> dict[str, Any]:
    """Rows → tally → 1,000 replicates of every group, with their 95 % range."""
    cells = [PERFORMANCE.cells.index(cell) for cell in _CONFUSION]
    tallied, replicated, groups = [], [], {}
    for _ in range(runs):
        at = [time.perf_counter()]
        (tally,) = streamed([PERFORMANCE], path)
        at.append(time.perf_counter())
        for where in frame.slices_of(tally, SLICES, version=VERSION):
            if where.where:
                totals = tally.group_totals(select(tally, where, version=VERSION))[:, cells]
                np.quantile(_rates(poisson_replicates(totals, REPLICATES, seed=0)), [0.025, 0.975], axis=0)
                groups[_name(where.where)] = _rates(totals.sum(axis=0)).tolist()
        at.append(time.perf_counter())
        tallied.append(at[1] - at[0])
        replicated.append(at[2] - at[1])
    return {"tallied": tallied, "replicated": replicated, "groups": groups}


def fairlearn(path: Path, replicates: int) -> dict[str, Any]:
    """Point values alone, then with so many replicates; the pandas frame is made before the clock starts."""
    rows = pa.concat_tables(parts(path))
    known = pc.and_(pc.is_valid(rows["label"]), pc.is_valid(rows["decision"]))
    rows = rows.filter(pc.and_(known, pc.equal(rows["version"].cast(pa.string()), VERSION)))
    names = sorted({name for names in SLICES for name in names})
    table = rows.select(["label", "decision", *names]).to_pandas().astype(dict.fromkeys(names, str))
    _frames(table.head(1_000), None)  # pays for the import
    at = [time.perf_counter()]
    groups = _frames(table, None)
    at.append(time.perf_counter())
    _frames(table, replicates)
    at.append(time.perf_counter())
    return {"plain": at[1] - at[0], "bootstrap": at[2] - at[1], "rows": len(table), "groups": groups}


def _frames(table: Any, replicates: int | None) -> dict[str, list[float]]:
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    groups = {}
    for names in SLICES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of groups without a positive, in the tiny sizes
            made = MetricFrame(
                metrics={"tpr": true_positive_rate, "selected": selection_rate, "fpr": false_positive_rate},
                y_true=table["label"],
                y_pred=table["decision"],
                sensitive_features=table[list(names)],
                n_boot=replicates,
                ci_quantiles=None if replicates is None else [0.025, 0.975],
                random_state=0,
            )
            values = made.by_group
        for level, row in values.dropna(how="all").iterrows():  # pairs that nobody has
            levels = level if isinstance(level, tuple) else (level,)
            groups[_name(tuple(zip(names, levels, strict=True)))] = [float(value) for value in row]
    return groups


def _rates(confusion: Floats) -> Floats:
    """(…, 4) of true positives, false negatives, true negatives, false positives → (…, 3)."""
    tp, fn, tn, fp = np.moveaxis(confusion, -1, 0)
    return np.stack([ratio(tp, tp + fn), ratio(tp + fp, tp + fn + tn + fp), ratio(fp, fp + tn)], axis=-1)


def _name(where: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(where))


if __name__ == "__main__":
    made = {"ours": ours, "fairlearn": fairlearn}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps(made))
