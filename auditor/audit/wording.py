"""Drift of what outputs say: their words, and the findings that report drafts name.

Words are counted, never kept: a report tells those that the lexicon of the rules knows, and others only where
`exemplars` in audit.yaml lets words of reports be shown.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.drifting import Seen
from auditor.audit.linking import Linked, subjects
from auditor.audit.measuring import reference_of
from auditor.audit.tallying import rows_within
from auditor.audit.versions import baseline_of
from auditor.claims import default_lexicon
from auditor.settings import AuditSettings
from monitors.bag_drift import FINDINGS, WORDS, BagError, compare
from monitors.bags import SAMPLE, BagSums, vocabulary
from monitors.drift import Drift
from monitors.drift_rows import DISTANCE, Of, measurement, refused
from monitors.measurement import Window
from monitors.sample import RowSample

_ROWS = 20_000  # texts that are taken apart at once

Bags = Callable[[pa.ChunkedArray], pa.ChunkedArray]


def words_in(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """The words of each text in lower case, letters only: numbers, dates and sizes differ in every report.

    >>> words_in(pa.chunked_array([["No PTX; 3 mm nodule.", None]])).to_pylist()
    [['no', 'ptx', 'mm', 'nodule', ''], None]
    """
    return pc.split_pattern_regex(pc.utf8_lower(texts), r"[^\p{L}]+")


def wording_moved(
    linked: Linked,
    judgements: pa.Table | None,
    task: str,
    order: Sequence[str],
    settings: AuditSettings,
    window: Window,
) -> Seen:
    """Words and findings of the window against those of the reference window.

    `judgements` are those of the linked rows, with the findings of each draft. Nothing where no reference window
    is declared, and nothing of outputs without text.
    """
    found = Seen([], [])
    before = reference_of(settings)
    if before is None:
        return found
    columns: dict[str, tuple[pa.ChunkedArray, Bags]] = {}
    if linked.outputs["text"].null_count < linked.outputs.num_rows:
        columns[WORDS] = (linked.outputs["text"], words_in)
    if judgements is not None and task == "report":
        columns[FINDINGS] = (judgements["findings"], lambda findings: findings)
    for name, (contents, bags) in columns.items():
        _compare_column(found, name, _rows(linked, contents), bags, task, order, settings, (window, before))
    return found


def _rows(linked: Linked, contents: pa.ChunkedArray) -> pa.Table:
    about = {name: linked.outputs[name] for name in ("digest", "version", "day")}
    about |= {"subject_id": subjects(linked)[0], "weight": pa.array(linked.weight), "content": contents}
    return pa.table(about).filter(pc.is_valid(contents))


def _compare_column(
    found: Seen,
    name: str,
    rows: pa.Table,
    bags: Bags,
    task: str,
    order: Sequence[str],
    settings: AuditSettings,
    windows: tuple[Window, Window],
) -> None:
    """Each version of the window against itself in the reference window, or against the last version there."""
    now, then = (rows.filter(rows_within(rows["day"], one)) for one in windows)
    monitor = Drift(task)
    for version in sorted(pc.unique(now["version"]).to_pylist()):
        baseline = baseline_of(pc.unique(then["version"]).to_pylist(), version, order)
        if baseline is None:
            continue  # nothing was said in the reference window
        sides = [side.filter(pc.equal(side["version"], of)) for side, of in ((now, version), (then, baseline))]
        samples = [RowSample.of(side, ["content"], SAMPLE, settings.seed).table["content"] for side in sides]
        entries = vocabulary(bags(sample) for sample in samples)
        sums, reference = (BagSums.of(entries, _batches(side, bags), settings.seed) for side in sides)
        of = Of(DISTANCE, monitor.name, monitor.version, task, version, windows[0])
        told = _may_be_told(entries) if name == WORDS and settings.exemplars == "none" else None
        try:
            column = compare(sums, reference, name, may_name=told)
        except BagError as error:
            found.measurements.append(refused(of, name, str(error), n=sums.n, patients=sums.patients))
            continue
        if name == FINDINGS:
            column = replace(column, categories=tuple(map(_finding, column.categories)))
        found.measurements.append(measurement(of, column))
        found.drift.append((version, column))


def _batches(rows: pa.Table, bags: Bags) -> Iterator[pa.RecordBatch]:
    for start in range(0, rows.num_rows, _ROWS):
        piece = rows.slice(start, _ROWS)
        about = {name: piece[name].combine_chunks() for name in ("subject_id", "weight")}
        yield pa.RecordBatch.from_pydict({"bag": bags(piece["content"]).combine_chunks(), **about})


def _finding(identity: str) -> str:
    """A finding as people write it; a language model may have named one that the lexicon lacks."""
    known = default_lexicon().findings.get(identity)
    return known.name if known else identity


def _may_be_told(entries: tuple[str, ...]) -> frozenset[str]:
    """Those that are words of the lexicon: ours, and not a report's."""
    words = default_lexicon().words
    return frozenset(entry for entry in entries if words.form(entry) in words.vocabulary)
