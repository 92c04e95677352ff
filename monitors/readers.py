"""Agreement of human readers who answered the same question about the same item, each blind to the other."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import pyarrow as pa

from monitors.agreement import Agreement, agreement_measures, measure
from monitors.judged import COMMON, GRID, judged_schema
from monitors.measurement import Measurement, Window
from monitors.tally import Tally
from monitors.threshold import SUPPRESS_BELOW

READERS = Agreement("agreement_readers", agreement_measures("reader", "Two readers with each other"))


@dataclass(frozen=True, slots=True)
class ReaderAgreement:
    """Share of agreement, Cohen's kappa and Gwet's AC1 over pairs of readers, with intervals by patient.

    Kappa is NaN where all said the same one thing; it falls with how rare the error is, AC1 does not.
    """

    items: int  # that two readers or more answered
    agreement: Measurement
    kappa: Measurement
    ac1: Measurement


def reader_agreement(
    item: Sequence[int], subject: Sequence[str], reader: Sequence[str], answer: Sequence[int], seed: int = 0
) -> ReaderAgreement | None:
    """Agreement over all pairs of readers of an item, each item counting once; None for fewer than 11 patients.

    All four have one entry an answer of 0 or 1. Patients are counted, not items: several items of one patient say
    little more than one. Of an item with k readers each of its k(k − 1)/2 pairs weighs 2/(k(k − 1)). Readers are
    put in the order of their names, which changes neither share nor AC1.
    """
    answers: dict[int, list[tuple[str, int]]] = defaultdict(list)
    whose = dict(zip(item, subject, strict=True))
    for one, who, said in zip(item, reader, answer, strict=True):
        answers[one].append((who, said))
    rows = []
    for one, given in sorted(answers.items()):
        pairs = list(combinations([value for _, value in sorted(given)], 2))
        rows += [(whose[one], first, second, round(GRID / len(pairs))) for first, second in pairs]
    several = [one for one, given in answers.items() if len(given) > 1]
    if len({whose[one] for one in several}) < SUPPRESS_BELOW:
        return None
    table = _table(rows)
    made = measure(
        READERS, Tally.of(READERS, table, ("version", "item"), seed), version="", window=Window(), items=["error"]
    )
    found = {row.measure: row for row in made}
    names = ("reader_agreement", "reader_kappa", "reader_ac1")
    return ReaderAgreement(len(several), *(found[name] for name in names))


def _table(rows: Sequence[tuple[str, int, int, int]]) -> pa.Table:
    schema = judged_schema("agreement")
    subjects, first, second, weight = (list(column) for column in zip(*rows, strict=True))
    same = {"clustered_by": "patient", "task": "report", "item": "error", "version": "", "origin": "recorded"}
    values: dict[str, list[object]] = {
        **{
            name: [value] * len(rows)
            for name, value in (same | {"draft_seen": "none", "status": "judged"}).items()
        },
        "digest": [number.to_bytes(16) for number in range(len(rows))],
        "output_id": [str(number) for number in range(len(rows))],
        "case_id": subjects,
        "subject_id": subjects,
        "weight": weight,
        "first": first,
        "second": second,
    }
    empty: list[object] = [None] * len(rows)
    assert set(values) <= {field.name for field in (*COMMON, *schema)}
    return pa.table(
        [
            pa.array(values.get(f.name, empty), pa.string()).dictionary_encode().cast(f.type)
            if pa.types.is_dictionary(f.type)
            else pa.array(values.get(f.name, empty), f.type)
            for f in schema
        ],
        schema=schema,
    )
