"""Every way a file can be other than it says, and that rows survive their neighbours."""

import csv
import gzip
import io
import json
import tempfile
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.intake import lines as reasons
from auditor.intake.blocks import Decoded
from auditor.intake.faults import IntakeError
from auditor.intake.readers import open_source, read


def all_of(path: Path, rows: int = 50_000) -> Decoded:
    whole = Decoded([], [], [])
    for block, _ in read(path, rows):
        whole.rows.extend(block.rows)
        whole.records.extend(block.records)
        whole.faults.extend(block.faults)
    return whole


WHOLE_FILE: list[tuple[str, bytes, str]] = [
    ("a.txt", b"x", "must end in"),
    ("a.parquet.gz", b"x", "must end in"),
    ("a.jsonl", b"", "is empty"),
    ("a.jsonl", b"\n \n\n", "holds no rows"),
    ("a.csv", b"case_id,text\n", "holds no rows"),
    ("a.csv", b"\n1,2\n", "no header"),
    ("a.csv", b"a,b,a\n1,2,3\n", "columns 1 and 3 have the same name"),
    ("a.csv", b'a,"b\n1,2\n', "quote"),
    ("a.csv", b"a,\xff\n1,2\n", "UTF-8"),
    ("a.csv", b"PAR1rest", "holds Parquet"),
    ("a.jsonl", gzip.compress(b"{}"), "rename it to end in .gz"),
    ("a.jsonl.gz", b'{"a": 1}', "is not compressed"),
    ("a.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9999)[:-30], "damaged|ends early"),
    ("a.jsonl.gz", gzip.compress(b"")[:8], "damaged|ends early"),
    ("a.parquet", b"case_id,text\n1,2\n", "named Parquet but is not"),
    ("a.parquet", b"PAR1" + b"\0" * 50, "damaged Parquet"),
    ("a.csv", b"PK\x03\x04rest", "Excel"),
    ("a.csv", "a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    ("a.csv", "a,b\n1,2\n".encode("utf-16-le"), "binary file or UTF-16"),
    ("a.jsonl", bytes(range(256)) * 4, "binary file"),
    ("a.jsonl", b"\0" * 128 + b"DICM" + b"\0" * 9, "DICOM"),
    ("a.jsonl", b'[{"a": 1},\n{"a": 2}]', "one JSON array"),
    ("a.jsonl.gz", gzip.compress(b"%PDF-1.7"), "a PDF"),
]


@pytest.mark.parametrize(("name", "content", "sentence"), WHOLE_FILE)
def test_a_file_that_is_not_what_it_says(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(IntakeError, match=sentence) as caught:
        all_of(path)
    assert str(caught.value).count("\n") == 0


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="cannot be read: No such file"):
        open_source(tmp_path / "a.csv")
    with pytest.raises(IntakeError, match="name is not UTF-8"):
        open_source(tmp_path / "a\udcff.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(IntakeError, match="cannot be read"):
        open_source(tmp_path / "b.csv")


DEEP = b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}"
JSON_LINES: list[tuple[bytes, str]] = [
    (b'{"a": NaN}', reasons.CUT_OFF),
    (b'{"a": -Infinity}', reasons.CUT_OFF),
    (b'{"a": 1', reasons.CUT_OFF),
    (b'{"a": "\xe9"}', reasons.NOT_UTF8),
    (b"[1, 2]", reasons.NOT_OBJECT),
    (b"3", reasons.NOT_OBJECT),
    (b'{"a": "x\\u0000y"}', reasons.NUL),
    (b'{"a": [{"x\\u0000": 1}]}', reasons.NUL),
    (b'{"a": "x\0"}', reasons.NUL),
    (b'{"a": 1}{"a": 2}', reasons.CUT_OFF),
    (b'{"a": 1},{"a": 2}', reasons.CUT_OFF),
    (b'{"a": "\\ud800"}', reasons.CUT_OFF),
    (b'{"a": ' + b"9" * 5000 + b"}", reasons.CUT_OFF),
    (DEEP, reasons.CUT_OFF),
]


@pytest.mark.parametrize(("line", "reason"), JSON_LINES)
def test_a_bad_json_line_costs_itself_only(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 0}\n' + line + b'\n\n{"a": "\\\\u0000"}\r\n')
    found = all_of(path)
    assert (found.rows, found.records) == ([1, 4], [{"a": 0}, {"a": "\\u0000"}])
    assert [(f.row, f.reason) for f in found.faults] == [(2, reason)]


def test_half_a_last_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 0}\n{"a": 1, "b": "cut o')
    found = all_of(path)
    assert found.rows == [1] and [(f.row, f.reason) for f in found.faults] == [(2, reasons.CUT_OFF)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
def test_a_field_of_fifty_megabytes_is_skipped_without_being_held(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    opened = gzip.open if name.endswith(".gz") else open
    small, start, end = (b"1,2\n", b'1,"', b'"\n') if "csv" in name else (b'{"a":1}\n', b'{"a":"', b'"}\n')
    with opened(path, "wb") as stream:
        stream.write((b"a,b\n" if "csv" in name else b"") + small + start)
        for _ in range(50):
            stream.write(b"x" * (1 << 20))
        stream.write(end + small)
    tracemalloc.start()
    found = all_of(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.rows) == 2 and [f.reason for f in found.faults] == [reasons.TOO_LONG]
    assert peak < 48 << 20  # the limit of one row, a copy of it, and what the reader needs


CSV_ROWS: list[tuple[str, list[list[str]], list[tuple[int, str]]]] = [
    ("1,2\n3\n4,5,6\n7,8\n", [["1", "2"], ["7", "8"]], [(3, "has 1 fields"), (4, "has 3 fields")]),
    ('1,"a ""b"" c"\n', [["1", 'a "b" c']], []),
    ('1,"two\nlines"\n2,x\n', [["1", "two\nlines"], ["2", "x"]], []),
    ('1,"open\n2,x\n3,y\n', [["2", "x"], ["3", "y"]], [(2, "never closed")]),
    ('1,"a"b\n2,x\n', [["2", "x"]], [(2, "quote")]),
    ('1,5" nodule\n2,x\n', [["1", '5" nodule'], ["2", "x"]], []),
    ("1,a\0b\n2,x\n", [["2", "x"]], [(2, "NUL")]),
    ("\n\n1,2\n\n", [["1", "2"]], []),
    ("1,2", [["1", "2"]], []),
]


@pytest.mark.parametrize(("text", "rows", "faults"), CSV_ROWS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_rows(
    tmp_path: Path, text: str, rows: list[list[str]], faults: list[tuple[int, str]], delimiter: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(("\ufeffa,b\r\n" + text).replace(",", delimiter).encode())
    found = all_of(path)
    assert [list(r.values()) for r in found.records] == rows
    assert [f.row for f in found.faults] == [row for row, _ in faults]
    assert all(words in f.reason for f, (_, words) in zip(found.faults, faults, strict=True))


def test_a_csv_line_of_another_encoding_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,gro\xdf\n2,gr\xc3\xb6\xc3\x9fer\n")
    found = all_of(path)
    assert found.records == [{"a": "2", "b": "größer"}]
    assert [(f.row, f.reason) for f in found.faults] == [(2, reasons.NOT_UTF8)]


def test_quotes_that_never_close_end_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + '1,"x\n' * 400)
    with pytest.raises(IntakeError, match="never closed"):
        all_of(path)


def test_an_empty_cell_is_missing_and_not_a_value(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\n1,,0\n")
    assert all_of(path).records == [{"a": "1", "c": "0"}]


def test_parquet_types_become_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table(
        {
            "day": pa.array([date(2026, 3, 1), None], pa.date32()),
            "at": pa.array([1_772_323_200_123_456_789, None], pa.timestamp("ns", tz="UTC")),
            "age": pa.array([float("nan"), 72.0]),
            "scores": pa.array([[("Edema", 0.5)], None], pa.map_(pa.string(), pa.float64())),
            "images": pa.array([[{"uri": "a.png"}], None]),
            "number": pa.array([None, 12], pa.decimal128(10, 0)),
        }
    )
    pq.write_table(table, path)
    first, second = all_of(path).records
    assert first["day"] == date(2026, 3, 1) and first["at"].isoformat() == "2026-03-01T00:00:00.123456+00:00"
    assert first["scores"] == {"Edema": 0.5} and first["images"] == [{"uri": "a.png"}] and "age" not in first
    assert second == {"age": 72.0, "number": 12}


def test_parquet_text_that_is_not_utf8_costs_its_row_only(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    broken = pa.StringArray.from_buffers(
        3, pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])), pa.py_buffer(b"a\xffb")
    )
    pq.write_table(pa.table({"a": broken}), path)
    found = all_of(path)
    assert (found.rows, found.records) == ([1, 3], [{"a": "a"}, {"a": "b"}])
    assert [(f.row, f.reason) for f in found.faults] == [(2, reasons.NOT_UTF8)]


def test_truncated_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": list(range(1000))}), path)
    content = bytearray(path.read_bytes())
    content[20:400] = b"\xff" * 380
    path.write_bytes(content)
    with pytest.raises(IntakeError, match="damaged Parquet"):
        all_of(path)


characters = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t", exclude_characters="\ufffd")
cells = st.text(characters, max_size=20)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=20), st.integers(1, 7))
def test_csv_round_trip(rows: list[list[str]], size: int) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["a", "b"], *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
        found = all_of(path, size)
    assert not found.faults
    assert [[r.get("a", ""), r.get("b", "")] for r in found.records] == rows
    assert found.rows == list(range(2, len(rows) + 2))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | cells,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(cells, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(cells, json_values, max_size=4), min_size=1, max_size=20), st.integers(1, 7))
def test_json_lines_round_trip(records: list[dict[str, Any]], size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl.gz"
        with gzip.open(path, "wt", encoding="utf-8") as stream:
            stream.writelines(json.dumps(record) + "\n" for record in records)
        found = all_of(path, size)
        last = [done for _, done in read(path, size)][-1]
        assert last == path.stat().st_size
    assert not found.faults and found.records == records


@given(st.sampled_from(["a.jsonl", "a.csv", "a.parquet", "a.csv.gz"]), st.binary(max_size=300))
def test_no_bytes_cause_anything_but_a_sentence(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            found = all_of(path)
        except IntakeError as error:
            assert "\n" not in str(error)
            return
    assert len(found.rows) == len(found.records)
