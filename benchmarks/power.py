"""What the charts see, and what they cost in false alarms, with estimated baselines: `make power`.

python -m benchmarks.power            the whole table, about five minutes on one core
python -m benchmarks.power --quick    a few charts: that it works, not how good it is

Population: benchmarks/power_streams.py (patients who stay on, ρ = .15 and .30). Baseline: the first 13 weeks, its
rate, design effect and case mix all estimated. Two kinds of weekly noise, sd .2 in log-odds:

  mix    the share of patients in intensive care (25 %; their rate is three times the ward's) moves week by week
  rate   every rate moves week by week, for a reason that no stratum explains: harder than any case mix

False alarms: two years without change, alarms a year over 40 charts with the 97.5 % Monte Carlo bound over charts.
Delay: weeks from the change to the alarm, the week of the alarm included, for a change in the first watched week;
every rate is multiplied. A chart sees a week when it is mature, two weeks later by default: add them.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from scipy import special

from benchmarks.power_methods import BUDGET, CHARTS, RATE, Baseline, Method, adjusted, crude, methods
from benchmarks.power_streams import Floats, Mask, Population
from benchmarks.table import header

BASELINE_WEEKS: Final = 13
QUIET_WEEKS: Final = 104
LONGEST: Final = 60  # weeks that a delay is followed for
RISES: Final = (2.0, 1.5, 1.25)
NOISE: Final = 0.2
RHO_OF_SHIFTS: Final = 0.15
ICU_SHARE: Final = 0.25
ICU_OVER_WARD: Final = 3.0
_BLOCK: Final = 40_000  # reports a week over the charts that are simulated at once: memory


@dataclass(frozen=True)
class Size:
    """How much is simulated."""

    charts: int
    reports: tuple[int, ...]
    rhos: tuple[float, ...]


FULL = Size(charts=3_000, reports=(300, 150, 75, 25), rhos=(0.15, 0.30))
QUICK = Size(charts=20, reports=(75,), rhos=(0.15,))


@dataclass
class Result:
    """Alarms of one method in one setting, gathered block by block."""

    quiet: list[Mask] = field(default_factory=list)
    changed: dict[float, list[Mask]] = field(default_factory=lambda: {rise: [] for rise in RISES})

    def false_alarms(self) -> tuple[float, float]:
        """Alarms a year over 40 charts, and its 97.5 % bound.

        The bound is from the spread over charts, since some baselines are unlucky for long, and no less than that
        of as many Poisson alarms, since few alarms or none tell little about their spread.
        """
        alarms = np.concatenate(self.quiet)
        a_year = alarms.mean(axis=1) * 52 * CHARTS
        spread = float(a_year.mean() + 1.96 * a_year.std(ddof=1) / np.sqrt(len(a_year)))
        poisson = float(special.gammaincinv(alarms.sum() + 1, 0.975)) * 52 * CHARTS / alarms.size
        return float(a_year.mean()), max(spread, poisson)

    def delay(self, rise: float) -> tuple[float, float]:
        """Median and 90th percentile of the weeks to the first alarm; infinite beyond what was followed."""
        first = delays(np.concatenate(self.changed[rise]))
        median, late = np.quantile(first, [0.5, 0.9], method="inverted_cdf")
        return float(median), float(late)


@dataclass(frozen=True)
class Setting:
    """One cell of the table."""

    reports: int
    rho: float
    noise: str  # mix | rate
    refused: float  # share of the baselines that the rule refuses
    results: Mapping[str, Result]


def delays(alarms: Mask) -> Floats:
    """Weeks to the first alarm of each chart, counted from 1; infinite where there is none."""
    first: Floats = np.where(alarms.any(axis=1), alarms.argmax(axis=1) + 1.0, np.inf)
    return first


def rates_of(noise: Floats, share: Floats | None, rise: float) -> Floats:
    """Rates by (charts, weeks, strata), the watched weeks with every rate multiplied by `rise`.

    `noise` is that of the rate in log-odds, (charts, weeks). With a `share` there are ward and intensive care.
    """
    ward = RATE / (1 - ICU_SHARE + ICU_SHARE * ICU_OVER_WARD)
    plain = np.array([RATE] if share is None else [ward, ward * ICU_OVER_WARD])
    factor = np.where(np.arange(noise.shape[1]) < BASELINE_WEEKS, 1.0, rise)
    rates: Floats = special.expit(special.logit(factor[:, None] * plain) + noise[..., None])
    return rates


def simulate(rng: np.random.Generator, charts: int, reports: int, rho: float, noise: str) -> Setting:
    """Every method on the same streams, in blocks of charts."""
    chosen = methods(reports)
    results = {name: Result() for name in chosen}
    refused = []
    for block in blocks(charts, reports):
        weeks = BASELINE_WEEKS + QUIET_WEEKS
        wander = rng.normal(0.0, NOISE, (block, weeks))
        share = special.expit(special.logit(ICU_SHARE) + wander) if noise == "mix" else None
        moves = np.zeros_like(wander) if noise == "mix" else wander
        population = Population.draw(rng, block, weeks, reports, rho, share)
        quiet, *changed = population.streams(*(rates_of(moves, share, rise) for rise in (1.0, *RISES)))
        baseline = Baseline(
            quiet.weeks(0, BASELINE_WEEKS),
            population.group_totals(rates_of(moves, share, 1.0), BASELINE_WEEKS),
        )
        refused.append(baseline.refused)
        for name, method in chosen.items():
            results[name].quiet.append(method(baseline, quiet.weeks(BASELINE_WEEKS)))
            for rise, stream in zip(RISES, changed, strict=True):
                followed = stream.weeks(BASELINE_WEEKS, BASELINE_WEEKS + LONGEST)
                results[name].changed[rise].append(method(baseline, followed))
    return Setting(reports, rho, noise, float(np.concatenate(refused).mean()), results)


@dataclass(frozen=True)
class Shift:
    """A change of case mix: what the crude and the adjusted chart make of it."""

    name: str
    alarms: Mapping[str, Mask]
    found: bool  # it hides a real change, which should be found


def shifts(rng: np.random.Generator, charts: int, reports: int, rho: float) -> list[Shift]:
    """Masking (ward × 1.8 while the intensive-care share falls from 40 to 15 %) and seasons (25 ± 15 points)."""
    weeks = BASELINE_WEEKS + QUIET_WEEKS
    week = np.arange(weeks)
    late = week >= BASELINE_WEEKS
    ward, icu = 0.03, 0.10
    risen = np.stack([np.where(late, 1.8 * ward, ward), np.full(weeks, icu)], axis=1)
    steady = np.tile([ward, icu], (weeks, 1))

    def falling(block: int) -> Floats:
        return np.tile(np.where(late, 0.15, 0.40), (block, 1))

    def seasonal(block: int) -> Floats:
        season: Floats = 0.25 + 0.15 * np.sin(2 * np.pi * (week / 52 + rng.uniform(size=(block, 1))))
        return season

    made = []
    for name, shares, rates, found in (
        ("masking: ward × 1.8, ICU 40 → 15 %", falling, risen, True),
        ("season: ICU 25 ± 15 %, no change", seasonal, steady, False),
    ):
        chosen: dict[str, Method] = {"crude": crude, "adjusted": adjusted}
        gathered: dict[str, list[Mask]] = {label: [] for label in chosen}
        for block in blocks(charts, reports):
            every = np.broadcast_to(rates, (block, weeks, 2))
            population = Population.draw(rng, block, weeks, reports, rho, shares(block))
            (stream,) = population.streams(every)
            early = stream.weeks(0, BASELINE_WEEKS)
            baseline = Baseline(early, population.group_totals(every, BASELINE_WEEKS))
            for label, method in chosen.items():
                gathered[label].append(method(baseline, stream.weeks(BASELINE_WEEKS)))
        made.append(Shift(name, {label: np.concatenate(parts) for label, parts in gathered.items()}, found))
    return made


def blocks(charts: int, reports: int) -> list[int]:
    """Charts in blocks that fit in memory."""
    size = max(1, _BLOCK // reports)
    return [min(size, charts - start) for start in range(0, charts, size)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few charts, no targets")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    size = QUICK if asked.quick else FULL
    began = time.perf_counter()
    settings = []
    for index, (noise, rho, reports) in enumerate(
        (noise, rho, reports) for noise in ("mix", "rate") for rho in size.rhos for reports in size.reports
    ):
        print(f"… {reports} reports a week, ρ = {rho}, noise of the {noise}", file=sys.stderr, flush=True)
        rng = np.random.default_rng([asked.seed, index])
        settings.append(simulate(rng, size.charts, reports, rho, noise))
    print("… shifts of case mix", file=sys.stderr, flush=True)
    moved = shifts(np.random.default_rng([asked.seed, 1_000]), size.charts, max(size.reports), RHO_OF_SHIFTS)
    console = Console(width=160, highlight=False, markup=False)
    for line in header()[:1]:
        console.print(line)
    console.print(f"{size.charts:,} charts a setting, seed {asked.seed}, {time.perf_counter() - began:.0f} s.")
    if asked.quick:
        console.print("Quick: too few charts for any figure to mean something; no targets are set.")
    else:
        console.print(targets(settings, moved))
    console.print(grid(settings))
    console.print(of_shifts(moved))


def targets(settings: list[Setting], moved: list[Shift]) -> Table:
    """What was promised beside what was measured, with and without tempering by the baseline's dispersion."""
    table = Table(
        "target, 300 reports a week", "chart", "noise", "ρ", "target", "measured", "met", box=SIMPLE_HEAD
    )
    for s in settings:
        if s.reports != 300:
            continue
        for chart in ("SR, adjusted", "SR, tempered"):
            mean, bound = s.results[chart].false_alarms()
            median, late = s.results[chart].delay(2.0)
            for name, target, measured, met in (
                (
                    "false alarms a year over 40 charts, upper bound",
                    f"≤ {BUDGET:g}",
                    f"{bound:.2f} (mean {mean:.2f})",
                    bound <= BUDGET,
                ),
                ("weeks to see a doubling, median", "≤ 3", whole(median), median <= 3),
                ("weeks to see a doubling, 90th percentile", "≤ 6", whole(late), late <= 6),
            ):
                table.add_row(name, chart, s.noise, f"{s.rho:.2f}", target, measured, "yes" if met else "NO")
    masking = moved[0].alarms["adjusted"]
    share = float((delays(masking) <= 26).mean())
    seen = ("", f"{RHO_OF_SHIFTS:.2f}", "> 50 %", f"{100 * share:.0f} %", "yes" if share > 0.5 else "NO")
    table.add_row("masking seen in 26 weeks", "SR, adjusted", *seen)
    return table


def grid(settings: list[Setting]) -> Table:
    """Every method in every setting."""
    columns = ("reports", "ρ", "noise", "method", "false alarms/year/40", "× 2", "× 1.5", "× 1.25", "refused")
    table = Table(*columns, box=SIMPLE_HEAD)
    for s in settings:
        for i, (name, result) in enumerate(s.results.items()):
            mean, bound = result.false_alarms()
            seen = [" / ".join(map(whole, result.delay(rise))) for rise in RISES]
            first = (str(s.reports), f"{s.rho:.2f}", s.noise) if i == 0 else ("", "", "")
            refused = f"{100 * s.refused:.0f} %" if i == 0 else ""
            table.add_row(
                *first, name, f"{mean:.2f} (≤ {bound:.2f})", *seen, refused, end_section=i == len(s.results) - 1
            )
    return table


def of_shifts(moved: list[Shift]) -> Table:
    """Crude against adjusted."""
    table = Table(
        "shift of case mix", "chart", "alarms/year/40", "in 26 weeks", "weeks, median / p90", box=SIMPLE_HEAD
    )
    for shift in moved:
        for label, alarms in shift.alarms.items():
            first = delays(alarms)
            quantiles = np.quantile(first, [0.5, 0.9], method="inverted_cdf")
            table.add_row(
                shift.name,
                label,
                "" if shift.found else f"{alarms.mean() * 52 * CHARTS:.2f}",
                f"{100 * (first <= 26).mean():.0f} %",
                " / ".join(whole(float(x)) for x in quantiles) if shift.found else "",
            )
    return table


def whole(weeks: float) -> str:
    return f"{weeks:.0f}" if np.isfinite(weeks) else f"> {LONGEST}"


if __name__ == "__main__":
    main()
