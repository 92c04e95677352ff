"""Embeddings and counts of tokens at the gate: what is stored, what is refused, and rows that have neither."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from auditor.intake.quarantine import listed
from auditor.records import MAX_EMBEDDING, Output
from auditor.store.schemas import OUTPUTS
from auditor.store.segments import segments_of
from tests.auditor.intake.conftest import Bench, output

#: Of the plain draft of case ACC-1, as it was before outputs had embeddings.
_DIGEST_BEFORE = "51b9ce7b6dfeb59690c08f8ec3eee24c"


def test_numbers_are_stored_as_they_are_in_32_bits(bench: Bench) -> None:
    rows = [output(0, embedding=[0.1, -2, 1e-3], tokens=77), output(1, embedding=[0.0], tokens=0), output(2)]
    assert bench.ingest(bench.write("a.jsonl", rows)).reasons == ()
    first, second, third = bench.stored()
    assert first["embedding"] == np.array([0.1, -2, 1e-3], np.float32).tolist()
    assert [one["tokens"] for one in (first, second, third)] == [77, 0, None]
    assert (second["embedding"], third["embedding"]) == ([0.0], None)


def test_the_digest_is_of_what_is_stored(bench: Bench) -> None:
    assert bench.ingest(bench.write("a.jsonl", [output(0, output_id="o", embedding=[0.1])])).accepted == 1
    finer = output(0, output_id="o", embedding=[float(np.float32(0.1))])
    assert bench.ingest(bench.write("b.jsonl", [finer])).duplicates == 1
    other = output(0, output_id="o", embedding=[0.2])
    assert bench.ingest(bench.write("c.jsonl", [other])).conflicts == 1


def test_a_row_without_them_keeps_its_digest(bench: Bench) -> None:
    rows = [output(1), output(2, embedding=None, tokens=None)]
    assert bench.ingest(bench.write("a.jsonl", rows)).accepted == 2
    assert bench.stored()[0]["digest"].hex() == _DIGEST_BEFORE


def test_parquet_has_a_column_of_lists(bench: Bench) -> None:
    vectors = np.arange(8, dtype=np.float32).reshape(2, 4)
    columns = {name: [output(i)[name] for i in range(3)] for name in output(0)}
    lists = pa.array([*vectors.tolist(), None], pa.list_(pa.float32()))
    table = pa.table({**columns, "embedding": lists, "tokens": pa.array([5, None, 7], pa.int64())})
    pq.write_table(table, bench.folder / "a.parquet")
    assert bench.ingest(bench.folder / "a.parquet").reasons == ()
    assert [row["embedding"] for row in bench.stored()] == [*vectors.tolist(), None]
    assert [row["tokens"] for row in bench.stored()] == [5, None, 7]


def test_one_cell_may_hold_an_embedding(bench: Bench) -> None:
    mapping = """
case_id: study
task: {value: report}
version: {value: v1}
text: draft
embedding: {from: vector, separator: " "}
tokens: used
"""
    path = bench.folder / "a.csv"
    path.write_text("study,draft,vector,used\nACC-1,clear,0.5 -1 2e-1,12\nACC-2,clear,,\n")
    assert bench.ingest(path, mapping=bench.mapping(mapping)).reasons == ()
    first, second = bench.stored()
    assert first["embedding"] == pytest.approx([0.5, -1.0, 0.2])
    assert (first["tokens"], second["embedding"], second["tokens"]) == (12, None, None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"embedding": []}, "embedding: list should have at least 1 item"),
        ({"embedding": [0.0] * (MAX_EMBEDDING + 1)}, "embedding: an embedding has at most 8,192 numbers"),
        ({"embedding": ["ACC"] * 1_000_000}, "embedding: an embedding has at most 8,192 numbers"),
        ({"embedding": [0.5, "ACC"]}, "embedding.1: input should be a valid number"),
        ({"embedding": [0.5, None]}, "embedding.1: input should be a valid number"),
        ({"embedding": [[0.5]]}, "embedding.0: input should be a valid number"),
        ({"embedding": "0.5 0.25"}, "embedding: input should be a valid list"),
        ({"embedding": 0.5}, "embedding: input should be a valid list"),
        ({"embedding": ["inf"]}, "embedding.0: input should be a finite number"),
        ({"embedding": [1e39]}, "embedding: a number is too large"),
        ({"tokens": -1}, "tokens: input should be greater than or equal to 0"),
        ({"tokens": 2.5}, "tokens: input should be a valid integer"),
        ({"tokens": 2**31}, "tokens: the number is too large"),
        ({"text": None, "embedding": [0.5], "tokens": 3}, "an output needs text, scores"),
    ],
)
def test_what_is_no_embedding_goes_to_quarantine(bench: Bench, row: dict[str, Any], reason: str) -> None:
    result = bench.ingest(bench.write("a.jsonl", [output(0), output(1, **row)]))
    assert (result.accepted, result.quarantined) == (1, 1)
    (kept,) = listed(bench.ledger, "drafts")
    assert reason in kept.reason and "ACC" not in kept.reason
    assert "ACC" not in json.dumps(kept.record)


def test_segments_from_before_are_read_with_newer_ones(bench: Bench) -> None:
    bench.ingest(bench.write("a.jsonl", [output(0)]))
    (first,) = segments_of(bench.ledger, "drafts", "outputs")
    older = bench.lake.write(bench.lake.read(first.sha256).drop_columns(["embedding", "tokens"]), "outputs")
    bench.ingest(bench.write("b.jsonl", [output(1, embedding=[1, 2], tokens=9)]))
    newer = segments_of(bench.ledger, "drafts", "outputs")[-1]
    table = bench.lake.read_many([older.sha256, newer.sha256], schema=OUTPUTS)
    assert table["embedding"].to_pylist() == [None, [1.0, 2.0]]
    assert table["tokens"].to_pylist() == [None, 9]
    alone = bench.lake.read_many([older.sha256], schema=OUTPUTS)
    assert alone.schema.field("embedding").type == OUTPUTS.field("embedding").type


_VALUES = st.none() | st.lists(st.floats() | st.integers() | st.text(max_size=3) | st.none(), max_size=9)


@given(_VALUES, st.none() | st.integers() | st.floats())
def test_what_a_record_takes_is_finite_or_absent(embedding: Any, tokens: Any) -> None:
    try:
        made = Output.model_validate(output(1, embedding=embedding, tokens=tokens))
    except ValidationError:
        return
    assert made.embedding is None or (len(made.embedding) and np.isfinite(made.embedding).all())
    assert made.tokens is None or made.tokens >= 0


def test_the_gate_asks_the_rest_of_such_rows_as_of_any_other(bench: Bench) -> None:
    rows = [output(0, embedding=[0.5]), output(1, embedding=[0.5], produced_at="2031-01-01")]
    result = bench.ingest(bench.write("a.jsonl", rows))
    assert (result.accepted, result.quarantined) == (1, 1)
    (kept,) = listed(bench.ledger, "drafts")
    assert "lies in the future" in kept.reason and kept.record is not None
    assert kept.record["embedding"] == "<list of 1>"
