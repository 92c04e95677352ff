"""Which judgements are of which rows: their names follow from output, reference, case and judge.

A judgement holds no identifier and no text, only its key: the hash of the pair, its context and its judge. So the
judgements of some rows are found by making every key that an audit can have made of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, product
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from auditor.audit.agreement import other_judges
from auditor.audit.judging import pair_keys
from auditor.audit.linking import Linked, newest_references
from auditor.audit.rejudging import weekly_judges
from auditor.judges import for_task
from auditor.keeping.rows import Chosen
from auditor.settings import parse_settings
from auditor.store import tables as t
from auditor.store.segments import Readable

_AT_ONCE: Final = 50_000
_GROUP: Final = ("case_id", "task", "reference_kind", "item")
_Digests = Mapping[str, list[bytes]]
_Pair = tuple[bytes, bytes | None, bytes | None]


@dataclass(frozen=True)
class Judges:
    """The digests of every judge that a system has had, and those of which only the beginning is recorded.

    The latter were judges of an older version of this product, or used files that are gone: whose judgements
    theirs are can no longer be told, by anybody.
    """

    digests: tuple[str, ...]
    lost: tuple[str, ...]


def judges_of(reader: Readable, system: str) -> Judges:
    """Every judge that the settings of a system ever named, as this version makes them, of reviews, of weeks."""
    known: set[str] = set()
    for row in reader.read(sa.select(t.configs.c.yaml).where(t.configs.c.system == system)):
        # settings of an older version, or a lexicon that is gone: `lost` names the judge
        with suppress(ValueError, OSError):
            for task, setting in parse_settings(row["yaml"]).tasks.items():
                with suppress(ValueError, OSError):
                    known.add(for_task(task, setting.judge).digest)
                    known |= {judge.digest for _, judge in other_judges(task, setting)}
    drawn = sa.select(t.review_samples.c.judge).where(t.review_samples.c.system == system)
    known |= {row["judge"] for row in reader.read(drawn)}
    known |= weekly_judges(reader, system)
    told = sa.select(t.details.c.payload).join(t.audits, t.audits.c.id == t.details.c.audit)
    rows = reader.read(told.where(t.audits.c.system == system, t.details.c.kind == "judges"))
    # an audit tells of a judge as "name, first digits of its digest[, to check it]"
    begun = {text.removesuffix(", to check it").rsplit(" ", 1)[-1] for row in rows for _, text in row["payload"]}
    lost = {one for one in begun if not any(digest.startswith(one) for digest in known)}
    return Judges(tuple(sorted(known)), tuple(sorted(lost)))


def judgement_keys(tables: Mapping[str, pa.Table], chosen: Chosen, judges: Judges) -> pa.Array:
    """The key of every judgement that can have been made of the outputs that go, in whatever audit."""
    keys: set[bytes] = set()
    pairs = _pairs(tables, chosen)
    while some := list(islice(pairs, _AT_ONCE)):
        outputs, references, cases = zip(*some, strict=True)
        linked = Linked(_named(outputs), _named(references), _named(cases), np.zeros(len(some), np.int64))
        for judge in judges.digests:
            keys.update(pair_keys(linked, judge))
    return pa.array(sorted(keys), pa.binary(16))


def _named(digests: Sequence[bytes | None]) -> pa.Table:
    return pa.table({"digest": pa.array(digests, pa.binary(16))})


def _pairs(tables: Mapping[str, pa.Table], chosen: Chosen) -> Iterator[_Pair]:
    """Every (output, reference, case) that an audit can have put side by side, by digest."""
    outputs = tables["outputs"].filter(chosen.of(tables["outputs"], "outputs"))
    beside: defaultdict[str, list[bytes]] = defaultdict(list)  # case → what was held against it
    for name in ("case_id", "shown_case_id"):  # a probe is held against the case whose image it saw, too
        for case, digest in zip(outputs[name].to_pylist(), outputs["digest"].to_pylist(), strict=True):
            if case is not None:
                beside[case].append(digest)
    asked = pa.array(sorted(beside), pa.string())
    references = _references(tables["references"].filter(_in(tables["references"], asked)))
    cases: defaultdict[str, list[bytes]] = defaultdict(list)
    versions = tables["cases"].filter(_in(tables["cases"], asked))
    for case, digest in zip(versions["case_id"].to_pylist(), versions["digest"].to_pylist(), strict=True):
        cases[case].append(digest)
    for case, own in beside.items():
        known = references.get(case, [])
        # the report that was signed is judged in the draft's place, to see which errors reached it
        yield from product({*own, *known}, [*known, None], [*cases[case], None])


def _references(rows: pa.Table) -> _Digests:
    """By case, the digest of each reference as it stood after each of its rows had come, addenda joined."""
    found: defaultdict[str, set[bytes]] = defaultdict(set)
    texts = pa.nulls(rows.num_rows, pa.string())  # joined with their addenda, and of no interest here
    table = rows.append_column(pa.field("text", pa.string()), texts).combine_chunks()
    groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, row in enumerate(table.select(_GROUP).to_pylist()):
        groups[tuple(row.values())].append(place)
    digests, seen = table["digest"].to_pylist(), table["draft_seen"].to_pylist()
    for group, places in groups.items():
        found[str(group[0])].update(digests[place] for place in places)
        for some in (places, [place for place in places if seen[place] == "yes"]):
            for count in range(2, len(some) + 1):
                found[str(group[0])].update(_joined(table, some[:count]))
    return {case: sorted(one) for case, one in found.items()}


def _joined(table: pa.Table, places: Iterable[int]) -> list[bytes]:
    digests: list[bytes] = newest_references(table.take(list(places)))["digest"].to_pylist()
    return digests


def _in(table: pa.Table, cases: pa.Array) -> pa.ChunkedArray:
    return pc.is_in(table["case_id"], value_set=cases)
