"""How fast and how right the claims are, on real reports that are read where they lie.

    python -m benchmarks.claims [SHARED_FOLDER]     default: AUDITOR_SHARED, else ../shared

Prints reports a second (all attributes, each text once) and pairs judged a second, on one and on two processes;
the table of negative controls: every kind, how many were made, how many were judged as they should be; and the
agreement with three radiologists.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from auditor.claims import default_lexicon, extract
from auditor.judges.report import ReportJudge
from benchmarks.claims_controls import HARMFUL, controls
from benchmarks.claims_radpref import table_of_radiologists

CHUNK = 200


def read_reports(shared: Path) -> list[dict[str, Any]]:
    """The radiologists' reports, by the tool that reads them from a public wheel."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "reports.jsonl"
        tool = shared / "tools" / "openi_reports.py"
        subprocess.run([sys.executable, tool, out], check=True, stdout=subprocess.DEVNULL)
        return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def read_pairs(shared: Path, reports: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every draft of the deployed generator with the radiologist's report of its study."""
    known = {report["uid"]: report for report in reports}
    with (shared / "data" / "openi" / "mlrg_reports.csv").open(encoding="utf-8") as file:
        drafts = [row for row in csv.DictReader(file) if int(row["uid"]) in known]
    pairs = []
    for row in drafts:
        report = known[int(row["uid"])]
        text = f"{report['findings']}\n{report['impression']}"
        pairs.append(
            {"id": row["image"], "reference": text, "draft": row["report"], "indication": report["indication"]}
        )
    return pairs


def claims_of(texts: Sequence[str]) -> int:
    """How many claims a chunk of reports makes."""
    lexicon = default_lexicon()
    return sum(len(extract(text, lexicon)) for text in texts)


def errors_of(pairs: Sequence[dict[str, Any]]) -> int:
    """How many errors a chunk of pairs has."""
    return sum(len(result["errors"]) for result in ReportJudge().judge(pairs))


def rate(work: Callable[[Sequence[Any]], int], items: Sequence[Any], processes: int) -> float:
    """Items a second; the processes have loaded the lexicon before the clock starts."""
    chunks = [items[i : i + CHUNK] for i in range(0, len(items), CHUNK)]
    if processes == 1:
        work(items[:1])
        start = time.perf_counter()
        for chunk in chunks:
            work(chunk)
        return len(items) / (time.perf_counter() - start)
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(work, [items[:1]] * processes * 4))
        start = time.perf_counter()
        list(pool.map(work, chunks))
        return len(items) / (time.perf_counter() - start)


def table_of_controls(texts: Sequence[str]) -> None:
    """One line a kind of negative control."""
    judge = ReportJudge()
    made, right = Counter[str](), Counter[str]()

    def errors(reference: str, draft: str) -> Counter[tuple[str, str]]:
        pair = {"id": 0, "reference": reference, "draft": draft, "has_prior": True}
        return Counter((e["code"], e["finding"]) for e in judge.one(pair)["errors"])

    for control in controls(texts):
        new = errors(control.reference, control.draft) - errors(control.reference, control.reference)
        wanted = HARMFUL.get(control.kind)
        made[control.kind] += 1
        right[control.kind] += any(code in wanted for code, _ in new) if wanted else not new
    print(f"\n{'control':18}{'made':>6}{'as it should be':>18}")
    for kind, n in made.items():
        print(f"{kind:18}{n:6}{right[kind] / n:18.3f}")


def main(shared: Path) -> None:
    reports = read_reports(shared)
    texts = list(dict.fromkeys(f"{r['findings']}\n{r['impression']}" for r in reports))
    pairs = read_pairs(shared, reports)
    for processes in (1, 2):
        print(f"claims: {rate(claims_of, texts, processes):,.0f} reports a second, {processes} process(es)")
    for processes in (1, 2):
        print(f"judging: {rate(errors_of, pairs * 4, processes):,.0f} pairs a second, {processes} process(es)")
    table_of_controls([f"{r['findings']} {r['impression']}".strip() for r in reports if r["findings"]])
    table_of_radiologists(shared)


if __name__ == "__main__":
    given = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("AUDITOR_SHARED", "../shared"))
    if not (given / "data").is_dir():
        sys.exit("The real reports are not here: give their folder, or set AUDITOR_SHARED.")
    main(given)
