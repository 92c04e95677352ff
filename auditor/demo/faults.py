"""How often the simulated system errs, and the faults planted in it: what the demo's audit should find."""

from dataclasses import dataclass
from typing import Final

#: The simulation lasts this many weeks, numbered from 1.
WEEKS: Final = 26

#: From this week on every output comes from the new version, in the faultless hospital too.
VERSION_CHANGE: Final = 15
OLD_VERSION: Final = "1.4"
NEW_VERSION: Final = "1.5"

#: Share of drafts with one finding that the radiologist's report denies.
FABRICATION: Final = 0.08
#: Share of drafts with one finding or device that the radiologist's report does not speak of.
UNSUPPORTED: Final = 0.04
#: Shares among drafts of studies where that error is possible; about 6 %, 1 % and 2 % of all drafts.
OMISSION: Final = 0.1
SIDE_SWAP: Final = 0.022
SEVERITY_STEP: Final = 0.05

#: Intraclass correlation, within a patient, of findings and of errors.
PATIENT_CORRELATION: Final = 0.15

FABRICATION_WEEK: Final = 18
FABRICATION_SITE: Final = "south"
FABRICATION_PLANTED: Final = 0.16

#: Women from this age on; signs of disease weigh this much less (in standard deviations of the evidence).
UNDERDIAGNOSED_AGE: Final = 65
UNDERDIAGNOSED_LOSS: Final = 0.8

VENDOR_WEEK: Final = 20
VENDOR_SITE: Final = "north"
VENDOR_OLD: Final = "Vendor B"
VENDOR_NEW: Final = "Vendor D"


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault: since when, in words, and the measurement in which an audit should see it.

    `measure`, `slice`, `item` and `contrast` are those of a `monitors.measurement.Measurement`. `harmful`
    is False for a shift that changes no error: an audit should notice it and must not `act` on it.
    """

    name: str
    since_week: int
    description: str
    task: str
    measure: str
    slice: str
    item: str = ""
    contrast: str = ""
    harmful: bool = True


PLANTED: Final[tuple[Fault, ...]] = (
    Fault(
        name="fabrication doubles",
        since_week=FABRICATION_WEEK,
        description="From week 18 drafts at site south assert a finding that the radiologist denies in 16 % "
        "of reports; before, and at site north, in 8 %.",
        task="report",
        measure="contradicted_reports",
        slice="site=south",
    ),
    Fault(
        name="under-diagnosis of women from 65",
        since_week=1,
        description="The classifier gives lower scores to diseased women of 65 and older, so that it misses "
        "more of their findings than of anybody else's.",
        task="classification",
        measure="sensitivity",
        slice="age=65+ & sex=F",
        contrast="rest",
    ),
    Fault(
        name="over-confidence after the update",
        since_week=VERSION_CHANGE,
        description="Version 1.5 states higher probabilities than 1.4 for the same images, without deciding "
        "any image differently.",
        task="classification",
        measure="calibration_gap",
        slice="all",
    ),
    Fault(
        name="vendor shift without harm",
        since_week=VENDOR_WEEK,
        description="From week 20 site north examines on Vendor D what it examined on Vendor B; the system "
        "errs no more and no less.",
        task="report",
        measure="drift_distance",
        slice="all",
        item="vendor",
        contrast="reference",
        harmful=False,
    ),
)
