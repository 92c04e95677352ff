"""The drift panel on a million rows and twenty columns, beside Evidently on the same rows.

python -m benchmarks.drift               1,000,000 rows in each window; Evidently takes minutes
python -m benchmarks.drift --rows 20000  smaller
python -m benchmarks.drift --alone       ours only

Ours: judged rows → tally of both windows → effect sizes, design effects and clustered null bands of every column
(ten numeric ones cut at quantiles of the reference, ten categories of the drift monitor and of attributes).
Evidently: its DataDriftPreset on the same columns as pandas frames, method and threshold set, and its page; the
frames are made before the clock starts. It takes rows as independent and has no null band.
"""

import argparse
import os
import time
import warnings
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.table import Figure, show
from monitors import drift
from monitors.drift import Drift
from monitors.drift_numbers import NumberColumn, from_reference
from monitors.judged import GRID, judged_schema, number_column
from monitors.tally import Tally

ROWS = 1_000_000
NUMBERS = tuple(f"number_{i}" for i in range(10))
ATTRIBUTES = ("sex", "site", "view", "vendor")
COLUMNS = ("length", "confidence", "asserted", "reference_findings", "status", *ATTRIBUTES, "unit", *NUMBERS)
_STRATA = ("version", "item", *ATTRIBUTES, "unit")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="without Evidently")
    asked = parser.parse_args()
    os.environ["DO_NOT_TRACK"] = "1"
    reference, window = (judged(np.random.default_rng(seed), asked.rows) for seed in (1, 2))
    figures = ours(reference, window, asked.runs, asked.rows == ROWS)
    if not asked.alone:
        figures.append(evidently(reference, window))
    show([f"Drift of {len(COLUMNS)} columns, {asked.rows:,} rows in each of two windows."], figures)


def judged(rng: np.random.Generator, rows: int) -> pa.Table:
    """A judged table of report drafts, two of a patient on average, with numeric and categorical attributes."""
    text = pa.array(np.arange(rows)).cast(pa.string())
    columns: dict[str, Any] = {
        "digest": pa.array([b"\0" * 16] * rows, pa.binary(16)),
        "output_id": text,
        "case_id": text,
        "subject_id": pa.array(rng.integers(rows // 2, size=rows)).cast(pa.string()),
        "weight": pa.array(np.full(rows, GRID)),
        "status": _category(rng, ("judged", "unparseable"), rows),
        "length": pa.array(rng.poisson(60, rows).astype(np.int32)),
        "confidence": pa.array(rng.beta(8, 2, rows)),
        "asserted": pa.array(rng.poisson(2, rows).astype(np.int32)),
        "reference_findings": pa.array(rng.poisson(2, rows).astype(np.int32)),
        "sex": _category(rng, ("F", "M"), rows),
        "site": _category(rng, ("north", "south", "west"), rows),
        "view": _category(rng, ("AP", "PA"), rows),
        "vendor": _category(rng, ("one", "two", "three"), rows),
        "unit": _category(rng, ("icu", "ward"), rows),
    }
    columns |= {number_column(name): pa.array(rng.normal(size=rows)) for name in NUMBERS}
    constant = {"task": "report", "item": "report", "version": "v1", "origin": "recorded", "draft_seen": "no"}
    constant |= {"clustered_by": "patient"}
    schema = judged_schema("report", (*ATTRIBUTES, "unit"), NUMBERS)
    arrays = []
    for field in schema:
        if field.name in constant:
            indices = pa.array(np.zeros(rows, np.int32))
            arrays.append(pa.DictionaryArray.from_arrays(indices, [constant[field.name]]))
        else:
            arrays.append(columns[field.name] if field.name in columns else pa.nulls(rows, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _category(rng: np.random.Generator, values: tuple[str, ...], rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(rng.integers(len(values), size=rows, dtype=np.int32)), values)


def _source(name: str) -> str:
    return number_column(name) if name in NUMBERS else name


def ours(reference: pa.Table, window: pa.Table, runs: int, full: bool) -> list[Figure]:
    """The whole panel, and its parts."""
    cut, tallied, compared, whole = [], [], [], []
    for _ in range(runs):
        began = time.perf_counter()
        numbers = from_reference(reference, NUMBERS)
        at = [time.perf_counter()]
        monitor = Drift("report", numbers=numbers)
        tallies = [Tally.of(monitor, rows, _STRATA) for rows in (window, reference)]
        at.append(time.perf_counter())
        panel = _panel(tallies[0], tallies[1], numbers)
        at.append(time.perf_counter())
        if sorted(one.column for one in panel) != sorted(COLUMNS):
            raise RuntimeError("The panel lacks a column; its time would mean nothing.")
        cut.append(at[0] - began)
        tallied.append(at[1] - at[0])
        compared.append(at[2] - at[1])
        whole.append(at[2] - began)
    target = 5.0 if full else None
    return [
        Figure.of(f"drift panel, {len(COLUMNS)} columns, both windows", whole, "s", "Evidently, below", target),
        Figure.of("  quantiles of the reference", cut, "s", ""),
        Figure.of("  tallies of both windows", tallied, "s", ""),
        Figure.of("  distances, design effects, null bands", compared, "s", ""),
    ]


def _panel(window: Tally, reference: Tally, numbers: tuple[NumberColumn, ...]) -> list[drift.ColumnDrift]:
    return drift.compare(window, reference, version="v1", attributes=(*ATTRIBUTES, "unit"), numbers=numbers)


def evidently(reference: pa.Table, window: pa.Table) -> Figure:
    """Evidently alone on the same columns."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    categories = ["status", *ATTRIBUTES, "unit"]
    numerical = [name for name in COLUMNS if name not in categories]
    definition = DataDefinition(numerical_columns=numerical, categorical_columns=categories)
    frames = []
    for rows in (window, reference):
        frame = (
            rows.select([*categories, *(_source(name) for name in numerical)])
            .rename_columns([*categories, *numerical])
            .to_pandas()
        )
        frames.append(frame.astype(dict.fromkeys(categories, str) | dict.fromkeys(numerical, float)))
    now, then = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
    report = Report([DataDriftPreset(columns=list(COLUMNS), method="jensenshannon", threshold=0.1)])
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas and numpy deprecations inside the library
        report.run(now, then).get_html_str(as_iframe=False)
    return Figure.of(
        "Evidently, same columns and rows, with its page",
        [time.perf_counter() - began],
        "s",
        "is what one would use",
    )


if __name__ == "__main__":
    main()
