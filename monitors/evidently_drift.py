"""Evidently's drift page on two row samples: a page committees know, never the source of an alert.

Its defaults change the test with the number of rows and miss a doubled error rate in large samples, so method
and threshold are always set here.
"""

import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

#: Method and threshold by kind of column. Evidently's Jensen–Shannon distance is in nats: at most √ln 2 = .83.
METHOD: Final = "jensenshannon"
THRESHOLD: Final = 0.1
#: Said beside a score, since ours is in base 2.
SAID: Final = f"Jensen–Shannon distance, natural logarithm: at most {math.sqrt(math.log(2)):.2f}"
#: Decimals kept of a score: Evidently adds categories up in the order of a set, so the last bits vary.
_DECIMALS: Final = 12


class EvidentlyError(ValueError):
    """One clear sentence about samples that Evidently cannot compare."""


@dataclass(frozen=True, slots=True)
class Score:
    """What Evidently computed for one column."""

    score: float
    method: str
    threshold: float


@dataclass(frozen=True, slots=True)
class Page:
    """A self-contained HTML page, and the score of each column that has values on both sides."""

    html: str
    scores: dict[str, Score]


def evidently_page(
    reference: pa.Table, current: pa.Table, numerical: Sequence[str], categorical: Sequence[str]
) -> Page:
    """Drift of each column from reference to current rows.

    Columns without any value on one side are left out; numbers lose their missing values, categories count them
    as "(missing)". Raises EvidentlyError when no column is left.
    """
    kept_numbers = [name for name in numerical if _has_values(reference, name) and _has_values(current, name)]
    kept_categories = [name for name in categorical if reference.num_rows and current.num_rows]
    if not kept_numbers and not kept_categories:
        raise EvidentlyError("No column has values in both windows; Evidently has nothing to compare.")
    # read when Evidently is imported: it reports its use otherwise
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    columns = [*kept_numbers, *kept_categories]
    definition = DataDefinition(numerical_columns=kept_numbers, categorical_columns=kept_categories)
    now, then = (
        Dataset.from_pandas(_frame(table, kept_numbers, kept_categories).to_pandas(), data_definition=definition)
        for table in (current, reference)
    )
    report = Report([ValueDrift(column=name, method=METHOD, threshold=THRESHOLD) for name in columns])
    snapshot = report.run(now, then)
    found = snapshot.dict()["metrics"]
    scores = {name: _score(metric["value"]) for name, metric in zip(columns, found, strict=True)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drift.html"
        snapshot.save_html(str(path))
        html = path.read_text(encoding="utf-8")
    return Page(html, scores)


def _has_values(table: pa.Table, name: str) -> bool:
    return bool(pc.count(table[name], mode="only_valid").as_py())


def _frame(table: pa.Table, numerical: Sequence[str], categorical: Sequence[str]) -> pa.Table:
    """Only the compared columns, in types that Evidently takes without guessing."""
    arrays = {name: table[name].cast(pa.float64()) for name in numerical}
    arrays |= {name: table[name].cast(pa.string()).fill_null("(missing)") for name in categorical}
    return pa.table(arrays)


def _score(value: object) -> Score:
    """A score from Evidently's own number type; NaN where it gave none."""
    try:
        number = float(value)  # type: ignore[arg-type]  # a float, or its wrapper
    except (TypeError, ValueError):
        number = math.nan
    return Score(round(number, _DECIMALS), METHOD, THRESHOLD)
