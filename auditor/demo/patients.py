"""Who comes to the simulated hospital, when, and with which disease: columns with one entry a study."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, expit, logit

from auditor.demo import faults

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Words = NDArray[np.str_]

TIMEZONE: Final = "Europe/Berlin"

#: Share of studies in which each finding is present, before the effect of the patient's class.
PREVALENCE: Final = {
    "atelectasis": 0.14,
    "cardiomegaly": 0.15,
    "consolidation": 0.09,
    "edema": 0.07,
    "effusion": 0.14,
    "fracture": 0.02,
    "nodule": 0.04,
    "pneumothorax": 0.05,
}
FINDINGS: Final = tuple(PREVALENCE)

#: Added to the log-odds of these findings in intensive care, where patients are sicker.
_INTENSIVE: Final = {"atelectasis": 0.4, "edema": 0.5, "effusion": 0.4}

_VENDORS: Final = {
    "north": (("Vendor A", 0.5), ("Vendor B", 0.3), ("Vendor C", 0.2)),
    "south": (("Vendor A", 0.3), ("Vendor B", 0.4), ("Vendor C", 0.3)),
}


@dataclass(frozen=True, slots=True)
class Cohort:
    """The studies in order of time. Every array has one entry a study; `uniform` one row a patient."""

    patient: Integers
    studied_at: tuple[datetime, ...]
    week: Integers  # from 1
    site: Words
    sex: Words
    age: Integers
    age_known: Booleans
    patient_class: Words
    view: Words
    vendor: Words
    has_prior: Booleans
    prevalence: dict[str, float]  # of each finding, as expected over the cohort
    disease: dict[str, Booleans]

    def __len__(self) -> int:
        return len(self.studied_at)


def correlated(rng: np.random.Generator, rate: Floats, patient: Integers) -> Booleans:
    """Events of the given rates that share the patient's own tendency (beta-binomial).

    A patient's rate is the same quantile of Beta(rate · k, (1 − rate) · k) in every study, k = (1 − ρ)/ρ, so
    events of one rate have intraclass correlation ρ exactly and the rate is met on average.
    """
    tendency = rng.random(int(patient.max()) + 1)[patient]
    k = (1 - faults.PATIENT_CORRELATION) / faults.PATIENT_CORRELATION
    own = betaincinv(rate * k, (1 - rate) * k, tendency)
    return np.asarray(rng.random(patient.size) < own)


def _studies_of_patients(rng: np.random.Generator, studies: int) -> tuple[Integers, Booleans, Integers]:
    """Patient of each study, whether that patient is ICU-like, and days since the patient's first study."""
    habit = rng.random(studies)
    icu = habit >= 0.92
    count = np.where(habit < 0.75, 1, rng.integers(2, 4, studies))
    count = np.where(icu, rng.geometric(1 / 8, studies), count)
    patient = np.repeat(np.arange(studies), count)[:studies]
    gap = np.where(icu[patient], rng.integers(1, 3, studies), rng.geometric(1 / 21, studies))
    first = np.concatenate([[True], patient[1:] != patient[:-1]])
    running = np.cumsum(np.where(first, 0, gap))
    since_first = running - running[first][patient]
    return patient, icu[patient], since_first


def _days(rng: np.random.Generator, patient: Integers, since_first: Integers) -> Integers:
    """The day of each study, from 0; stays that would outlast the simulation wrap, as if begun before it."""
    days = 7 * faults.WEEKS
    weekday = np.array([1.1, 1.1, 1.1, 1.1, 1.1, 0.75, 0.75])
    arrival = rng.choice(
        days, int(patient.max()) + 1, p=np.tile(weekday / weekday.sum(), faults.WEEKS) / faults.WEEKS
    )
    return np.asarray((arrival[patient] + since_first) % days)


def _vendors(site: Words, week: Integers, luck: Floats, shifted: bool) -> Words:
    vendor = np.empty(site.size, dtype="U8")
    for name, shares in _VENDORS.items():
        here = site == name
        edges = np.cumsum([share for _, share in shares])[:-1]
        names = np.array([vendor_name for vendor_name, _ in shares])
        vendor[here] = names[np.searchsorted(edges, luck[here], side="right")]
    if shifted:
        moved = (site == faults.VENDOR_SITE) & (week >= faults.VENDOR_WEEK) & (vendor == faults.VENDOR_OLD)
        vendor[moved] = faults.VENDOR_NEW
    return vendor


def _classes(rng: np.random.Generator, icu: Booleans, patient: Integers) -> tuple[Words, Words]:
    emergency = rng.random(int(patient.max()) + 1)[patient] < 0.5
    patient_class = np.where(icu, "ICU", np.where(emergency, "ED", "ward"))
    portable = rng.random(icu.size) < np.where(icu, 0.95, np.where(emergency, 0.3, 0.1))
    return patient_class, np.where(portable, "AP portable", "PA")


def cohort(rng: np.random.Generator, studies: int, start: date, *, shifted: bool) -> Cohort:
    """All studies of the simulation; `shifted` moves one vendor's examinations to the new vendor."""
    patient, icu, since_first = _studies_of_patients(rng, studies)
    day = _days(rng, patient, since_first)
    minute = np.asarray(np.clip(rng.normal(13 * 60, 240, studies), 4 * 60, 22 * 60), dtype=np.int64)
    order = np.lexsort((minute, day))
    patient, icu, day, minute = patient[order], icu[order], day[order], minute[order]

    people = int(patient.max()) + 1
    week = day // 7 + 1
    site = np.where(rng.random(people) < 0.45, "north", "south")[patient]
    age = np.clip(np.rint(rng.normal(61, 17, people)), 18, 97).astype(np.int64)[patient]
    sex = np.where(rng.random(people) < 0.5, "F", "M")[patient]
    age_known = rng.random(people)[patient] >= 0.005
    patient_class, view = _classes(rng, icu, patient)
    vendor = _vendors(site, week, rng.random(studies), shifted)

    repeat = np.ones(studies, dtype=np.bool_)
    repeat[np.unique(patient, return_index=True)[1]] = False
    has_prior = repeat | (rng.random(studies) < 0.4)

    prevalence, disease = {}, {}
    for finding, share in PREVALENCE.items():
        rate = expit(logit(share) + _INTENSIVE.get(finding, 0.0) * (patient_class == "ICU"))
        prevalence[finding] = float(rate.mean())
        disease[finding] = correlated(rng, rate, patient)
    zone = ZoneInfo(TIMEZONE)
    midnight = datetime(start.year, start.month, start.day, tzinfo=zone)
    studied_at = tuple(
        midnight + timedelta(days=d, minutes=m) for d, m in zip(day.tolist(), minute.tolist(), strict=True)
    )
    return Cohort(
        patient,
        studied_at,
        week,
        site,
        sex,
        age,
        age_known,
        patient_class,
        view,
        vendor,
        has_prior,
        prevalence,
        disease,
    )
