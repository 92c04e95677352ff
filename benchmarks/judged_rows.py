"""A simulated year of judgements of any size, as a Parquet file: what `make bench-tally` reads.

python -m benchmarks.judged_rows report 1000000 FILE

Patients have 1.8 outputs on average, 8 % of them many, and a risk of their own. One row is a report draft, or one
of 14 findings of an image. Rows lie in the order of their days, in row groups that never tear an output apart.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy import special

from monitors.error_codes import CODES
from monitors.judged import GRID, STATUSES, judged_schema

ATTRIBUTES = {
    "age_band": ("0–17", "18–39", "40–59", "60–79", "80+"),
    "sex": ("(missing)", "F", "M"),
    "site": ("east", "harbour", "north", "south", "university", "west"),
    "vendor": ("four", "one", "three", "two"),
}
#: Every level of each attribute, of `draft_seen`, and of age and vendor crossed: 40 slices.
SLICES = (("age_band",), ("sex",), ("site",), ("vendor",), ("draft_seen",), ("age_band", "vendor"))
STRATA = ("version", "draft_seen", "item", *ATTRIBUTES)
FINDINGS = tuple(f"finding {letter}" for letter in "ABCDEFGHIJKLMN")
ITEMS = {"report": ("report",), "classification": FINDINGS}
FIRST_DAY, DAYS = date(2025, 1, 1), 365
_OF_ATTRIBUTES = {"age_band": (0.06, 0.18, 0.28, 0.36, 0.12), "sex": (0.01, 0.51, 0.48)}
_OUTPUTS_A_PATIENT = 1.8
_ROWS_A_GROUP = 100_000
_SEED = 1

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Part:
    """Some outputs in a row: which, whose, and the row of each output's items."""

    rng: np.random.Generator
    first: int
    owner: Ints
    outputs: int  # of the whole file
    items: tuple[str, ...]
    risk: NDArray[np.float64]  # of each row's patient, on the logit scale around 0
    sex_age: tuple[Ints, Ints]  # of each output's patient

    @property
    def rows(self) -> int:
        return len(self.owner) * len(self.items)


def write(task: str, rows: int, path: Path) -> None:
    """The file; the same bits whenever it is asked for."""
    rng = np.random.default_rng(_SEED)
    items = ITEMS[task]
    outputs = -(-rows // len(items))
    patients = max(1, round(outputs / _OUTPUTS_A_PATIENT))
    owner = rng.permutation(np.resize(np.repeat(np.arange(patients), _sizes(rng, patients)), outputs))
    risk = rng.normal(size=patients)
    sex = rng.choice(3, patients, p=_OF_ATTRIBUTES["sex"])
    age = rng.choice(5, patients, p=_OF_ATTRIBUTES["age_band"])
    schema = judged_schema(task, tuple(ATTRIBUTES))
    step = max(1, _ROWS_A_GROUP // len(items))
    with pq.ParquetWriter(path, schema) as file:
        for first in range(0, outputs, step):
            mine = owner[first : first + step]
            part = _Part(rng, first, mine, outputs, items, risk[mine].repeat(len(items)), (sex[mine], age[mine]))
            columns = _common(part) | _JUDGED[task](part)
            arrays = [columns.get(field.name, pa.nulls(part.rows, field.type)) for field in schema]
            file.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=part.rows)


def parts(path: Path) -> Iterator[pa.Table]:
    """The rows of such a file, one row group at a time."""
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number)


def _sizes(rng: np.random.Generator, patients: int) -> Ints:
    """75 % of patients with one output, 17 % with two or three, 8 % with a geometric number of mean 8."""
    kind = rng.choice(3, size=patients, p=[0.75, 0.17, 0.08])
    some, many = rng.integers(2, 4, patients), rng.geometric(1 / 8, patients)
    return np.where(kind == 0, 1, np.where(kind == 1, some, many))


def _common(part: _Part) -> dict[str, Any]:
    """Identity, time, strata and status."""
    rng, outputs, each = part.rng, len(part.owner), len(part.items)
    number = np.arange(part.first, part.first + outputs)
    day = number * DAYS // part.outputs
    identity = pa.array(number).cast(pa.string()).take(pa.array(np.repeat(np.arange(outputs), each)))
    digests = pa.py_buffer(rng.bytes(16 * part.rows))
    of_output = {
        "age_band": part.sex_age[1],
        "sex": part.sex_age[0],
        "site": rng.integers(6, size=outputs),
        "vendor": rng.integers(4, size=outputs),
    }
    statuses = np.zeros(outputs, int)
    if each == 1:
        statuses = rng.choice(5, outputs, p=[0.93, 0.04, 0.01, 0.01, 0.01])
    return {
        "digest": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), part.rows, [None, digests]),
        "output_id": identity,
        "case_id": identity,
        "subject_id": pa.array([f"{whose:032x}" for whose in part.owner.repeat(each).tolist()]),
        "clustered_by": _category(np.zeros(part.rows), ("patient",)),
        "task": _category(np.zeros(part.rows), ("report" if each == 1 else "classification",)),
        "item": _category(np.tile(np.arange(each), outputs), part.items),
        # the system was changed after a month
        "version": _category((day >= 30).repeat(each), ("v1", "v2")),
        "origin": _category(np.zeros(part.rows), ("recorded",)),
        "draft_seen": _category(rng.integers(2, size=outputs).repeat(each), ("no", "yes")),
        "day": pa.array((day.repeat(each) + (FIRST_DAY - date(1970, 1, 1)).days).astype(np.int32)).cast(
            pa.date32()
        ),
        "weight": pa.array(np.full(part.rows, GRID)),
        "status": _category(statuses.repeat(each), STATUSES),
        **{name: _category(of_output[name].repeat(each), levels) for name, levels in ATTRIBUTES.items()},
    }


def _reports(part: _Part) -> dict[str, Any]:
    """Claims of each draft and what is wrong with them; about 5 % have a contradicted finding."""
    rng, n = part.rng, part.rows
    asserted, findings = rng.poisson(2.5, n) + 1, rng.poisson(2, n)
    wrong = (rng.uniform(size=n) < special.expit(part.risk - 3.3)).astype(int)
    silent = np.minimum(rng.binomial(1, 0.15, n), asserted - wrong)
    omitted = rng.binomial(findings, 0.1)
    score = rng.uniform(size=n)
    counts = {
        "asserted": asserted,
        "reference_findings": findings,
        "contradicted": wrong,
        "unsupported": silent,
        "unaddressed": np.minimum(rng.binomial(1, 0.05, n), asserted - wrong - silent),
        "omitted": omitted,
        "laterality": rng.binomial(1, 0.02, n),
        "significant_contradicted": rng.binomial(wrong, 0.5),
        "significant_omitted": rng.binomial(omitted, 0.3),
        "length": rng.poisson(60, n),
        "reference_length": rng.poisson(70, n),
        "addressed": 4 + findings,
    }
    each = {code: rng.binomial(1, 0.02, n) for code in CODES}
    each |= {"FAB": sum(counts[name] for name in ("contradicted", "unsupported", "unaddressed")), "OMI": omitted}
    small = {"reached": rng.binomial(1, 0.02, n)}
    return {
        "errors": _errors(rng, np.stack([each[code] for code in CODES], axis=1)),
        **{name: pa.array(values.astype(np.int32)) for name, values in counts.items()},
        **{name: pa.array(values.astype(np.int8)) for name, values in small.items()},
        "confidence": pa.array(1 - 0.1 * (1 - score)),
        "score": pa.array(score),
        "edited": pa.array(rng.uniform(0, 0.4, n) * (rng.uniform(size=n) < 0.5)),
    }


def _errors(rng: np.random.Generator, counts: Ints) -> pa.ListArray:
    """So many errors of each code in each row, of shape (rows, codes), each with what it weighs."""
    which = np.repeat(np.tile(np.arange(len(CODES)), len(counts)), counts.ravel())
    code = pa.DictionaryArray.from_arrays(pa.array(which), pa.array(list(CODES))).cast(pa.string())
    weight = pa.array(rng.choice([1.0, 0.5, 0.25, 0.1], len(which)))
    ends = np.cumsum(counts.sum(axis=1))
    return pa.ListArray.from_arrays(
        pa.array(np.r_[0, ends].astype(np.int32)), pa.StructArray.from_arrays([code, weight], ["code", "weight"])
    )


def _scores(part: _Part) -> dict[str, Any]:
    """A calibrated probability, a decision at .5, and a label that 3 % of rows lack."""
    rng, n = part.rng, part.rows
    logit = -2.0 + 2.0 * (0.45 * part.risk + 0.9 * rng.normal(size=n))
    probability = special.expit(logit)
    label = rng.uniform(size=n) < probability
    unlabelled = rng.uniform(size=n) < 0.03
    critical = np.tile(np.arange(len(part.items)) < 3, n // len(part.items))
    return {
        "probability": pa.array(probability),
        "label": pa.array(label.astype(np.int8), mask=unlabelled),
        "status": _category(unlabelled, STATUSES),  # judged, or awaiting its label
        "decision": pa.array((logit > 0).astype(np.int8)),
        "critical": pa.array(critical.astype(np.int8)),
        "in_time": pa.array((rng.uniform(size=n) < 0.9).astype(np.int8)),
    }


_JUDGED: dict[str, Callable[[_Part], dict[str, Any]]] = {"report": _reports, "classification": _scores}


def _category(index: NDArray[Any], levels: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(levels))


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
