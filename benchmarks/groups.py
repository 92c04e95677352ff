"""Group metrics with intervals: our slices and gaps beside fairlearn's bootstrap, same rows, same run.

Ours: every measure of the performance monitor (sensitivity, specificity, AUROC, prevalence, flagged) as a level
and as a gap to the rest, with intervals clustered by patient, for each slice of the example and each finding, from
the judged rows on. fairlearn: one MetricFrame of three metrics with the findings as control feature and the same
grouping columns, crossed. That is the least work that it can be given for these columns: its resampling takes rows
as independent, and the slices that pool columns (all women, all ages) would each need a MetricFrame of their own.
"""

import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.judged_table import from_labels
from auditor.audit.judging import pair_keys
from auditor.audit.linking import link
from auditor.audit.scope import INPUT_KINDS, scope_of
from auditor.audit.tallying import strata_of
from auditor.judges import for_task
from auditor.settings import AuditSettings, Environment
from auditor.store import schemas
from auditor.workspace import open_workspace
from benchmarks.audit_chexnet import SYSTEM
from benchmarks.chexnet_data import settings
from benchmarks.table import Figure
from monitors import frame
from monitors.levels import Desk
from monitors.measurement import Window
from monitors.performance import PERFORMANCE
from monitors.tally import Tally

_MANY = 1_000  # replicates that a 95 % percentile interval needs


def measure(workspace: Path, runs: int, replicates: int) -> list[Figure]:
    """Both, on the rows of a prepared workspace."""
    rows, asked = judged(workspace), settings()
    made, seconds = 0, []
    for _ in range(runs):
        began = time.perf_counter()
        made = ours(rows, asked)
        seconds.append(time.perf_counter() - began)
    us = Figure.of(f"group metrics: {made:,} levels and gaps with intervals", seconds, "s", "fairlearn, below")
    table = for_fairlearn(rows, asked)
    bootstrap(table.head(1_000), asked, None)  # pays for the import
    began = time.perf_counter()
    cells = bootstrap(table, asked, None)
    plain = time.perf_counter() - began
    began = time.perf_counter()
    bootstrap(table, asked, replicates)
    once = time.perf_counter() - began
    each = (once - plain) / replicates
    them = f"fairlearn MetricFrame, 3 metrics × {cells} cells"
    return [
        us,
        Figure.of(f"{them}, no interval", [plain], "s", "is what one would use instead"),
        Figure.of(f"{them}, n_boot={replicates}", [once], "s", "is what one would use instead"),
        Figure(f"  fairlearn's n_boot={replicates} over ours", once / us.value, "×", "from the two", ""),
        Figure(
            f"  fairlearn with n_boot={_MANY:,}",
            plain + _MANY * each,
            "s",
            "EXTRAPOLATED",
            f"from n_boot={replicates}; not measured",
        ),
    ]


def judged(workspace: Path) -> pa.Table:
    """The rows that monitors read, made as the audit makes them."""
    place = open_workspace(Environment(workspace=workspace))
    ledger, lake = place.ledger(), place.lake()
    scope = scope_of(ledger, SYSTEM, datetime.now(UTC))
    tables = {kind: lake.read_many(list(scope.segments[kind]), schema=schemas.LAKE[kind]) for kind in INPUT_KINDS}
    linked = link(tables["outputs"], tables["references"], tables["cases"], "classification", scope.settings)
    ledger.close()
    return from_labels(linked, pair_keys(linked, for_task("classification").digest), scope.settings)


def ours(rows: pa.Table, asked: AuditSettings) -> int:
    """Rows → tally → levels and gaps; returns how many measurements that were."""
    tally = Tally.of(PERFORMANCE, rows, strata_of(asked), seed=0)
    (version,) = tally.values("version")
    wanted = [(one,) if isinstance(one, str) else tuple(one) for one in asked.slices]
    slices = frame.slices_of(tally, wanted, version=version)
    items, window = ["", *tally.values("item")], Window()
    desk, many, made = Desk(PERFORMANCE, tally, version), len(slices) - 1, 0
    for item in items:  # as the audit does: the desk remembers the cuts of one item
        made += len(frame.measure(desk, slices, items=[item], window=window))
        made += len(frame.gaps(desk, slices, items=[item], window=window, at_once=many))
    return made


def for_fairlearn(rows: pa.Table, asked: AuditSettings) -> Any:
    """The rows that have both label and decision, as a pandas frame; made before the clock starts."""
    kept = rows.filter(pc.and_(pc.is_valid(rows["label"]), pc.is_valid(rows["decision"])))
    table = kept.select(["item", "label", "decision", *asked.slice_attributes]).to_pandas()
    names = ["item", *asked.slice_attributes]
    return table.astype(dict.fromkeys(names, str))


def bootstrap(table: Any, asked: AuditSettings, replicates: int | None) -> int:
    """One MetricFrame; returns how many cells (group × finding) it has."""
    from fairlearn.metrics import MetricFrame, selection_rate, true_negative_rate, true_positive_rate

    metrics = {"tpr": true_positive_rate, "tnr": true_negative_rate, "selected": selection_rate}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cells without a positive; there are some in every small group
        found = MetricFrame(
            metrics=metrics,
            y_true=table["label"],
            y_pred=table["decision"],
            sensitive_features=table[list(asked.slice_attributes)],
            control_features=table[["item"]],
            n_boot=replicates,
            ci_quantiles=None if replicates is None else [0.025, 0.975],
            random_state=0,
        )
        return len(found.by_group)
