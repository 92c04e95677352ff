"""How often a change of scores is read as what it is, and how often the parts of a change are covered.

python -m benchmarks.changes               300 windows a row, six minutes on one core
python -m benchmarks.changes --windows 20  that it works

Patients come again (1.8 studies on average); scores are Bayes' posterior of an evidence that shares ρ within a
patient, prevalence .15, area under the curve .90; the reference window has three times as many patients. Of the
parts: accuracy .93 in the reference window, .90 for the old version and .87 for the new one on this window's
patients; both answer 60 % of these. Of versions on the same questions: so many answers lost and won, alike within
patients or one question each.
"""

import argparse
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa

from monitors.groups import Floats
from monitors.judged import GRID, judged_schema
from monitors.scores import SCORES
from monitors.shift import shift
from monitors.tally import Tally
from tests.monitors.population import cluster_sizes, risks
from tests.monitors.test_paired import Shared
from tests.monitors.test_version_effect import Hospital, split

PREVALENCE: Final = 0.15
SEPARATION: Final = 1.8
POINT: Final = 0.3
#: Name, amount, and the reading that is right.
CHANGES: Final = (
    ("nothing", 1.0, "none"),
    ("positives", 1.6, "label shift"),
    ("positives", 2.0, "label shift"),
    ("images", 0.5, "covariate shift"),
    ("offset", 0.7, "neither"),
    ("steeper", 1.6, "neither"),
    ("weaker", 0.6, "neither"),
)
#: Shares of answers that the new version loses and wins.
MOVED: Final = ((0.0, 0.0), (0.02, 0.0), (0.04, 0.0), (0.06, 0.0), (0.04, 0.02), (0.2, 0.1))
ANSWERS: Final = (300, 1000, 3000)
RATES: Final = (0.93, 0.90, 0.87)
_STRATA: Final = ("version", "item")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=300)
    asked = parser.parse_args()
    for line in (*versions(asked.windows), *readings(asked.windows), *parts(asked.windows)):
        print(line, flush=True)


def versions(windows: int) -> Iterator[str]:
    """One line a setting: how often a change on shared questions is covered, and a loss called harmless.

    The margin is the loss itself, so that "not worse" is wrong; width is over that of ± 1.96 standard deviations.
    """
    for rho in (0.0, 0.3):
        for patients in (40, 100, 300):
            for lost, won in MOVED:
                made = [Shared(seed, patients, lost, won, rho) for seed in range(windows)]
                low, high = np.array([one.limits for one in made]).T
                truth, spread = won - lost, float(np.std([one.moves.value for one in made]))
                covered = float(np.mean((low <= truth) & (truth <= high)))
                line = f"{patients} patients, rho {rho}, lost {lost}, won {won}: covered {covered:.3f}"
                line += f", called not worse {np.mean(low > truth):.3f}" if lost else ""
                yield line + (f", width x {np.mean(high - low) / (2 * 1.96 * spread):.2f}" if spread else "")


def readings(windows: int) -> Iterator[str]:
    """One line a change: how often each reading, and how often the prevalence is covered by decisions alone."""
    for rho in (0.0, 0.3):
        for patients in (600, 1500):
            for name, amount, right in CHANGES:
                found: Counter[str] = Counter()
                covered = []
                truth = PREVALENCE * (amount if name == "positives" else 1.0)
                for seed in range(windows):
                    rng = np.random.default_rng((seed, patients))
                    then, now = (
                        _tally(rng, 3 * patients, "nothing", rho, 1.0),
                        _tally(rng, patients, name, rho, amount),
                    )
                    made = shift(now, then, version="v", item="x", seed=seed)
                    assert made is not None
                    found[made.reading] += 1
                    if made.if_label_shift and right in ("none", "label shift"):
                        covered.append(made.if_label_shift[1] <= truth <= made.if_label_shift[2])
                share = f", decisions alone covered {np.mean(covered):.3f}" if covered else ""
                yield f"{name} {amount}, {patients} patients, rho {rho}: {dict(found.most_common())}{share}"


def parts(windows: int) -> Iterator[str]:
    """One line a setting: how often the whole change and its two parts are covered."""
    truth = (RATES[2] - RATES[0], RATES[2] - RATES[1], RATES[1] - RATES[0])
    for rho in (0.0, 0.55):
        for n in ANSWERS:
            hits = []
            for seed in range(windows):
                there = Hospital(seed, n, rho, RATES, 0.6)
                (one,) = split(there.tallies, there.pairs, "accuracy")
                if one.version is not None and one.patients is not None:
                    made = (one.total, one.version, one.patients)
                    hits.append([p.low <= t <= p.high for p, t in zip(made, truth, strict=True)])
            said = ", ".join(f"{share:.3f}" for share in np.mean(hits, axis=0))
            yield f"{n} answers, latent rho {rho}: whole, version, patients covered {said} in {len(hits)} windows"


def _tally(rng: np.random.Generator, patients: int, change: str, rho: float, amount: float) -> Tally:
    people = 4 * patients if change == "images" else patients
    owner = np.repeat(np.arange(people), cluster_sizes(rng, people))
    prevalence = PREVALENCE * (amount if change == "positives" else 1.0)
    sick = rng.uniform(size=len(owner)) < risks(rng, people, prevalence, rho)[owner]
    noise = math.sqrt(rho) * rng.normal(size=people)[owner] + math.sqrt(1 - rho) * rng.normal(size=len(owner))
    strength = SEPARATION * (amount if change == "weaker" else 1.0)
    start = math.log(PREVALENCE / (1 - PREVALENCE))
    logit: Floats = start + SEPARATION * (strength * sick + noise) - SEPARATION**2 / 2
    if change == "images":  # kept by their score alone, so that a score means what it meant
        kept = rng.uniform(size=len(owner)) < 1 / (1 + np.exp(-amount * logit))
        owner, sick, logit = owner[kept], sick[kept], logit[kept]
    if change == "offset":
        logit = logit + amount
    if change == "steeper":
        logit = start + (logit - start) * amount
    return Tally.of(SCORES, _rows(owner, sick, 1 / (1 + np.exp(-logit)), int(rng.integers(1 << 40))), _STRATA)


def _rows(owner: np.ndarray, sick: np.ndarray, probability: Floats, tag: int) -> pa.Table:
    n = len(owner)
    columns: dict[str, Any] = {
        "digest": [bytes(16)] * n,
        "output_id": [str(i) for i in range(n)],
        "subject_id": [f"{tag}-{i}" for i in owner],
        "weight": np.full(n, GRID),
        "probability": probability,
        "label": sick.astype(int),
        "decision": (probability >= POINT).astype(int),
    }
    constant = {"case_id": "c", "clustered_by": "patient", "task": "classification", "item": "x", "version": "v"}
    constant |= {"origin": "recorded", "draft_seen": "no", "status": "judged"}
    columns |= {name: [value] * n for name, value in constant.items()}
    schema = judged_schema("classification")
    arrays = [pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(n, f.type) for f in schema]
    return pa.table(arrays, schema=schema)


if __name__ == "__main__":
    main()
