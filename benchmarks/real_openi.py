"""MLRG drafts on Open-i: errors by age, vendor and view over the whole window, and the verdict of each month.

A study has two drafts or three, one an image, and each counts 1/k of its study; the set has no patient key, so the
study is what is resampled. The naive interval takes every draft, and every claim of every draft, as independent.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.table import Table

from benchmarks.real_beside import Beside, Key, Part, Row, by_key, naive_share, shown, table
from reports.numbers import number, slice_name, with_interval

#: Measures by what they are counted on.
REPORTS: Final = ("fabricated_reports", "contradicted_reports", "omission_reports")
CLAIMS: Final = ("fabricated_claims", "contradicted_claims", "omitted_findings")
MONTHLY: Final = ("contradicted_reports", "omission_reports")


def part(report: Mapping[str, Any], months: Mapping[str, Mapping[str, Any]]) -> Part:
    """All tables, from the report of the whole window and the audit of each month (what `--json` prints)."""
    rows, drafts = by_key(report["rows"]), drafts_of(report["selected"])
    slices = sorted({where for _, _, where, _ in rows}, key=lambda where: (where != "all", where))
    few = [where for where in slices if not shown(rows["contradicted_reports", "", where, ""])]
    kept = [where for where in slices if where not in few]
    beside: dict[str, list[Beside]] = {}
    tables = [
        errors("Per report", REPORTS, "reports", rows, kept, drafts, beside),
        errors("Per 100 positive claims, and of 100 findings of the reference", CLAIMS, "claims", rows, kept,
               drafts, beside),
        gaps(rows, kept),
        by_month(months),
    ]  # fmt: skip
    flow = report["flows"][0]
    said = Counter(audit["status"] for audit in months.values())
    notes = [
        f"{flow['judged']:,} drafts of {flow['cases']:,} studies, judged by rules and reviewed by nobody",
        "by study: the audit's own interval, a draft counting 1/k of its study's k drafts",
        "naive: Jeffreys at the same rate with each draft (claim, finding of the reference) taken as independent",
        "fabricated: contradicted, unsupported or unaddressed; contradicted: the reference says the opposite",
        f"{len(months)} months by themselves: {', '.join(f'{count} {status}' for status, count in said.items())}",
        f"Not shown, with neighbours of fewer than 11 studies: {', '.join(map(slice_name, few)) or 'none'}",
    ]
    return Part("MLRG on Open-i", notes, tables, beside, [])


def drafts_of(selected: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Judged drafts by group, of the groups that may be shown."""
    return {one["slice"]: one["judged"] for one in selected if not one["suppressed"]}


def errors(
    title: str,
    measures: Iterable[str],
    kind: str,
    rows: Mapping[Key, Row],
    slices: Iterable[str],
    drafts: Mapping[str, int],
    beside: dict[str, list[Beside]],
) -> Table:
    """One line a measure and group; pairs of intervals are added to `beside` under `kind`."""
    heads = ("measure", "group", "studies", "n by study", "by study", "naive n", "naive", "width ×", "verdict")
    made = table(title, heads, left=2)
    for measure in measures:
        for where in slices:
            row = rows[measure, "", where, ""]
            if not shown(row):
                made.add_row(measure, slice_name(where), "few", *["–"] * 6)
                continue
            # of claims too: k drafts of a study make about k times the claims of their mean
            n = row["n"] * drafts[where] / rows["contradicted_reports", "", where, ""]["n"]
            pair = Beside(row, naive_share(row["value"] * n, n)[1:])
            beside.setdefault(kind, []).append(pair)
            ours, naive, ratio = pair.said
            made.add_row(measure, slice_name(where), f"{row['patients']:,}", f"{row['n']:,.0f}", ours, f"{n:,.0f}",
                         naive, ratio, row["status"] or "–")  # fmt: skip
    return made


def gaps(rows: Mapping[Key, Row], slices: Iterable[str]) -> Table:
    """Each group against everyone else, by the interval that its verdict rests on."""
    heads = (
        "measure",
        "group",
        "studies",
        "group minus everyone else",
        "interval of the verdict",
        "watch",
        "verdict",
    )
    made = table("Gaps of age, view and vendor", heads, left=2)
    for measure in REPORTS:
        for where in slices:
            row = rows.get((measure, "", where, "rest"))
            if row is None or not shown(row):
                continue
            versus = row["versus"]
            alone = with_interval(row["value"], versus["alone_low"], versus["alone_high"], row["unit"], "rest")
            ruled = with_interval(row["value"], row["low"], row["high"], row["unit"], "rest")
            bound = "–" if row["watch"] is None else number(row["watch"], row["unit"])
            studies, ruled = f"{row['patients']:,}", ruled[ruled.index("[") :]
            made.add_row(measure, slice_name(where), studies, alone, ruled, bound, row["status"] or "–")
    return made


def by_month(months: Mapping[str, Mapping[str, Any]]) -> Table:
    """One line a month and measure: the verdict of the month, of the measure, and why."""
    heads = ("month", "drafts", "month is", "measure", "by study", "verdict", "because")
    made = table("Each month by itself", heads, left=3)
    made.columns[1].justify, made.columns[6].justify, made.columns[6].no_wrap = "right", "left", False
    made.columns[3].justify = made.columns[5].justify = "left"
    for month, audit in months.items():
        rows = by_key(audit["measurements"])
        head = month, f"{audit['flows'][0]['judged']:,}", audit["status"]
        for measure in MONTHLY:
            row = rows[measure, "", "all", ""]
            if shown(row):
                said = (
                    with_interval(row["value"], row["low"], row["high"], row["unit"]),
                    row["status"],
                    row["reason"],
                )
            else:
                said = "–", row["status"], "Fewer than 11 studies: not shown."
            made.add_row(*head, measure, *said)
            head = "", "", ""
    return made
