"""Numbers, dates and counts as people write them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from monitors.catalogue import CATALOGUE
from monitors.measurement import Interval
from reports.dossier import Row
from reports.text import MONTHS, WORDS

NONE: Final = "–"
#: Units of means of counts, of which a tenth is enough.
_COUNTED: Final = ("words", "structures")
#: Measures whose effective n counts patients of the rarer class and not what the measure counts.
_BY_CLASS: Final = frozenset(
    one.name
    for monitor in CATALOGUE
    for one in monitor.measures
    if one.interval in (Interval.LOGIT, Interval.RECALIBRATION)
)


def integer(value: float) -> str:
    """A count with thousands separated; a weighted count keeps one decimal.

    >>> integer(1204), integer(1203.5)
    ('1,204', '1,203.5')
    """
    value = round(float(value), 1)  # thirds of a case add up to whole cases but for the grid they are counted on
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.1f}"


def scale_of(unit: str) -> tuple[float, str]:
    """What to multiply a value by before it is printed, and the unit printed behind it.

    Reports are counted in thousands, their claims and findings in hundreds: beside them stand shares in percent.

    >>> scale_of("share"), scale_of("per report"), scale_of("score")
    ((100.0, ' %'), (1000.0, ' per 1,000 reports'), (1.0, ''))
    >>> scale_of("per positive claim")
    (100.0, ' per 100 positive claims')
    """
    if unit == "share":
        return 100.0, " %"
    if unit == "per report":
        return 1000.0, " per 1,000 reports"
    if unit.startswith("per "):
        return 100.0, f" per 100 {unit.removeprefix('per ')}s"
    return 1.0, ""


def number(value: float | None, unit: str, contrast: str = "") -> str:
    """One value in its unit; a contrast is signed, and of shares it is in percentage points.

    >>> number(0.052, "share"), number(0.021, "share", "rest"), number(-0.03, "difference"), number(None, "share")
    ('5.2 %', '+2.1 points', '−0.030', '–')
    """
    if value is None:
        return NONE
    scale, suffix = scale_of(unit)
    if contrast and unit == "share":
        suffix = " points"
    return _digits(value, value, unit, contrast) + suffix if scale != 1 else _digits(value, value, unit, contrast)


def with_interval(
    value: float | None, low: float | None, high: float | None, unit: str, contrast: str = ""
) -> str:
    """Value and interval.

    >>> with_interval(0.052, 0.039, 0.068, "share")
    '5.2 % [3.9–6.8]'
    >>> with_interval(0.021, -0.003, 0.04, "share", "rest")
    '+2.1 points [−0.3 to +4.0]'
    >>> with_interval(0.871, 0.85, 0.89, "score")
    '0.871 [0.850–0.890]'
    """
    if value is None:
        return NONE
    said = number(value, unit, contrast)
    if low is None or high is None:
        return said
    signed = (contrast and unit != "distance") or unit == "difference"
    between = " to " if signed or low < 0 else "–"
    return f"{said} [{_digits(low, value, unit, contrast)}{between}{_digits(high, value, unit, contrast)}]"


def _digits(value: float, beside: float, unit: str, contrast: str) -> str:
    """`beside` is the value that sets the number of decimals, so that an interval has those of its value."""
    scale = scale_of(unit)[0]
    decimals = 3 if scale == 1 and unit not in _COUNTED else 1
    if scale != 1 and 0 < abs(beside * scale) < 0.1:
        decimals = 2
    text = f"{abs(value * scale):,.{decimals}f}"
    if value < 0 and text.strip("0.,"):
        return f"−{text}"
    signed = ((contrast and unit != "distance") or unit == "difference") and text.strip("0.,")
    return f"+{text}" if signed else text


def people(patients: int, exact: bool, resampled: str) -> str:
    """How many patients (or studies, where no patient is known) stand behind a number.

    >>> people(980, True, "patients"), people(980, False, "patients"), people(1, True, "studies")
    ('980 patients', 'about 980 patients', '1 study')
    """
    noun = {"patients": "patient", "studies": "study"}.get(resampled, resampled) if patients == 1 else resampled
    count = integer(patients) if exact else WORDS["about"].format(count=integer(patients))
    return f"{count} {noun}"


def basis(row: Row) -> str:
    """What a row was measured on: "1,204 reports (effective 1,100) of 980 patients", or that it is suppressed."""
    if row.suppressed:
        return WORDS["hidden_short"]
    if not row.n and not row.patients:
        return row.note or NONE
    return WORDS["of_people"].format(
        count=f"{integer(row.n)} {row.counted}{_effective(row)}",
        people=people(row.patients, row.patients_exact, row.resampled),
    )


def _effective(row: Row) -> str:
    """How many independent ones the number is worth, rounded down as verdicts do; "" where it has no interval."""
    if row.n_eff is None or row.value is None or row.interval in ("", Interval.NONE):
        return ""
    words = WORDS["effective_by_class" if row.measure in _BY_CLASS else "effective"]
    return f" {words.format(count=integer(row.n_eff // 1))}"


def hidden(where: str) -> str:
    """Why a suppressed number is not shown: of the whole there is one reason, of a group there are two.

    >>> hidden("all")
    'fewer than 11 patients'
    """
    return WORDS["few" if where == "all" else "hidden"]


def without_unit(row: Row) -> str:
    """The number of a row without its unit, which the heading names."""
    return result(row).replace(scale_of(row.unit)[1], "") if scale_of(row.unit)[1] else result(row)


def per_thousand(row: Row) -> str:
    """The number of a row that is a share as so many in a thousand, with its interval and without a unit."""
    return without_unit(replace(row, unit="per report")) if row.unit == "share" else without_unit(row)


def by_itself(row: Row) -> Row:
    """A gap to everyone else with its own 95 % interval; every other row has that already.

    The interval of such a row allows for the number of groups, since verdicts rest on it.
    """
    return row if row.versus is None else replace(row, low=row.versus.alone_low, high=row.versus.alone_high)


def wider(row: Row) -> str:
    """What to say of the interval that a gap's verdict rests on where `result` prints another one, else ""."""
    if row.contrast != "rest" or row.suppressed or row.value is None or row.low is None or row.high is None:
        return ""
    if row.versus is None:  # of an older audit: there is no other interval to print
        return WORDS["gap_widened"]
    printed = result(row)
    resting = with_interval(row.value, row.low, row.high, row.unit, row.contrast)
    interval = resting[resting.index("[") :]
    return "" if interval in printed else WORDS["gap_verdict"].format(interval=interval)


def result(row: Row) -> str:
    """The number of a row as a reader sees it: suppressed, undefined with its reason, or value and 95 % interval.

    A restated number shows the old one behind it.
    """
    if row.suppressed:
        return hidden(row.slice)
    row = by_itself(row)
    if row.value is None:
        return f"{NONE} ({row.note})" if row.note else NONE
    if row.unit == "distance" and row.high is not None:  # the band of chance, not an interval around the value
        said = f"{number(row.value, row.unit)} {WORDS['by_chance'].format(high=number(row.high, row.unit))}"
    else:
        said = with_interval(row.value, row.low, row.high, row.unit, row.contrast)
    if row.previous is None:
        return said
    return f"{said} {WORDS['was'].format(old=number(row.previous, row.unit, row.contrast))}"


def day(value: date) -> str:
    """
    >>> day(date(2026, 3, 12))
    '12 March 2026'
    """
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def days(start: date | None, end: date | None) -> str:
    """A window of days, both ends included.

    >>> days(date(2026, 3, 12), date(2026, 3, 18)), days(date(2026, 3, 30), date(2026, 4, 5))
    ('12–18 Mar 2026', '30 Mar – 5 Apr 2026')
    >>> days(date(2025, 12, 29), date(2026, 1, 4)), days(None, None)
    ('29 Dec 2025 – 4 Jan 2026', 'everything received, without limits of time')
    """
    if start is None and end is None:
        return WORDS["all_time"]
    if end is None and start is not None:
        return WORDS["since"].format(start=day(start))
    if start is None or end is None:
        return WORDS["until"].format(end=day(end)) if end else WORDS["all_time"]
    if start == end:
        return day(start)
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day}–{short(end)} {end.year}"
    if start.year == end.year:
        return f"{short(start)} – {short(end)} {end.year}"
    return f"{short(start)} {start.year} – {short(end)} {end.year}"


def short(value: date) -> str:
    """
    >>> short(date(2026, 3, 12))
    '12 Mar'
    """
    return f"{value.day} {MONTHS[value.month - 1][:3]}"


def moment(value: datetime, timezone: str) -> str:
    """A point in time in the system's zone; in its own where that zone is not known here.

    >>> moment(datetime(2026, 11, 23, 13, 5, tzinfo=UTC), "Europe/Berlin")
    '23 November 2026, 14:05 (Europe/Berlin)'
    """
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        local, zone = aware.astimezone(ZoneInfo(timezone)), timezone
    except (KeyError, ValueError, OSError):
        local, zone = aware.astimezone(UTC), "UTC"
    return f"{day(local.date())}, {local:%H:%M} ({zone})"


def item_name(value: str) -> str:
    """A finding as a person says it, or the mean over all of them.

    >>> item_name("pleural_effusion"), item_name("(macro)")
    ('pleural effusion', 'mean over findings')
    """
    return WORDS["macro"].lower() if value == "(macro)" else value.replace("_", " ")


def slice_name(value: str) -> str:
    """A slice as a person says it.

    >>> slice_name("age=40-64 & sex=F"), slice_name("patient_class=(missing)")
    ('age 40-64, sex F', 'patient class not recorded')
    """
    pairs = [part.partition("=") for part in value.split(" & ")]
    said = [f"{name.replace('_', ' ')} {what}".strip() for name, _, what in pairs]
    return ", ".join(said).replace("(missing)", WORDS["not_recorded"])
