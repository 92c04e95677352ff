"""A change split into the version's part and the patients', against rows and simulated windows."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import ndtri

from monitors import frame
from monitors.groups import assign
from monitors.intervals import mover
from monitors.judged import GRID, judged_schema
from monitors.measurement import Interval, Slice, Window
from monitors.paired import Pairs
from monitors.tally import Tally, TallyError
from monitors.version_effect import VersionEffect, version_effects
from monitors.vqa import VQA_PERFORMANCE as VQA
from tests.monitors.population import cluster_sizes

_STRATA = ("version", "item")
_SCHEMA = judged_schema("vqa")


def answers(owner: np.ndarray, version: str, right: np.ndarray) -> pa.Table:
    n = len(owner)
    columns = {
        "digest": [bytes(16)] * n,
        "output_id": [f"{version}-{i}" for i in range(n)],
        "case_id": [str(i) for i in range(n)],
        "subject_id": [f"p{i}" for i in owner],
        "weight": [GRID] * n,
        "correct": right.astype(int),
        "closed": [1] * n,
        "abstained": [0] * n,
    }
    constant = {"clustered_by": "patient", "task": "vqa", "item": "q", "version": version, "status": "judged"}
    columns |= {
        name: [value] * n for name, value in (constant | {"origin": "recorded", "draft_seen": "no"}).items()
    }
    arrays = [pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(n, f.type) for f in _SCHEMA]
    return pa.table(arrays, schema=_SCHEMA)


class Hospital:
    """Patients who repeat within and across two windows; `share` of the newer cases are answered by both versions.

    The old version is right in `rates[0]` of the reference window and `rates[1]` of the new one, the new one in
    `rates[2]` of the latter; answers of a patient, and of both versions to a question, are alike.
    """

    def __init__(self, seed: int, n: int, rho: float, rates: tuple[float, float, float], share: float) -> None:
        rng = np.random.default_rng(seed)
        patients = int(n / 1.8)
        people = rng.normal(size=3 * patients)

        def sample(first: int, last: int) -> np.ndarray:
            return np.repeat(np.arange(first, last), cluster_sizes(rng, last - first))

        def right(owner: np.ndarray, own: np.ndarray, rate: float) -> np.ndarray:
            noise = np.sqrt(0.6) * own + np.sqrt(0.4) * rng.normal(size=len(owner))
            z: np.ndarray = np.sqrt(rho) * people[owner] + np.sqrt(1 - rho) * noise
            return np.asarray(z < ndtri(rate))

        then, now = sample(0, 2 * patients), sample(int(1.7 * patients), int(2.7 * patients))
        own = rng.normal(size=len(now))
        old, new = right(now, own, rates[1]), right(now, own, rates[2])
        asked = rng.uniform(size=len(now)) < share
        self.reference = answers(then, "a", right(then, rng.normal(size=len(then)), rates[0]))
        self.window = answers(now, "b", new)
        self.shared = pa.concat_tables(
            [answers(now[asked], "a", old[asked]), answers(now[asked], "b", new[asked])]
        )

    @property
    def tallies(self) -> tuple[Tally, Tally, Tally]:
        window, reference, shared = (
            Tally.of(VQA, rows, _STRATA) for rows in (self.window, self.reference, self.shared)
        )
        return window, reference, shared

    @property
    def pairs(self) -> Pairs:
        return Pairs(VQA, self.shared, _STRATA, old="a", new="b")


def split(tallies: tuple[Tally, Tally, Tally], pairs: Pairs, *measures: str) -> list[VersionEffect]:
    return list(version_effects(VQA, *tallies, pairs, old="a", new="b", items=[""], measures=measures))


def test_parts_are_those_of_the_rows_and_add_up() -> None:
    there = Hospital(1, 400, 0.5, (0.9, 0.85, 0.75), 0.5)
    (made,) = split(there.tallies, there.pairs, "accuracy")
    both = {v: there.shared.filter(pa.compute.equal(there.shared["version"], v)) for v in "ab"}
    sides = [(t["correct"].to_numpy(), assign(t["subject_id"], 0)[0]) for t in
             (there.window, there.reference, both["b"], both["a"])]  # fmt: skip
    rate = [correct.mean() for correct, _ in sides]
    assert made.version is not None and made.patients is not None
    assert made.total.value == pytest.approx(rate[0] - rate[1])
    assert made.version.value == pytest.approx(rate[2] - rate[3])
    assert made.patients.value == pytest.approx(made.total.value - made.version.value)
    assert (made.n, made.note) == (len(both["a"]), "")
    # the patients' part: MOVER on both others, with their correlation over the same patient groups
    left = np.array([[c[g != one].mean() for c, g in sides] for one in range(256)])
    r = np.corrcoef(left[:, 0] - left[:, 1], left[:, 2] - left[:, 3])[0, 1]
    parts = [(x.value, x.low, x.high) for x in (made.total, made.version)]
    low, high = mover(parts[0], parts[1], r)
    assert made.patients.low <= low + 1e-9 and made.patients.high >= high - 1e-9
    assert made.patients.high - made.patients.low < 1.1 * (high - low)
    # the others: as the changes and comparisons that are published elsewhere
    window, reference, shared = there.tallies
    where = {"version": "b", "items": [""], "window": Window(), "reference_version": "a"}
    whole = frame.changes(VQA, window, reference, [Slice()], **where)[0]  # type: ignore[arg-type]
    assert (whole.measure, whole.low, whole.high) == ("accuracy", made.total.low, made.total.high)
    paired = frame.changes(VQA, shared, shared, [Slice()], pairs=there.pairs, **where)[0]  # type: ignore[arg-type]
    assert (paired.value, paired.interval) == (made.version.value, Interval.PAIRED.value)
    assert (paired.low, paired.high) == pytest.approx((made.version.low, made.version.high), abs=0.02)


def test_too_little_shared_is_said_and_not_split() -> None:
    there = Hospital(2, 400, 0.3, (0.9, 0.85, 0.75), 0.04)
    (made,) = split(there.tallies, there.pairs, "accuracy")
    assert (made.version, made.patients) == (None, None)
    assert "shared answers; 30 are needed" in made.note or "fewer than 11 patients" in made.note
    window, reference, shared = there.tallies
    empty = Tally.zero(VQA, _STRATA)
    assert split((empty, reference, shared), there.pairs, "accuracy") == []
    with pytest.raises(TallyError, match="different seeds"):
        split((window, reference, Tally.zero(VQA, _STRATA, 5)), there.pairs, "accuracy")


@pytest.mark.parametrize("rho", [0.0, 0.55])
def test_every_part_is_covered(rho: float) -> None:
    """30 windows of 300 answers; a correlation of .55 of the latent risk is one of about .3 of the answers."""
    rates = (0.93, 0.90, 0.86)
    hit = np.zeros(3)
    for seed in range(30):
        there = Hospital(seed, 300, rho, rates, 0.6)
        (made,) = split(there.tallies, there.pairs, "accuracy")
        assert made.version is not None and made.patients is not None
        truth = (rates[2] - rates[0], rates[2] - rates[1], rates[1] - rates[0])
        hit += [
            p.low <= t <= p.high for p, t in zip((made.total, made.version, made.patients), truth, strict=True)
        ]
    assert (hit >= 26).all(), hit


def test_no_answer_that_differs_is_no_proof_of_none() -> None:
    """Both versions answer all shared questions alike: as many others might still differ."""
    there = Hospital(3, 300, 0.0, (0.9, 0.8, 0.8), 0.6)
    same = there.shared.filter(pa.compute.equal(there.shared["version"], "a"))
    owner = np.array([int(name[1:]) for name in same["subject_id"].to_pylist()])
    right = same["correct"].to_numpy()
    there.shared = pa.concat_tables([answers(owner, version, right) for version in "ab"])
    (made,) = split(there.tallies, there.pairs, "accuracy")
    assert made.version is not None and made.patients is not None
    assert made.version.value == 0
    assert made.version.high >= 3.6 / len(owner)
    assert made.version.low == pytest.approx(-made.version.high)
    assert made.patients.low < made.total.low and made.patients.high > made.total.high
