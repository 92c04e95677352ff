"""How many outputs there were, and how many of them could be judged: the denominators before any rate."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.audit.tallying import rows_within
from monitors.measurement import Window
from reports.dossier import Flow


def flows_of(judged: pa.Table, task: str, window: Window) -> list[Flow]:
    """One flow a version, over the outputs of the window (an output with many findings counts once)."""
    outputs = one_row_an_output(judged.filter(rows_within(judged["day"], window)))
    return [_flow(outputs, task, version) for version in sorted(set(outputs["version"].to_pylist()))]


def one_row_an_output(judged: pa.Table) -> pa.Table:
    """The first row of every output."""
    codes = np.asarray(judged["output_id"].combine_chunks().dictionary_encode().indices)
    return judged.take(np.sort(np.unique(codes, return_index=True)[1]))


def _flow(outputs: pa.Table, task: str, version: str) -> Flow:
    rows = outputs.filter(pc.equal(outputs["version"], version))
    status = rows["status"].to_pylist()
    cases = dict(zip(rows["case_id"].to_pylist(), rows["clustered_by"].to_pylist(), strict=True))
    by_study = sum(1 for unit in cases.values() if unit == "study")
    linked = rows.num_rows - rows["draft_seen"].to_pylist().count("none")
    return Flow(
        task=task,
        version=version,
        outputs=rows.num_rows,
        linked=linked,
        judged=status.count("judged"),
        awaiting=status.count("awaiting"),
        unparseable=status.count("unparseable"),
        judge_failed=status.count("judge_failed"),
        output_error=status.count("output_error"),
        undated=rows["day"].null_count,
        cases=len(cases),
        patients=pc.count_distinct(rows["subject_id"]).as_py(),
        study_clustered_share=by_study / len(cases) if cases else 0.0,
    )
