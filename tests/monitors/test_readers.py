"""Two readers, against scikit-learn and by simulation."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from monitors.readers import reader_agreement


def two_readers(
    rng: np.random.Generator, n: int, differ: float, prevalence: float = 0.3
) -> tuple[list[int], list[int]]:
    one = rng.uniform(size=n) < prevalence
    other = one ^ (rng.uniform(size=n) < differ)
    return one.astype(int).tolist(), other.astype(int).tolist()


def test_kappa_is_that_of_scikit_learn_and_ac1_that_of_its_formula() -> None:
    one, other = two_readers(np.random.default_rng(0), 200, 0.1)
    found = reader_agreement(
        [*range(200)] * 2, [f"p{i}" for i in range(200)] * 2, ["a"] * 200 + ["b"] * 200, one + other
    )
    assert found is not None and found.items == 200
    assert found.kappa.value == pytest.approx(cohen_kappa_score(one, other))
    agreed = np.mean(np.array(one) == np.array(other))
    assert found.agreement.value == pytest.approx(agreed)
    pi = (np.mean(one) + np.mean(other)) / 2
    chance = 2 * pi * (1 - pi)
    assert found.ac1.value == pytest.approx((agreed - chance) / (1 - chance))
    for row in (found.agreement, found.kappa, found.ac1):
        assert row.low < row.value < row.high
        assert row.patients == 200


def test_three_readers_of_an_item_count_once() -> None:
    items = [i for i in range(20) for _ in range(3)]
    answers = [1, 1, 0] * 20
    found = reader_agreement(items, [f"p{i}" for i in items], ["a", "b", "c"] * 20, answers)
    assert found is not None
    assert found.agreement.value == pytest.approx(1 / 3, abs=1e-5)
    assert found.agreement.n == pytest.approx(20, abs=1e-3)


def test_too_few_items_say_nothing() -> None:
    assert reader_agreement([*range(10)] * 2, ["p"] * 20, ["a"] * 10 + ["b"] * 10, [0] * 20) is None
    assert reader_agreement([*range(50)], ["p"] * 50, ["a"] * 50, [0] * 50) is None


def test_patients_count_and_not_their_items() -> None:
    for patients, told in ((10, False), (11, True)):
        subjects = [f"p{i % patients}" for i in range(40)]
        found = reader_agreement([*range(40)] * 2, subjects * 2, ["a"] * 40 + ["b"] * 40, [0, 1] * 40)
        assert (found is not None) == told, patients
    alone = [f"p{i}" for i in range(12)] + ["p0"]
    assert reader_agreement([*range(12), 0], alone, ["a"] * 12 + ["b"], [0] * 13) is None, "one was read twice"


def test_full_agreement_on_no_error_has_no_kappa() -> None:
    found = reader_agreement([*range(30)] * 2, [f"p{i}" for i in range(30)] * 2, ["a"] * 30 + ["b"] * 30, [0] * 60)
    assert found is not None
    assert np.isnan(found.kappa.value)
    assert found.ac1.value == found.agreement.value == 1.0
    assert found.agreement.low < 1


def test_intervals_of_kappa_cover() -> None:
    rng = np.random.default_rng(1)
    truth = cohen_kappa_score(*two_readers(rng, 400_000, 0.1))
    hits = 0
    for seed in range(200):
        one, other = two_readers(rng, 150, 0.1)
        found = reader_agreement(
            [*range(150)] * 2, [f"p{i}" for i in range(150)] * 2, ["a"] * 150 + ["b"] * 150, one + other, seed
        )
        assert found is not None
        hits += found.kappa.low <= truth <= found.kappa.high
    assert hits / 200 >= 0.93
