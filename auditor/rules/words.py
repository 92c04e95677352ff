"""A rule in words: what it is about, and its bounds with units and the side on which they are bad."""

from collections.abc import Mapping
from typing import Any, Final

from monitors.catalogue import CatalogueError, measure_named
from monitors.measurement import Direction, Measure
from reports.numbers import number

_QUESTION: Final = "stop question: "
_SIDE: Final = {Direction.HIGHER_IS_WORSE: "above", Direction.LOWER_IS_WORSE: "below"}


def title(name: str) -> str:
    """What a rule is about, as people say it; "" for a measure that this version does not know.

    >>> title("sensitivity in age, sex against the rest")
    'Sensitivity, in age, sex against the rest'
    """
    measure = _measure(name)
    if measure is None:
        return ""
    rest = name.removeprefix(_QUESTION).partition(measure.name)[2].strip()
    return ", ".join(filter(None, (measure.title, rest)))


def bounds(name: str, content: Mapping[str, Any]) -> str:
    """From where on a rule warns and from where it asks for action.

    >>> bounds("contradicted_reports", {"watch": 0.11, "act": 0.13, "minimum_n": 0})
    'watch above 11.0 %, act above 13.0 %'
    >>> bounds("sensitivity in sex against the rest", {"watch": 0.1})
    'watch from 10.0 points worse'
    """
    measure = _measure(name)
    said = [_chart(content)] if "alarms_a_year" in content else []
    given = [word for word in ("watch", "act") if content.get(word) is not None]
    said += [f"{word} {_side(name, measure, float(content[word]))}" for word in given]
    if content.get("rise") is not None and measure is not None:
        said.append(f"a value of {number(content['rise'], measure.unit)} matters")
    if content.get("minimum_n"):
        said.append(f"from n = {content['minimum_n']:,}")
    if content.get("stop"):
        said.append(f"act asks to {content['stop']}")
    return ", ".join(said)


def _measure(name: str) -> Measure | None:
    words = name.removeprefix(_QUESTION).split()
    try:
        return measure_named(words[1] if name.startswith(_QUESTION) else words[0])
    except (CatalogueError, IndexError):
        return None


def _side(name: str, measure: Measure | None, bound: float) -> str:
    if measure is None:
        return f"{bound:g}"
    if "against the rest" in name:
        return f"from {number(abs(bound), measure.unit, 'rest').removeprefix('+')} worse"
    if measure.direction not in _SIDE:
        return f"beyond ±{number(abs(bound), measure.unit).removeprefix('+')}"
    return f"{_SIDE[measure.direction]} {number(bound, measure.unit)}"


def _chart(content: Mapping[str, Any]) -> str:
    held = content.get("tolerable")
    rate = number(held, "share") if held else f"the rate of {content['reference']}"
    alarms = content["alarms_a_year"]
    many = "" if alarms == 1 else "s"
    return f"weekly chart held to {rate}, at most {alarms:g} false alarm{many} a year"
