"""A million cases on the dashboard: the list is made once, then filtered and paged.

    make bench-cases

Outputs, references, cases and judgements of the right shape lie in a lake of 50,000 rows a segment. Beside the
list stands what one would use instead: reading the judgements of the whole audit with Arrow for every page.
"""

import hashlib
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from auditor.audit.judging import pair_keys
from auditor.audit.linking import beside
from auditor.cases import building
from auditor.cases.one import one_case
from auditor.cases.seen import Seen, seen_by
from auditor.judges import for_task
from auditor.registry import apply_settings
from auditor.settings import Environment, parse_settings
from auditor.store import schemas
from auditor.store import tables as t
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.segments import register_segments, segments_of
from auditor.workspace import create

OUTPUTS, BLOCK, JUDGED_BLOCK = 1_000_000, 50_000, 2_000
AT = datetime(2026, 6, 1, tzinfo=UTC)
SYSTEM, AUDIT = "drafts", "drafts-0123456789ab"
YAML = f"system: {SYSTEM}\ntasks: {{report: {{}}}}\nslices: [sex, site, vendor]\n"
FINDINGS = [f"finding_{number}" for number in range(150)]
CODES = ("FAB", "OMI", "LAT", "LOC", "SEV", "CER")
KINDS = ("contradicted", "unsupported", "unaddressed", "omitted", "swapped")
GRADES = ("urgent", "actionable", "not_actionable", "benign")
TEXT = "There is a large left pleural effusion with adjacent atelectasis. " * 8


def _table(kind: str, rows: int, columns: dict[str, Any]) -> pa.Table:
    schema = schemas.LAKE[kind]
    arrays = [pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(rows, f.type) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _errors(rng: np.random.Generator, many: int) -> list[dict[str, Any]]:
    return [
        {
            "code": str(rng.choice(CODES)), "kind": str(rng.choice(KINDS)), "finding": str(rng.choice(FINDINGS)),
            "significance": str(rng.choice(GRADES)), "draft_start": 0, "draft_end": 10,
        }
        for _ in range(many)
    ]  # fmt: skip


def _block(number: int, rng: np.random.Generator) -> dict[str, pa.Table]:
    """The rows of one delivery."""
    names = [hashlib.sha256(f"{number}-{row}".encode()).hexdigest()[:32] for row in range(BLOCK)]
    cases, digests = [f"c-{name}" for name in names], [bytes.fromhex(name) for name in names]
    days = [date(2026, 1, 5) + timedelta(days=int(day)) for day in rng.integers(0, 140, BLOCK)]
    common = {"digest": digests, "case_id": cases, "task": ["report"] * BLOCK}
    texts = [TEXT + name for name in names]
    groups = zip(
        rng.choice(["F", "M"], BLOCK), rng.choice([f"site-{n}" for n in range(12)], BLOCK),
        rng.choice(["GE", "Philips", "Siemens"], BLOCK), strict=True,
    )  # fmt: skip
    attributes = [[("sex", str(a)), ("site", str(b)), ("vendor", str(c))] for a, b, c in groups]
    output = {"output_id": [f"o-{name}" for name in names], "version": [f"v{number // 7}"] * BLOCK, "text": texts}
    output |= {"origin": ["recorded"] * BLOCK, "sample": [0] * BLOCK, "day": days, "date_only": [False] * BLOCK}
    reference = {"reference_id": [f"r-{name}" for name in names], "reference_kind": ["final_report"] * BLOCK}
    reference |= {"draft_seen": ["no"] * BLOCK, "addendum": [False] * BLOCK, "text": texts}
    case = {"digest": digests, "case_id": cases, "subject_id": [f"p-{name}" for name in names]}
    return {
        "outputs": _table("outputs", BLOCK, common | output),
        "references": _table("references", BLOCK, common | reference),
        "cases": _table("cases", BLOCK, case | {"attributes": attributes}),
    }


def fill(ledger: Ledger, lake: Lake, outputs: int) -> None:
    """A lake of so many outputs, and the audit that saw them."""
    settings, judge, rng = parse_settings(YAML), for_task("report"), np.random.default_rng(1)
    config = apply_settings(ledger, YAML, "audit.yaml", "bench", AT).config
    for number in range(outputs // BLOCK):
        tables = _block(number, rng)
        linked = beside(tables["outputs"], tables["references"], tables["cases"], "report", settings)
        found = [_errors(rng, int(many)) for many in rng.poisson(1.5, BLOCK)]
        about = {"judge": ["report"] * BLOCK, "status": ["judged"] * BLOCK, "errors": found}
        judged = _table("judgements", BLOCK, about | {"key": pair_keys(linked, judge.digest)})
        for kind, table in tables.items():
            _register(ledger, lake, kind, table)
        for start in range(0, BLOCK, JUDGED_BLOCK):
            _register(ledger, lake, "judgements", judged.slice(start, JUDGED_BLOCK))
    pin = ledger.read(sa.select(sa.func.max(t.segments.c.seq).label("seq")))[0]["seq"]
    audit = {
        "id": AUDIT,
        "seq": 1,
        "system": SYSTEM,
        "key": "k",
        "config": config,
        "as_of": AT,
        "segment_pin": pin,
    }
    audit |= {"inputs": "", "code": "", "seed": 0, "status": "ok", "versions": [], "started_at": AT}
    with ledger.transaction("bench", AT) as tx:
        tx.insert(t.audits, [audit])
        judges = [["report", f"report {judge.digest[:12]}"]]
        tx.insert(t.details, [{"audit": AUDIT, "kind": "judges", "payload": judges}])


def _register(ledger: Ledger, lake: Lake, kind: str, table: pa.Table) -> None:
    segment = lake.write(table, kind)
    with ledger.transaction("bench", AT) as tx:
        register_segments(tx, [segment], SYSTEM)


def instead(ledger: Ledger, lake: Lake, code: str) -> int:
    """A page by reading every judgement: rows with this code, the first fifty of them."""
    found = 0
    for segment in segments_of(ledger, SYSTEM, "judgements"):
        errors = lake.read(segment.sha256, ["errors"])["errors"].combine_chunks()
        found += pc.sum(pc.equal(errors.flatten().field("code"), code)).as_py() or 0
    return found


def timed(name: str, ask: Callable[[], object], times: int = 30) -> None:
    ask()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        ask()
        taken.append(1000.0 * (time.perf_counter() - start))
    print(f"{name:<52} median {np.median(taken):8.1f}  worst {max(taken):8.1f} ms")


def measure(ledger: Ledger, lake: Lake, workspace: Path, seen: Seen) -> None:
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.perf_counter()
    index = building.make(ledger, lake, workspace, seen)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = building.path_of(workspace, seen).stat().st_size / 1e6
    print(f"list made in {time.perf_counter() - start:.1f} s; {size:.0f} MB; memory {before:.0f} → {peak:.0f} MiB")
    every = index.page({}).total
    print(f"{every:,} rows")
    four = {"code": "LAT", "finding": "finding_7", "attributes.sex": "F", "attributes.site": "site-3"}
    timed("page without a filter", lambda: index.page({}))
    timed("page in the middle", lambda: index.page({}, after=every // 2))
    timed("page of one filter", lambda: index.page({"code": "LAT"}))
    timed("page of four filters", lambda: index.page(four))
    timed("the neighbours of a case", lambda: index.around({"code": "LAT"}, every // 3))
    name = index.page({"code": "FAB"}, after=1000).entries[0].output_id
    timed("one case with its texts", lambda: one_case(lake, index, seen, name))
    timed("instead: one filter by reading every judgement", lambda: instead(ledger, lake, "LAT"), 3)


def main(outputs: int) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given = {"workspace": folder / "site", "ledger": None, "lake": None, "key_file": folder / "key"}
        more = {"signing_key_file": None, "anchor_file": None, "images": None}
        workspace = create(Environment.model_construct(**given, **more), folder / "site", AT)
        ledger, lake = workspace.ledger(), workspace.lake()
        start = time.perf_counter()
        fill(ledger, lake, outputs)
        print(f"filled: {outputs:,} outputs in {time.perf_counter() - start:.0f} s")
        measure(ledger, lake, workspace.path, seen_by(ledger, SYSTEM))
        ledger.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else OUTPUTS)
