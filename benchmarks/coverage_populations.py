"""Simulated, clustered judgements: many runs in one batch, read by the monitors themselves.

75 % of patients have one output, 17 % two or three, 8 % a geometric number of mean 8 (intensive care). Outcomes of
one patient correlate by ρ.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import special

from monitors.adding import Entries
from monitors.error_codes import ERROR_CODES
from monitors.groups import GROUPS
from monitors.judged import CUTOFFS, judged_schema
from monitors.measurement import Measure
from monitors.monitor import Monitor
from monitors.tally import Tally

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Kinds of error that drafts have here, by the cells that count them.
_KINDS = ("all_", "omitted", "laterality", "severity", "reference_words", "reference_structures")
MEAN_SIZE = 0.75 + 0.17 * 2.5 + 0.08 * 8


@dataclass(frozen=True)
class Draw:
    """Patients of several runs: the patient and the run of each output, and the patient's group."""

    rng: np.random.Generator
    rho: float
    owner: NDArray[np.int64]
    run: NDArray[np.int64]
    group: NDArray[np.int64]
    patients: int

    @classmethod
    def of(cls, rng: np.random.Generator, rho: float, outputs: int, runs: int) -> "Draw":
        """About `outputs` outputs in each run."""
        each = max(2, round(outputs / MEAN_SIZE))
        patients = each * runs
        kind = rng.choice(3, size=patients, p=[0.75, 0.17, 0.08])
        several, many = rng.integers(2, 4, patients), rng.geometric(1 / 8, patients)
        owner = np.repeat(np.arange(patients), np.where(kind == 0, 1, np.where(kind == 1, several, many)))
        group = rng.integers(GROUPS, size=patients)
        return cls(rng, rho, owner, owner // each, group[owner], patients)

    def happens(self, rate: float) -> Flags:
        """0/1 outcomes of a rate: each patient has a risk of his own, Beta with intracluster correlation ρ."""
        risk = np.full(self.patients, rate)
        if self.rho > 0:
            size = (1 - self.rho) / self.rho
            risk = self.rng.beta(rate * size, (1 - rate) * size, self.patients)
        return self.rng.uniform(size=len(self.owner)) < risk[self.owner]

    def uniform(self) -> Floats:
        """Uniform numbers, correlated ρ within a patient: his own one with probability √ρ, else a fresh one."""
        own = self.rng.uniform(size=self.patients)[self.owner]
        stays = self.rng.uniform(size=len(own)) < np.sqrt(self.rho)
        return np.where(stays, own, self.rng.uniform(size=len(own)))

    def normal(self) -> Floats:
        """Standard normal numbers, correlated ρ within a patient."""
        own = self.rng.normal(size=self.patients)[self.owner]
        made: Floats = np.sqrt(self.rho) * own + np.sqrt(1 - self.rho) * self.rng.normal(size=len(own))
        return made


def _status(draw: Draw, failures: dict[str, float]) -> pa.Array:
    names = ["judged", *failures]
    code = np.zeros(len(draw.owner), np.int32)
    for i, rate in enumerate(failures.values(), start=1):
        code[draw.happens(rate)] = i
    return pa.DictionaryArray.from_arrays(pa.array(code), pa.array(names))


def _batch(task: str, columns: dict[str, object], rows: int) -> pa.RecordBatch:
    schema = judged_schema(task)
    made = [pa.array(columns[f.name]) if f.name in columns else pa.nulls(rows, f.type) for f in schema]
    return pa.RecordBatch.from_arrays(made, names=schema.names)


def _stated(draw: Draw, centre: float) -> tuple[Floats, Flags]:
    """A confidence that is somewhat too extreme, and whether the output was right."""
    logit = centre + draw.normal()
    right = draw.uniform() < special.expit(0.1 + 0.8 * logit)
    return special.expit(logit), right


def _errors(draw: Draw, omitted: NDArray[np.int64]) -> pa.Array:
    """Wrong severities in a tenth of drafts, wrong sides in a fiftieth, and what is left out, of any weight."""
    rows = np.arange(len(omitted))
    parts = {"SEV": np.flatnonzero(draw.happens(0.1)), "LAT": np.flatnonzero(draw.happens(0.02)),
             "OMI": np.repeat(rows, omitted)}  # fmt: skip
    row = np.concatenate(list(parts.values()))
    code = np.repeat(list(parts), [len(part) for part in parts.values()])
    order = np.argsort(row, kind="stable")
    weight = draw.rng.choice([1.0, 0.5, 0.25, 0.1], size=len(row))
    ends = np.searchsorted(row[order], np.r_[rows, len(rows)]).astype(np.int32)
    pairs = pa.StructArray.from_arrays([pa.array(code[order]), pa.array(weight)], names=["code", "weight"])
    return pa.ListArray.from_arrays(pa.array(ends), pairs)


def reports(draw: Draw) -> pa.RecordBatch:
    """Report drafts: a twentieth with a contradicted finding, of which four in ten are significant."""
    rng, n = draw.rng, len(draw.owner)
    confidence, right = _stated(draw, 3.6)
    contradicted = np.where(right, 0, 1 + rng.poisson(0.2, n))
    unsupported = draw.happens(0.15) * (1 + rng.poisson(0.2, n))
    unaddressed = draw.happens(0.05).astype(int)
    findings = rng.poisson(2, n)
    omitted = np.minimum(findings, draw.happens(0.12) * (1 + rng.poisson(0.3, n)))
    columns = {
        "status": _status(draw, {"unparseable": 0.02, "judge_failed": 0.01, "output_error": 0.01}),
        "confidence": confidence,
        "asserted": contradicted + unsupported + unaddressed + rng.poisson(2, n),
        "reference_findings": findings,
        "contradicted": contradicted,
        "unsupported": unsupported,
        "unaddressed": unaddressed,
        "omitted": omitted,
        "laterality": draw.happens(0.02).astype(int),
        "errors": _errors(draw, omitted),
        "reference_length": 1 + rng.poisson(40, n),
        "addressed": 4 + findings,
        "significant_contradicted": np.where(draw.happens(0.4), contradicted, 0),
        "significant_omitted": np.where(draw.happens(0.3), omitted, 0),
        "score": 0.5 + 0.5 * (draw.uniform() - 0.1),
        "edited": draw.uniform() * draw.happens(0.7) / 2,
        "reached": draw.happens(0.03).astype(int),
    }
    return _batch("report", columns, n)


def classifications(draw: Draw) -> pa.RecordBatch:
    """One finding at a prevalence of .16, a calibrated probability of AUROC .88, decisions at .25."""
    probability = special.expit(-2.5 + 2.0 * draw.normal())
    columns = {
        "output_id": np.arange(len(draw.owner)),
        "item": pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(draw.owner), np.int32)), pa.array(["finding"])
        ),
        "status": _status(draw, {"awaiting": 0.02}),
        "probability": probability,
        "label": (draw.uniform() < probability).astype(np.int8),
        "decision": (probability > 0.25).astype(np.int8),
        "critical": np.ones(len(draw.owner), np.int8),
        "in_time": draw.happens(0.9).astype(np.int8),
    }
    return _batch("classification", columns, len(draw.owner))


def answers(draw: Draw) -> pa.RecordBatch:
    """Answers to visual questions: 85 % right, half of them yes/no, a lean to yes."""
    rng, n = draw.rng, len(draw.owner)
    confidence, right = _stated(draw, 2.2)
    truth, closed = rng.uniform(size=n) < 0.5, rng.uniform(size=n) < 0.5
    said = np.where(right, truth, ~truth) | draw.happens(0.02)
    columns = {
        "status": _status(draw, {"awaiting": 0.02, "unparseable": 0.03}),
        "confidence": confidence,
        "closed": closed.astype(np.int8),
        "correct": np.where(closed, said == truth, right).astype(np.int8),
        "abstained": draw.happens(0.05).astype(np.int8),
        "answered_yes": said.astype(np.int8),
        "truth_yes": truth.astype(np.int8),
        "pair_correct": pa.array((right & ~draw.happens(0.1)).astype(np.int8), mask=rng.uniform(size=n) < 0.5),
    }
    return _batch("vqa", columns, n)


def judged_twice(draw: Draw) -> pa.RecordBatch:
    """Two judgements of each report that differ in one of twenty, with an error found in one of five."""
    first = draw.happens(0.2)
    columns = {
        "status": _status(draw, {"awaiting": 0.02}),
        "first": pa.array(first.astype(float), mask=draw.happens(0.02)),
        "second": (first ^ draw.happens(0.05)).astype(float),
    }
    return _batch("agreement", columns, len(first))


def probes(draw: Draw) -> pa.RecordBatch:
    """Probes of every kind at once: a model whose answers hang on the image in nine of ten questions."""
    rng, n = draw.rng, len(draw.owner)
    many = ["blank", "swapped", "flipped", "paraphrase", "samples", "false premise", "reproduced"]
    few = [
        "out_of_scope",
        "option order",
        "none of the above",
    ]  # a fiftieth each: what is measured of them is alike
    probe = rng.choice([*many, *few], n, p=[*[0.94 / len(many)] * len(many), *[0.02] * len(few)])
    closed, truth = rng.uniform(size=n) < 0.7, rng.uniform(size=n) < 0.5
    ignored = draw.happens(0.1)
    right = draw.happens(0.85)
    altered = np.where(ignored, right, rng.uniform(size=n) < 0.4)
    columns = {
        "status": _status(draw, {}),
        "probe": pa.array(probe).dictionary_encode(),
        "closed": closed.astype(np.int8),
        "truth_yes": pa.array(truth.astype(np.int8), mask=~closed),
        "right": right.astype(float),
        "probed_right": altered.astype(float),
        "donor_right": np.where(ignored, ~right, right).astype(float),
        "same": (ignored | draw.happens(0.2)).astype(np.int8),
        "opposite": (rng.uniform(size=n) < 0.8).astype(np.int8),
        "abstained": draw.happens(0.8).astype(np.int8),
        "same_side": draw.happens(0.1).astype(np.int8),
        "rejected": draw.happens(0.7).astype(np.int8),
        "entropy": draw.happens(0.2).astype(float),
        "agreeing": draw.happens(0.8).astype(float),
        "exact": draw.happens(0.8).astype(np.int8),
        "overlap": np.where(draw.happens(0.2), 0.5, 1.0),
        "difference": np.where(draw.happens(0.2), 0.3, 0.0),
    }
    return _batch("probe", columns, n)


def searches(draw: Draw) -> pa.RecordBatch:
    """Rankings of up to twenty of a gallery of 1,000: six in ten have their match first, some in a tie."""
    rng, n = draw.rng, len(draw.owner)
    depth = draw.uniform()  # how hard the search is
    rank = np.where(depth < 0.6, 1, np.ceil(np.exp(8 * (depth - 0.6))) + 1)
    listed = np.where(draw.happens(0.1), rng.integers(0, 10, n), 20)
    tied = (rank == 1) & draw.happens(0.08)
    seen = rank <= listed
    low = np.where(seen, np.where(tied, 0.75, 1 / rank), 0.0)
    columns: dict[str, object] = {
        "status": _status(draw, {"awaiting": 0.02, "unparseable": 0.03}),
        "reciprocal_rank": low,
        "reciprocal_rank_high": np.where(seen, low, 1 / (listed + 1)),
        "listed": listed.astype(np.int32),
    }
    for k in CUTOFFS:
        recall = np.where(tied & (k == 1), 0.5, (rank <= k).astype(float))
        columns[f"recall_at_{k}"] = pa.array(recall, mask=listed < k)
        columns[f"chance_at_{k}"] = pa.array(np.full(n, k / 1000), mask=listed < k)
    return _batch("retrieval", columns, n)


POPULATIONS: dict[str, Callable[[Draw], pa.RecordBatch]] = {
    "report": reports,
    "classification": classifications,
    "vqa": answers,
    "retrieval": searches,
    "agreement": judged_twice,
    "probe": probes,
}

#: The two strata of every simulated tally: a slice and the rest.
STRATA = ("version", "item", "slice")
ITEM = "finding"
LEVELS = (("v1", ITEM, "no"), ("v1", ITEM, "yes"))
SHARE_IN_SLICE = 0.3


def tallies(monitor: Monitor, draw: Draw, batch: pa.RecordBatch, runs: int) -> list[Tally]:
    """One tally a run: the monitor's own contributions, summed. Without subjects: nothing here counts people.

    Three in ten patients are in the slice; one output in ten is on the other side than its patient.
    """
    inside = draw.rng.uniform(size=draw.patients)[draw.owner] < SHARE_IN_SLICE
    stratum = (inside ^ (draw.rng.uniform(size=len(inside)) < 0.1)).astype(np.int64)
    made, cells = monitor.contributions(batch), len(monitor.cells)
    rows, reach = made.row, 2 * GROUPS * cells
    key = (stratum[rows] * GROUPS + draw.group[rows]) * cells + made.cell
    none, found = replace(Tally.zero(monitor, STRATA), levels=LEVELS), []
    for run in range(runs):
        here = slice(None) if runs == 1 else draw.run[rows] == run
        sums = np.bincount(key[here], weights=made.value[here], minlength=reach)
        kept = np.flatnonzero(sums)
        found.append(replace(none, sums=Entries.at(kept, sums[kept].astype(np.int64), cells)))
    return found


def measures_of(monitor: Monitor) -> list[tuple[int, Measure]]:
    """The measures of a monitor that have an interval; of the kinds of error, those that are simulated."""
    made = [(i, m) for i, m in enumerate(monitor.measures) if m.interval.name != "NONE"]
    return [(i, m) for i, m in made if monitor is not ERROR_CODES or m.numerator.startswith(_KINDS)]
