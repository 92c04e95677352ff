"""Evidently's familiar drift page, on a bounded sample of the window beside one of the reference window."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.measuring import reference_of
from auditor.audit.scope import Scope
from auditor.audit.tallying import rows_within
from auditor.audit.versions import baseline_of
from monitors.evidently_drift import Page, evidently_page
from monitors.judged import number_column
from monitors.measurement import Window
from monitors.sample import RowSample

#: Rows of each sample: enough for a picture; our own distances use every row.
SAMPLE = 2_000
_NUMERICAL = {
    "report": ("length", "score"),
    "classification": ("probability",),
    "vqa": ("length",),
    "retrieval": ("reciprocal_rank",),
}
_CATEGORICAL = {"report": (), "classification": ("decision", "label"), "vqa": ("correct",), "retrieval": ()}

__all__ = ["Page", "compared", "drift_page"]


def compared(judged: pa.Table, scope: Scope, version: str, order: Sequence[str]) -> tuple[str, str] | None:
    """A version and the one of the reference window that it is held against, as our own distances hold it."""
    window = reference_of(scope.settings)
    if window is None:
        return None
    before = set(judged.filter(rows_within(judged["day"], window))["version"].to_pylist())
    baseline = baseline_of(before, version, order)
    return (version, baseline) if baseline else None


def drift_page(task: str, judged: pa.Table, scope: Scope, versions: tuple[str, str]) -> Page | None:
    """The page and its scores of two `compared` versions, or None where one side has no rows."""
    reference_window = reference_of(scope.settings)
    if reference_window is None:
        return None
    asked = scope.settings.drift_numbers
    numerical = [*_NUMERICAL[task], *asked]
    categorical = [*_CATEGORICAL[task], *(n for n in scope.settings.slice_attributes if n not in asked)]
    samples = [
        _sample(judged, window, version, [*numerical, *categorical], scope.settings.seed)
        for window, version in ((reference_window, versions[1]), (scope.window, versions[0]))
    ]
    if any(sample.num_rows == 0 for sample in samples):
        return None
    usable = [name for name in numerical if all(s[name].null_count < s.num_rows for s in samples)]
    texts = [name for name in categorical if all(s[name].null_count < s.num_rows for s in samples)]
    return evidently_page(samples[0], samples[1], usable, texts)


def _sample(judged: pa.Table, window: Window, version: str, columns: list[str], seed: int) -> pa.Table:
    rows = judged.filter(pc.and_(rows_within(judged["day"], window), pc.equal(judged["version"], version)))
    for name in columns:
        if number_column(name) in rows.column_names:
            rows = _named(rows.drop_columns([name] if name in rows.column_names else []), name)
        elif pa.types.is_dictionary(rows.schema.field(name).type) or pa.types.is_int8(
            rows.schema.field(name).type
        ):
            # categories by name; Evidently's chi-square refuses 0/1 columns typed as numbers
            text = pc.cast(rows[name], pa.string())
            rows = rows.set_column(rows.schema.get_field_index(name), name, text)
    return RowSample.of(rows, columns, k=SAMPLE, seed=seed).table.select(columns)


def _named(rows: pa.Table, name: str) -> pa.Table:
    """A numeric attribute under its own name, as the page has it."""
    return rows.append_column(name, rows[number_column(name)])
