"""Judged tables of simulated, clustered patients, with every rate in the caller's hand."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from monitors.judged import CUTOFFS, GRID, judged_schema

STRATA = ("version", "draft_seen", "item", "sex", "site")
FINDINGS = ("Effusion", "Nodule", "Oedema")


def cluster_sizes(rng: np.random.Generator, patients: int) -> np.ndarray:
    """75 % of patients with one report, 17 % with two or three, 8 % with a geometric number of mean 8."""
    kind = rng.choice(3, size=patients, p=[0.75, 0.17, 0.08])
    return np.where(
        kind == 0, 1, np.where(kind == 1, rng.integers(2, 4, patients), rng.geometric(1 / 8, patients))
    )


def risks(rng: np.random.Generator, patients: int, rate: float, rho: float) -> np.ndarray:
    """A risk for each patient: beta with mean `rate` and intracluster correlation `rho`."""
    if rho == 0 or rate in (0.0, 1.0):
        return np.full(patients, rate)
    size = (1 - rho) / rho
    return rng.beta(rate * size, (1 - rate) * size, patients)


def _frame(rng: np.random.Generator, patients: int, items: tuple[str, ...]) -> tuple[dict[str, Any], np.ndarray]:
    owner = np.repeat(np.arange(patients), cluster_sizes(rng, patients))
    output = np.repeat(np.arange(len(owner)), len(items))
    row_owner = owner[output]
    rows = len(output)
    sex = rng.choice(["F", "M"], patients)[row_owner]
    site = rng.choice(["north", "south", "(missing)"], len(owner), p=[0.5, 0.4, 0.1])[output]
    tag = rng.integers(1 << 40)
    return {
        "digest": [int(i).to_bytes(8, "little") + int(tag).to_bytes(8, "little") for i in range(rows)],
        "output_id": [f"{tag}-{i}" for i in output],
        "case_id": [f"{tag}-{i}" for i in output],
        "subject_id": [f"patient-{i}" for i in row_owner],
        "clustered_by": ["patient"] * rows,
        "item": np.tile(items, len(owner)).tolist(),
        "version": ["v1"] * rows,
        "origin": ["recorded"] * rows,
        "draft_seen": ["no"] * rows,
        "day": [None] * rows,
        "weight": [GRID] * rows,
        "sex": sex.tolist(),
        "site": site.tolist(),
    }, row_owner


def _table(task: str, columns: Mapping[str, Any]) -> pa.Table:
    schema = judged_schema(task, ("sex", "site"))
    rows = len(columns["output_id"])
    nulls = [None] * rows
    filled = {"task": [task] * rows, "length": nulls, "confidence": nulls, **columns}
    return pa.table({f.name: pa.array(filled[f.name], type=f.type) for f in schema}, schema=schema)


def _masked(values: np.ndarray, known: np.ndarray) -> list[Any]:
    return [v.item() if k else None for v, k in zip(np.asarray(values), known, strict=True)]


def reports(
    rng: np.random.Generator,
    patients: int = 200,
    contradicted: float = 0.05,
    rho: float = 0.2,
    words: float = 60,
    confident: bool = False,
    edited: float = 0.1,
    reached: float = 0.02,
    severity: float = 0.1,
) -> pa.Table:
    """Report drafts, `confident` if they state one; a tenth have no judgement, for every reason there is."""
    columns, owner = _frame(rng, patients, ("report",))
    n = len(owner)
    status = rng.choice(
        ["judged", "awaiting", "unparseable", "judge_failed", "output_error"], n, p=[0.9, 0.04, 0.02, 0.02, 0.02]
    )
    known = status == "judged"
    asserted, findings = rng.poisson(2.5, n) + 1, rng.poisson(2, n)
    wrong = (rng.uniform(size=n) < risks(rng, patients, contradicted, rho)[owner]).astype(int)
    silent = np.minimum(rng.binomial(1, 0.15, n), asserted - wrong)
    omitted = rng.binomial(findings, 0.1)
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
        "score": rng.uniform(size=n),
    }
    # right on average where 5 % are contradicted, half of them so that it matters: 9 % err, omissions included
    confidence = 1 - 2 * 0.09 * (1 - counts["score"])
    return _table(
        "report",
        {
            **columns,
            "status": status.tolist(),
            "length": rng.poisson(words, n).tolist(),
            "confidence": _masked(confidence, known & confident),
            **{name: _masked(values, known) for name, values in counts.items()},
            "edited": _masked(rng.uniform(0, 4 * edited, n) * (rng.uniform(size=n) < 0.5), known),
            "reached": _masked((rng.uniform(size=n) < reached).astype(int), known),
            "errors": _errors(
                rng,
                known,
                {
                    "FAB": wrong,
                    "OMI": omitted,
                    "LAT": counts["laterality"],
                    "SEV": rng.binomial(asserted, severity / 2),
                },
            ),
            "claims": _claims(known & confident, asserted, wrong, silent + counts["unaddressed"]),
            "reference_length": rng.poisson(50, n).tolist(),
            "addressed": [None if i % 20 == 0 else 4 + int(k) for i, k in enumerate(findings)],
        },
    )


def _claims(known: np.ndarray, asserted: np.ndarray, wrong: np.ndarray, silent: np.ndarray) -> list[Any]:
    """The positive claims of each draft: some contradicted, some on which the reference is silent; .96 sure."""
    rng = np.random.default_rng(len(known))
    return [
        [
            {"confidence": 1 - 0.08 * rng.uniform(), "right": right}
            for right in [0] * wrong[row] + [None] * silent[row] + [1] * (asserted - wrong - silent)[row]
        ]
        if known[row]
        else None
        for row in range(len(known))
    ]


def _errors(rng: np.random.Generator, known: np.ndarray, counts: Mapping[str, np.ndarray]) -> list[Any]:
    """So many errors of each code, of any weight; none of rows that nobody judged."""
    weights = (1.0, 0.5, 0.25, 0.1)
    return [
        [{"code": code, "weight": float(rng.choice(weights))} for code, n in counts.items() for _ in range(n[row])]
        if known[row]
        else None
        for row in range(len(known))
    ]


def classifications(
    rng: np.random.Generator,
    patients: int = 200,
    separation: float = 2.0,
    shift: float = 0.0,
    missed: float = 0.0,
    rho: float = 0.2,
) -> pa.Table:
    """Calibrated probabilities with decisions at .5, a log-odds `shift`, and a share of flags silently dropped."""
    columns, owner = _frame(rng, patients, FINDINGS)
    n = len(owner)
    spread = rng.normal(size=patients) * np.sqrt(rho)
    logit = -1.0 + separation * (spread[owner] + np.sqrt(1 - rho) * rng.normal(size=n))
    label = rng.uniform(size=n) < 1 / (1 + np.exp(-logit))
    probability = 1 / (1 + np.exp(-(logit + shift)))
    decision = (logit > 0) & (rng.uniform(size=n) >= missed)
    labelled, decided, scored = (rng.uniform(size=n) < 0.97 for _ in range(3))
    return _table(
        "classification",
        {
            **columns,
            "status": np.where(labelled, "judged", "awaiting").tolist(),
            "probability": _masked(probability, scored),
            "label": _masked(label.astype(int), labelled),
            "decision": _masked(decision.astype(int), decided),
            "critical": (np.array(columns["item"]) == FINDINGS[0]).astype(int).tolist(),
            "in_time": _masked((rng.uniform(size=n) < 0.9).astype(int), rng.uniform(size=n) < 0.95),
        },
    )


def answers(rng: np.random.Generator, patients: int = 200, accuracy: float = 0.9) -> pa.Table:
    """Answers to visual questions, half of them yes/no."""
    columns, owner = _frame(rng, patients, ("question",))
    n = len(owner)
    status = rng.choice(["judged", "awaiting", "unparseable"], n, p=[0.92, 0.04, 0.04])
    judged = status == "judged"
    closed, abstained = rng.uniform(size=n) < 0.5, rng.uniform(size=n) < 0.05
    correct = (rng.uniform(size=n) < accuracy) & ~abstained
    truth = rng.uniform(size=n) < 0.5
    return _table(
        "vqa",
        {
            **columns,
            "status": status.tolist(),
            "length": rng.poisson(8, n).tolist(),
            "confidence": _masked(rng.uniform(size=n) ** (1 / 9), judged),  # right on average at an accuracy of .9
            "closed": closed.astype(int).tolist(),
            "correct": _masked(correct.astype(int), judged),
            "abstained": _masked(abstained.astype(int), judged),
            "answered_yes": _masked(np.where(correct, truth, ~truth).astype(int), judged & closed),
            "truth_yes": _masked(truth.astype(int), judged & closed),
            # of half of the questions a twin was asked, which is answered as well
            "pair_correct": _masked(
                (correct & (rng.uniform(size=n) < accuracy)).astype(int), judged & (rng.uniform(size=n) < 0.5)
            ),
        },
    )


def judged_twice(
    rng: np.random.Generator,
    patients: int = 200,
    prevalence: float = 0.2,
    noise: float = 0.02,
    rho: float = 0.2,
    missing: float = 0.03,
) -> pa.Table:
    """Two judgements of each report, of which the second differs from the first with probability `noise`.

    Differences come in patients: a hard patient is hard twice.
    """
    columns, owner = _frame(rng, patients, ("contradicted", "omitted"))
    n = len(owner)
    first = rng.uniform(size=n) < risks(rng, patients, prevalence, rho)[owner]
    second = first ^ (rng.uniform(size=n) < risks(rng, patients, noise, rho)[owner])
    failed = rng.uniform(size=n) < missing
    awaiting = rng.uniform(size=n) < 0.02
    return _table(
        "agreement",
        {
            **columns,
            "status": np.where(awaiting, "awaiting", np.where(failed, "judge_failed", "judged")).tolist(),
            "first": _masked(first.astype(int), ~awaiting),
            "second": _masked(second.astype(int), ~awaiting & ~failed),
        },
    )


def probes(rng: np.random.Generator, patients: int = 200, blind: float = 0.1, rho: float = 0.2) -> pa.Table:
    """Probes of every kind, one a row; of a share `blind` of the questions the image changes nothing."""
    columns, owner = _frame(rng, patients, ("question",))
    n = len(owner)
    names = ["blank", "noise", "swapped", "flipped", "paraphrase", "samples", "false premise", "reproduced"]
    probe = rng.choice([*names, "out_of_scope", "option order", "none of the above"], n)
    closed, truth = rng.uniform(size=n) < 0.6, rng.uniform(size=n) < 0.5
    ignored = rng.uniform(size=n) < risks(rng, patients, blind, rho)[owner]
    said = rng.uniform(size=n) < 0.5  # without looking
    guess = np.where(closed, said == truth, rng.uniform(size=n) < 0.1)
    right = np.where(ignored, guess, rng.uniform(size=n) < 0.9)
    altered = np.where(ignored, right, rng.uniform(size=n) < np.where(closed, 0.3, 0.1))
    same = np.where(
        np.isin(probe, ["paraphrase", "reproduced", "option order"]),
        ~ignored,
        ignored | (rng.uniform(size=n) < 0.2),
    )
    answered = rng.uniform(size=n) < 0.97
    everywhere = np.ones(n, dtype=bool)
    return _table(
        "probe",
        {
            **columns,
            "status": ["judged"] * n,
            "probe": probe.tolist(),
            "closed": closed.astype(int).tolist(),
            "truth_yes": _masked(truth.astype(int), closed),
            "right": _masked(right.astype(float), answered),
            "probed_right": _masked(altered.astype(float), answered),
            "donor_right": _masked(np.where(ignored, ~right, right).astype(float), probe == "swapped"),
            "same": _masked(same.astype(int), everywhere),
            "opposite": _masked((rng.uniform(size=n) < 0.7).astype(int), probe == "swapped"),
            "abstained": _masked((~ignored).astype(int), everywhere),
            "same_side": _masked(ignored.astype(int), probe == "flipped"),
            "rejected": _masked((~ignored).astype(int), np.isin(probe, ["false premise", "none of the above"])),
            "entropy": _masked(rng.beta(2, 5, size=n), probe == "samples"),
            "agreeing": _masked(rng.beta(5, 2, size=n), probe == "samples"),
            "exact": _masked((~ignored & (rng.uniform(size=n) < 0.9)).astype(int), probe == "reproduced"),
            "overlap": _masked(np.where(ignored, 0.3, 1.0), probe == "reproduced"),
            "difference": _masked(np.where(ignored, 0.2, 0.0), probe == "reproduced"),
        },
    )


def searches(
    rng: np.random.Generator, patients: int = 200, found: float = 0.8, longest: int = 20, rho: float = 0.2
) -> pa.Table:
    """Rankings of ten or more of a gallery of 500, some short, some tied; a share `found` has its match first.

    The others have it anywhere up to place 40, which their list may not reach.
    """
    columns, owner = _frame(rng, patients, ("search",))
    n = len(owner)
    status = rng.choice(["judged", "awaiting", "unparseable"], n, p=[0.92, 0.05, 0.03])
    judged = status == "judged"
    first = rng.uniform(size=n) < risks(rng, patients, found, rho)[owner]
    rank = np.where(first, 1, rng.integers(2, 41, n))
    listed = np.where(rng.uniform(size=n) < 0.9, rng.integers(10, longest + 1, n), rng.integers(0, 10, n))
    seen, tied = rank <= listed, rng.uniform(size=n) < 0.1
    low = np.where(seen, np.where(tied & first, 0.75, 1 / rank), 0.0)
    recall = {k: np.where(tied & first & (k == 1), 0.5, (rank <= k).astype(float)) for k in CUTOFFS}
    known_gallery = rng.uniform(size=n) < 0.9
    return _table(
        "retrieval",
        {
            **columns,
            "status": status.tolist(),
            # right on average where eight in ten have their match first and a tenth of those are tied
            "confidence": _masked(np.random.default_rng(n).uniform(size=n) ** (1 / 3.6), judged),
            "reciprocal_rank": _masked(low, judged),
            "reciprocal_rank_high": _masked(np.where(seen, low, 1 / (listed + 1)), judged),
            "listed": _masked(listed, judged),
            **{f"recall_at_{k}": _masked(recall[k], judged & (listed >= k)) for k in CUTOFFS},
            **{
                f"chance_at_{k}": _masked(np.full(n, k / 500), judged & (listed >= k) & known_gallery)
                for k in CUTOFFS
            },
        },
    )


TABLES: dict[str, Callable[..., pa.Table]] = {
    "report": functools.partial(reports, confident=True),
    "classification": classifications,
    "vqa": answers,
    "retrieval": searches,
    "agreement": judged_twice,
    "probe": probes,
}
