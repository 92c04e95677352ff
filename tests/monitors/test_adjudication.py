"""Corrected rates: exact oracles, what clustering, weights and skipped reviews do, refusals, and coverage."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from monitors.adjudication import Corrected, Target, corrected_rate
from monitors.intervals import jeffreys
from monitors.judge_accuracy import JudgeAccuracy, JudgeAnswers, judge_accuracy
from monitors.prediction_powered import prediction_powered
from monitors.reviewed import (
    AdjudicationError,
    Frame,
    FrameStratum,
    Reviewed,
    clustering,
    evidence,
    overall_deff,
    truth_rho,
)
from tests.monitors.review_windows import SENSITIVITY, SPECIFICITY, simulate

RHO = 0.3


def frame(rho: float = 0.0, cluster_size: float = 1.0, **rows: int) -> Frame:
    strata = tuple(FrameStratum(name, name, count, float(count)) for name, count in rows.items())
    return Frame("judge", strata, cluster_size, rho, ("contradicted",))


def reviews(whole: Frame, /, **said: str) -> Reviewed:
    """`said` per stratum: one character a review: + found, - not, s skipped, h one of two readers found it."""
    value = {"+": 1.0, "-": 0.0, "s": np.nan, "h": 0.5}
    rows = {stratum.name: stratum.rows for stratum in whole.strata}
    names = [name for name, answers in said.items() for _ in answers]
    positive = np.array([value[answer] for answers in said.values() for answer in answers])
    probability = np.array([len(said[name]) / rows[name] for name in names])
    subject = np.arange(len(names)).astype(str)
    return Reviewed("judge", np.array(names), positive, probability, np.ones(len(names)), subject)


def by_class(whole: Frame, rows: Reviewed, *yes: str) -> JudgeAnswers:
    """The answers of a judge that says yes in all reports of these classes."""
    sizes = {one.name: one.rows for one in whole.strata if one.judge_class in yes}
    said = np.where(rows.stratum == "missing", np.nan, np.isin(rows.stratum, yes))
    return JudgeAnswers(sizes, {name: float(size) for name, size in sizes.items()}, said)


def accuracy_of(whole: Frame, rows: Reviewed, *yes: str) -> JudgeAccuracy:
    return judge_accuracy(whole, rows, by_class(whole, rows, *(yes or ("contradicted",))))


def test_one_stratum_is_the_jeffreys_interval() -> None:
    whole = frame(unflagged=100_000)
    found = corrected_rate(whole, reviews(whole, unflagged="+" * 7 + "-" * 193), target="process", draws=200_000)
    assert found.value == 7 / 200
    assert (found.low, found.high) == pytest.approx(jeffreys(7, 200), abs=0.0006)
    assert (found.reviewed, found.events, found.patients, found.deff) == (200, 7, 200, 1)


def test_two_strata_have_the_quantiles_of_the_exact_posterior() -> None:
    whole = frame(contradicted=60, unflagged=240)
    rows = reviews(whole, contradicted="+" * 18 + "-" * 12, unflagged="+" * 2 + "-" * 68)
    found = corrected_rate(whole, rows, target="process", draws=200_000)
    assert found.value == pytest.approx(0.2 * 0.6 + 0.8 * 2 / 70)
    # P(W p + (1 − W) q ≤ x) by quadrature over W and q, with the distribution function of p
    grid = (np.arange(600) + 0.5) / 600
    w = stats.beta(60.5, 240.5).ppf(grid)[:, None]
    q = stats.beta(2.5, 68.5).ppf(grid)[None, :]
    for limit, tail in ((found.low, 0.025), (found.high, 0.975)):
        below = stats.beta(18.5, 12.5).cdf((limit - (1 - w) * q) / w).mean()
        assert below == pytest.approx(tail, abs=0.002)


def test_the_window_target_is_beta_binomial_in_what_nobody_reviewed() -> None:
    whole = frame(unflagged=120)
    found = corrected_rate(whole, reviews(whole, unflagged="+" * 4 + "-" * 46), target="window", draws=200_000)
    rest = stats.betabinom(70, 4.5, 46.5)
    for limit, tail in ((found.low, 0.025), (found.high, 0.975)):
        assert limit == pytest.approx((4 + rest.ppf(tail)) / 120, abs=1.01 / 120)
    assert found.value == pytest.approx(0.08)


def test_a_window_that_was_reviewed_whole_is_known() -> None:
    whole = frame(contradicted=10, unflagged=40)
    rows = reviews(whole, contradicted="+" * 6 + "-" * 4, unflagged="+" + "-" * 39)
    found = corrected_rate(whole, rows, target="window")
    assert found.low == found.value == found.high == pytest.approx(7 / 50)
    process = corrected_rate(whole, rows, target="process")
    assert process.low < 0.10 and process.high > 0.20, "fifty reports do not fix the rate of the system"


def test_no_event_has_a_lower_limit_of_zero_and_an_upper_one_above() -> None:
    whole = frame(contradicted=50, unflagged=950)
    found = corrected_rate(whole, reviews(whole, contradicted="-" * 40, unflagged="-" * 160), target="process")
    assert (found.value, found.low) == (0, 0)
    assert 0.01 < found.high < 0.03
    assert found.note == ""


def test_few_unflagged_reviews_of_a_rare_error_are_pointed_out() -> None:
    whole = frame(contradicted=50, unflagged=950)
    few = corrected_rate(whole, reviews(whole, contradicted="-" * 50, unflagged="-" * 50), target="process")
    assert "50 unflagged reviews are few" in few.note
    many = corrected_rate(whole, reviews(whole, contradicted="-" * 50, unflagged="-" * 150), target="process")
    assert many.high < few.high / 2


def test_unequal_probabilities_enter_as_weights() -> None:
    whole = frame(unflagged=1000)
    rows = reviews(whole, unflagged="+" * 10 + "-" * 30)
    weighted = dataclasses.replace(rows, probability=np.where(rows.positive == 1, 0.4, 0.1))
    (one,) = evidence(whole, weighted)
    w = np.r_[np.full(10, 2.5), np.full(30, 10.0)]
    assert one.n == pytest.approx(w.sum() ** 2 / (w @ w))
    assert one.found / one.n == pytest.approx(25 / 325)
    assert overall_deff(whole, weighted) == pytest.approx(40 * (w @ w) / w.sum() ** 2)
    value = corrected_rate(whole, weighted, target="process")
    assert value.value == pytest.approx(25 / 325)
    (plain,) = evidence(whole, dataclasses.replace(rows, probability=np.full(40, 0.25)))
    assert (plain.n, plain.found) == pytest.approx((40, 10)), "equal probabilities change nothing"


def test_reports_of_one_patient_count_as_their_correlation_says() -> None:
    whole = frame(rho=1.0, unflagged=1000)
    rows = reviews(whole, unflagged="+" * 10 + "-" * 90)
    rows = dataclasses.replace(rows, subject=(np.arange(100) % 50).astype(str))
    (one,) = evidence(whole, rows)
    assert one.deff == 2.0
    found = corrected_rate(whole, rows, target="process", draws=100_000)
    assert (found.low, found.high) == pytest.approx(jeffreys(5, 50), abs=0.003)
    large = dataclasses.replace(whole, cluster_size=11.0)  # a tenth is reviewed: 1 + 0.1 (11 − 1) is 2 as well
    same = corrected_rate(large, rows, target="process", draws=100_000)
    assert same.high == pytest.approx(found.high, abs=0.001)
    larger = dataclasses.replace(whole, cluster_size=31.0)  # 4: what others of the patients would have told
    wide = corrected_rate(larger, rows, target="process", draws=100_000)
    assert (wide.low, wide.high) == pytest.approx(jeffreys(2.5, 25), abs=0.004)
    assert corrected_rate(larger, rows, target="window").high < wide.high, "of this window itself it is known"
    assert (found.n_eff, found.patients) == (50, 50)
    (unknown,) = evidence(dataclasses.replace(whole, flag_rho=float("nan")), rows)
    assert unknown.deff == 2.0, "an unknown correlation counts as 1"


def test_the_shares_of_the_classes_are_as_uncertain_as_the_window_is_clustered() -> None:
    rows = {"contradicted": "+" * 50, "unflagged": "-" * 50}
    loose = frame(contradicted=100, unflagged=300)
    tight = frame(rho=0.5, cluster_size=7.0, contradicted=100, unflagged=300)
    widths = []
    for whole in (loose, tight):
        found = corrected_rate(whole, reviews(whole, **rows), target="process")
        widths.append(found.high - found.low)
    assert widths[1] > 1.5 * widths[0]


def test_skipped_reviews_widen_the_interval_and_are_never_dropped() -> None:
    whole = frame(contradicted=100, unflagged=900)
    full = reviews(whole, contradicted="+" * 20 + "-" * 30, unflagged="-" * 150)
    holes = reviews(whole, contradicted="+" * 20 + "-" * 30, unflagged="-" * 130 + "s" * 20)
    targets: tuple[Target, ...] = ("process", "window")
    for target in targets:
        complete = corrected_rate(whole, full, target=target)
        skipping = corrected_rate(whole, holes, target=target)
        assert skipping.value == pytest.approx(complete.value), "the answered say the same"
        # all of the skipped part (20 of 150 of .9) may be fabricated, or none
        assert skipping.high > complete.high + 0.10
        assert skipping.low <= complete.low + 0.01
        assert (skipping.reviewed, skipping.skipped) == (180, 20)
        assert "skipped reviews widen the interval, since their rate is unknown: 20" in skipping.note


def test_a_class_without_an_answered_review_is_unknown() -> None:
    whole = frame(contradicted=20, unflagged=160, missing=20)
    rows = reviews(whole, contradicted="+" * 10 + "-" * 10, unflagged="-" * 100)
    found = corrected_rate(whole, rows, target="process")
    assert found.value == pytest.approx(0.05 / 0.9), "of the reports that reviews speak of"
    assert found.high > 0.12
    assert "no answered review in missing, 10.0%" in found.note
    accuracy = accuracy_of(whole, rows)
    assert accuracy.sensitivity.value == 1.0, "what the judge could not judge is neither right nor wrong"


def test_classes_that_do_not_occur_change_nothing() -> None:
    rows = {"contradicted": "+" * 10 + "-" * 10, "unflagged": "-" * 60}
    with_empty = frame(contradicted=100, unflagged=900, missing=0)
    without = frame(contradicted=100, unflagged=900)
    one, other = (corrected_rate(w, reviews(w, **rows), target="process") for w in (with_empty, without))
    assert one == other


def test_readers_who_differ_count_half() -> None:
    whole = frame(unflagged=1000)
    found = corrected_rate(whole, reviews(whole, unflagged="h" * 10 + "-" * 90), target="process")
    assert (found.value, found.events) == (0.05, 5)


def test_rows_that_share_a_case_weigh_less() -> None:
    strata = (
        FrameStratum("contradicted", "contradicted", 100, 50.0),
        FrameStratum("unflagged", "unflagged", 150, 150.0),
    )
    whole = Frame("judge", strata, 1.0, 0.0, ("contradicted",))
    rows = reviews(whole, contradicted="+" * 100, unflagged="-" * 150)
    rows = dataclasses.replace(rows, weight=np.where(rows.stratum == "contradicted", 0.5, 1.0))
    found = corrected_rate(whole, rows, target="window")
    assert found.low == found.value == found.high == 0.25


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda r: dataclasses.replace(r, judge="other"), "another version of the judge"),
        (
            lambda r: dataclasses.replace(r, stratum=np.full(len(r.stratum), "elsewhere")),
            "that the sampled",
        ),
        (lambda r: dataclasses.replace(r, positive=r.positive + 1), "between 0 and 1"),
        (lambda r: dataclasses.replace(r, probability=r.probability * 0), "inclusion probability"),
        (lambda r: dataclasses.replace(r, probability=r.probability * 9), "inclusion probability"),
        (lambda r: dataclasses.replace(r, positive=r.positive * np.nan), "No review of this sample"),
    ],
)
def test_reviews_that_do_not_fit_are_refused(change: Callable[[Reviewed], Reviewed], sentence: str) -> None:
    whole = frame(contradicted=20, unflagged=80)
    rows = change(reviews(whole, contradicted="+" * 5, unflagged="-" * 10))
    for estimate in (
        lambda: corrected_rate(whole, rows, target="process"),
        lambda: accuracy_of(whole, rows),
        lambda: prediction_powered(whole, rows),
    ):
        with pytest.raises(AdjudicationError, match=sentence):
            estimate()


def test_more_reviews_than_reports_are_refused() -> None:
    whole = frame(unflagged=10)
    rows = dataclasses.replace(reviews(whole, unflagged="-" * 11), probability=np.ones(11))
    with pytest.raises(AdjudicationError, match="More reports"):
        evidence(whole, rows)


def test_the_seed_decides_every_bit_and_nothing_global_is_drawn() -> None:
    whole = frame(contradicted=60, unflagged=240)
    rows = reviews(whole, contradicted="+" * 18 + "-" * 12, unflagged="+" * 2 + "-" * 68)
    state = repr(np.random.get_state())
    first, again, other = (corrected_rate(whole, rows, target="process", seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)
    assert other.high == pytest.approx(first.high, abs=0.03 * (first.high - first.low))
    assert repr(np.random.get_state()) == state


def test_the_correlation_of_the_truth_is_found_behind_the_judges_errors() -> None:
    rng = np.random.default_rng(6)
    window = simulate(60_000, 0.10, RHO, rng)
    whole = window.frame()
    found = truth_rho(whole, window.sample(20_000, rng))
    true = clustering(window.subject, window.truth)[1]
    assert found == pytest.approx(true, rel=0.1)
    assert whole.flag_rho < 0.6 * true, "the flag's own correlation is diluted"


def test_the_clustering_of_a_column_agrees_with_a_plain_sum_over_patients() -> None:
    rng = np.random.default_rng(2)
    window = simulate(500, 0.2, 0.15, rng)
    size, rho = clustering(window.subject, window.truth)
    patients = [window.truth[window.subject == name] for name in np.unique(window.subject)]
    n, p = len(window.truth), window.truth.mean()
    assert size == pytest.approx(sum(len(rows) ** 2 for rows in patients) / n)
    spread = sum((rows - p).sum() ** 2 for rows in patients) * len(patients) / (len(patients) - 1)
    assert rho == pytest.approx((spread / (n * p * (1 - p)) - 1) / (size - 1))
    assert np.isnan(clustering(window.subject, np.zeros(n, bool))[1])


def covered(run: Callable[[np.random.Generator, int], tuple[bool, ...]], runs: int) -> list[float]:
    rng = np.random.default_rng(11)
    return np.mean([run(rng, i) for i in range(runs)], axis=0).tolist()  # type: ignore[no-any-return]


def holds(found: Corrected, truth: float) -> bool:
    return found.low <= truth <= found.high


def test_coverage_in_small_clustered_windows() -> None:
    """Where fixed shares and independent reports cover .85 and less: 400 reports, ρ = .3."""
    rate = 0.05

    def run(rng: np.random.Generator, seed: int) -> tuple[bool, ...]:
        window = simulate(400, rate, RHO, rng)
        whole, rows = window.frame(), window.sample(100, rng)
        process = corrected_rate(whole, rows, target="process", seed=seed, draws=1500)
        own = corrected_rate(whole, rows, target="window", seed=seed, draws=1500)
        large = tuple(
            FrameStratum(s.name, s.name, s.rows * 1000, s.weight * 1000) for s in whole.strata
        )  # as if the shares were known
        naive = corrected_rate(
            Frame("judge", large, 1.0, 0.0, whole.flagged), rows, target="process", seed=seed, draws=1500
        )
        truth = float(window.truth.mean())
        return holds(process, rate), process.high < rate, holds(own, truth), holds(naive, rate)

    process, above, own, naive = covered(run, 400)
    assert process >= 0.91  # .93–.95 in the large run; ±.02 here
    assert above <= 0.04
    assert own >= 0.94
    assert naive < process - 0.03


def test_coverage_of_ppi_and_of_the_judges_accuracy() -> None:
    rate = 0.15
    agreement = SENSITIVITY * rate + SPECIFICITY * (1 - rate)

    def run(rng: np.random.Generator, seed: int) -> tuple[bool, ...]:
        window = simulate(2_000, rate, 0.15, rng)
        whole, rows = window.frame(), window.sample(400, rng)
        answers = by_class(whole, rows, "contradicted")
        accuracy = judge_accuracy(whole, rows, answers, seed=seed, draws=1500)
        return (
            holds(prediction_powered(whole, rows), rate),
            accuracy.agreement.low <= agreement <= accuracy.agreement.high,
            accuracy.sensitivity.low <= SENSITIVITY <= accuracy.sensitivity.high,
            accuracy.specificity.low <= SPECIFICITY <= accuracy.specificity.high,
        )

    powered, agrees, sensitivity, specificity = covered(run, 300)
    assert agrees >= 0.92
    assert powered >= 0.90
    assert sensitivity >= 0.92
    assert specificity >= 0.92


def test_ppi_of_a_simple_sample_is_the_published_estimate() -> None:
    rng = np.random.default_rng(3)
    window = simulate(5_000, 0.2, 0.0, rng)
    n, total = 400, 5_000
    drawn = rng.permutation(total)[:n]
    window = dataclasses.replace(window, subject=np.arange(total).astype(str))
    whole = dataclasses.replace(window.frame(), cluster_size=1.0, flag_rho=0.0)
    found = prediction_powered(whole, window.reviewed(drawn, np.full(n, n / total)))
    Y, f = window.truth[drawn].astype(float), (window.classes[drawn] == "contradicted").astype(float)
    F = (window.classes == "contradicted").astype(float)
    power = np.cov(Y, f, ddof=0)[0, 1] / ((1 + n / total) * F.var())
    value = power * F.mean() + (Y - power * f).mean()
    within = (Y - power * f).var(ddof=1)
    published = 1.959964 * np.sqrt(power**2 * F.var() / total + within / n)
    two_phase = 1.959964 * np.sqrt(value * (1 - value) / total + (1 / n - 1 / total) * within)
    assert (found.value, found.high - value) == pytest.approx((value, two_phase), rel=1e-6)
    assert two_phase == pytest.approx(published, rel=0.03)
    assert found.method == "PPI++"
    assert found.low < found.value < found.high, "two-sided"
    assert found.high - found.low < 2 * 1.96 * np.sqrt(Y.var() / n), "narrower than the reviews alone"


def test_ppi_is_refused_where_its_normal_interval_does_not_hold() -> None:
    whole = frame(contradicted=100, unflagged=900)
    few = reviews(whole, contradicted="+" * 50 + "-" * 49, unflagged="-" * 100)
    with pytest.raises(AdjudicationError, match="needs 200 answered reviews with 20 positive"):
        prediction_powered(whole, few)
    rare = reviews(whole, contradicted="+" * 19 + "-" * 81, unflagged="-" * 200)
    with pytest.raises(AdjudicationError, match="there are 300 with effectively 5"):
        prediction_powered(whole, rare)
    # fifty-fifty of a rare flag: 100 events, but one in the unflagged would weigh as 30 of them
    lopsided = frame(contradicted=200, unflagged=9_800)
    many = reviews(lopsided, contradicted="+" * 100 + "-" * 50, unflagged="-" * 150)
    with pytest.raises(AdjudicationError, match="there are 300 with effectively 2"):
        prediction_powered(lopsided, many)


def test_accuracy_is_bayes_rule_on_the_reviews() -> None:
    whole = frame(contradicted=200, unflagged=800)
    rows = reviews(whole, contradicted="+" * 30 + "-" * 20, unflagged="+" * 2 + "-" * 98)
    found = accuracy_of(whole, rows)
    assert found.sensitivity.value == pytest.approx(0.2 * 0.6 / (0.2 * 0.6 + 0.8 * 0.02))
    assert found.specificity.value == pytest.approx(0.8 * 0.98 / (0.8 * 0.98 + 0.2 * 0.4))
    assert found.agreement.value == pytest.approx(0.2 * 0.6 + 0.8 * 0.98)
    assert found.agreement.low < found.agreement.value < found.agreement.high < 1
    assert found.sensitivity.low < found.sensitivity.value < found.sensitivity.high < 1


def test_accuracy_without_an_error_is_undefined() -> None:
    whole = frame(contradicted=20, unflagged=80)
    clean = accuracy_of(whole, reviews(whole, contradicted="-" * 20, unflagged="-" * 80))
    assert np.isnan(clean.sensitivity.value)
    assert clean.specificity.value == clean.agreement.value == 0.8
    silent = accuracy_of(whole, reviews(whole, contradicted="+" * 20))
    assert np.isnan(silent.agreement.value)
    assert np.isnan(silent.sensitivity.value), "nothing is known of what the judge missed"


def test_accuracy_is_not_told_where_one_of_the_judges_answers_was_never_reviewed() -> None:
    for name in ("contradicted", "unflagged"):
        whole = frame(**{name: 200, "missing": 10})
        found = accuracy_of(whole, reviews(whole, **{name: "+" * 5 + "-" * 50}))
        assert np.isnan([found.sensitivity.value, found.sensitivity.low, found.sensitivity.high]).all(), name
        assert np.isnan(found.specificity.value), name
        assert found.agreement.low < found.agreement.value < found.agreement.high, "that much is told"
    whole = frame(contradicted=50, unsupported=50, unflagged=900)
    partly = accuracy_of(whole, reviews(whole, contradicted="+" * 20, unsupported="-" * 20))
    assert np.isnan(partly.sensitivity.value) and np.isnan(partly.specificity.value), "all misses may lie there"
    nothing = frame(missing=50)
    assert np.isnan(accuracy_of(nothing, reviews(nothing, missing="+" * 20)).agreement.value)


def test_accuracy_is_that_of_the_judges_answer_and_not_of_its_stratum() -> None:
    """Of 200 contradicted reports the judge calls 120 significant; reviewers are asked for significant ones."""
    whole = frame(contradicted=200, unflagged=800)
    # 30 significant by the judge, 20 not; reviewers find 27 and 2 of them, and 1 of 100 in the unflagged
    rows = reviews(whole, contradicted="+" * 27 + "-" * 3 + "+" * 2 + "-" * 18, unflagged="+" + "-" * 99)
    said = np.r_[np.ones(30), np.zeros(120)]
    found = judge_accuracy(whole, rows, JudgeAnswers({"contradicted": 120}, {"contradicted": 120.0}, said))
    hit, lost = 0.12 * 0.9, 0.08 * 0.1 + 0.8 * 0.01
    assert found.sensitivity.value == pytest.approx(hit / (hit + lost))
    clear, alarm = 0.08 * 0.9 + 0.8 * 0.99, 0.12 * 0.1
    assert found.specificity.value == pytest.approx(clear / (clear + alarm))
    assert found.agreement.value == pytest.approx(hit + clear)
    flag = accuracy_of(whole, rows)
    assert flag.specificity.value < 0.92 < 0.98 < found.specificity.value, "any contradiction is another question"
    assert found.sensitivity.low < found.sensitivity.value < found.sensitivity.high < 1
    # four reports of the window that the judge answers with no and none reviewed: told, and a little wider
    few = JudgeAnswers({"contradicted": 196}, {"contradicted": 196.0}, np.r_[np.ones(50), np.zeros(100)])
    told = judge_accuracy(whole, rows, few)
    assert told.sensitivity.value == pytest.approx(196 * 0.58 / (196 * 0.58 + 8))


def test_accuracy_of_an_answer_inside_a_stratum_covers() -> None:
    """The judge calls two thirds of its contradictions significant; all others of its answers are no."""
    rate, right = 0.15, 0.8

    def run(rng: np.random.Generator, seed: int) -> tuple[bool, ...]:
        window = simulate(2_000, rate, 0.15, rng)
        flag = window.classes == "contradicted"
        yes = flag & np.where(window.truth, rng.random(len(flag)) < right, rng.random(len(flag)) < 0.2)
        drawn = {name: rng.permutation(np.flatnonzero(window.classes == name))[:150] for name in window.rows()}
        chosen = np.concatenate(list(drawn.values()))
        probability = np.concatenate([np.full(len(i), len(i) / window.rows()[name]) for name, i in drawn.items()])
        size = int(yes.sum())
        answers = JudgeAnswers({"contradicted": size}, {"contradicted": float(size)}, yes[chosen].astype(float))
        rows = window.reviewed(chosen, probability)
        found = judge_accuracy(window.frame(), rows, answers, seed=seed, draws=1000)
        sensitivity, specificity = SENSITIVITY * right, 1 - (1 - SPECIFICITY) * 0.2
        return (
            found.sensitivity.low <= sensitivity <= found.sensitivity.high,
            found.specificity.low <= specificity <= found.specificity.high,
        )

    sensitivity, specificity = covered(run, 300)
    assert sensitivity >= 0.92
    assert specificity >= 0.92
