"""What drift needs beyond tallies: numbers cut at the reference window, and embeddings, which no tally holds."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.linking import Linked, subjects
from auditor.audit.measuring import reference_of
from auditor.audit.tallying import rows_within
from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from monitors import embedding_drift
from monitors.bag_drift import TITLES
from monitors.drift import Drift
from monitors.drift_columns import COLUMNS
from monitors.drift_numbers import from_reference
from monitors.drift_rows import ColumnDrift, Of, measurement, refused
from monitors.embedding_drift import EMBEDDING_DISTANCE, ITEM, NAME, VERSION
from monitors.embedding_sums import SAMPLE, EmbeddingError, EmbeddingSums, Space, patients_of
from monitors.judged import GRID
from monitors.measurement import Measurement, Window
from monitors.sample import RowSample


def drift_monitor(task: str, judged: pa.Table, settings: AuditSettings) -> Drift:
    """The drift monitor of a task, with the numeric attributes that the settings name.

    Without a reference window there is nothing to cut them at, and nothing to compare.
    """
    window = reference_of(settings)
    if window is None or not settings.drift_numbers:
        return Drift(task)
    rows = judged.filter(rows_within(judged["day"], window))
    return Drift(task, numbers=from_reference(rows, settings.drift_numbers))


def taken_names(settings: AuditSettings) -> Iterator[str]:
    """One sentence for each attribute whose name another column of the drift panel has already."""
    taken = {"status", ITEM, *TITLES, *(one.name for task in settings.tasks for one in COLUMNS[task])}
    for name in settings.drift_numbers:
        if name in taken:
            what = f"{name} is what every audit calls something else"
            yield f"drift_numbers: {what}; give the attribute another name."


class Seen(NamedTuple):
    """The drift of the embeddings of each version; a version that cannot be compared has a measurement only."""

    measurements: list[Measurement]
    drift: list[tuple[str, ColumnDrift]]


#: Digests and embeddings of outputs, read anew and in pieces each time: together they may be larger than memory.
Stored = Callable[[], Iterator[pa.RecordBatch]]


def embeddings_in(lake: Lake, segments: Iterable[str]) -> Iterator[pa.RecordBatch]:
    """Digest and embedding of every output that has one; segments of before there were any hold none."""
    for segment in segments:
        if "embedding" in lake.columns(segment):
            for batch in lake.batches(segment, ["digest", "embedding"]):
                yield batch.filter(batch["embedding"].is_valid())


def embeddings_moved(linked: Linked, stored: Stored, task: str, settings: AuditSettings, window: Window) -> Seen:
    """Embeddings of the window against those of the reference window, each version against itself.

    Nothing where no reference window is declared, or no output of the window has an embedding.
    """
    found = Seen([], [])
    reference_window = reference_of(settings)
    if reference_window is None:
        return found
    rows = _rows(linked, stored)
    now, then = (rows.filter(rows_within(rows["day"], one)) for one in (window, reference_window))
    for version in sorted(pc.unique(now["version"]).to_pylist()):
        mine, before = (one.filter(pc.equal(one["version"], version)) for one in (now, then))
        of = Of(EMBEDDING_DISTANCE, NAME, VERSION, task, version, window)
        try:
            column = _compared(mine, before, stored, version, settings.seed)
        except EmbeddingError as error:
            n = float(pc.sum(mine["weight"]).as_py()) / GRID
            people = patients_of(mine["subject_id"], settings.seed)
            found.measurements.append(refused(of, ITEM, str(error), n=n, patients=people))
            continue
        found.measurements.append(measurement(of, column))
        found.drift.append((version, column))
    return found


def _rows(linked: Linked, stored: Stored) -> pa.Table:
    """What is known of each output that has an embedding; the embeddings themselves stay where they are."""
    columns = {name: linked.outputs[name] for name in ("digest", "version", "day")}
    rows = pa.table(columns | {"subject_id": subjects(linked)[0], "weight": pa.array(linked.weight)})
    digests = rows["digest"].combine_chunks()
    has = np.zeros(rows.num_rows, bool)
    for batch in stored():
        has |= np.asarray(pc.is_in(digests, value_set=batch["digest"]))
    return rows.filter(pa.array(has)).combine_chunks()


def _compared(now: pa.Table, then: pa.Table, stored: Stored, version: str, seed: int) -> ColumnDrift:
    if not then.num_rows:
        raise EmbeddingError(
            f"Version {version} has no embeddings in the reference window, and those of another version lie in a "
            "space of their own; move reference_window to days of this version."
        )
    chosen = RowSample.of(then, ["digest"], SAMPLE, seed).table
    sample = pa.Table.from_batches(_with_embeddings(chosen, stored)).sort_by("digest")
    space = Space.of(sample["embedding"], seed)
    return embedding_drift.compare(
        *(EmbeddingSums.of(space, _with_embeddings(rows, stored), seed) for rows in (now, then))
    )


def _with_embeddings(rows: pa.Table, stored: Stored) -> Iterator[pa.RecordBatch]:
    """The rows with their embeddings, in the order in which these are stored."""
    digests = rows["digest"].combine_chunks()
    others = [name for name in rows.column_names if name != "digest"]
    for batch in stored():
        place = pc.index_in(batch["digest"], value_set=digests)
        mine, place = batch.filter(place.is_valid()), place.drop_null()
        beside = {name: rows[name].combine_chunks().take(place) for name in others}
        yield pa.RecordBatch.from_pydict({name: mine[name] for name in ("digest", "embedding")} | beside)
