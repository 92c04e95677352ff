"""Confidence that a model states in its answer: "I am 80 % sure", "Confidence: 0.8", "8 out of 10"."""

import re
from typing import Final

_NUMBER: Final = r"(?P<n>\d{1,3}(?:\.\d+)?)"
_UNIT: Final = r"\s*(?P<unit>%|percent\b|per cent\b|(?:/|out of)\s*(?:100|10)\b)"
_SURE: Final = r"(?:confidence|confident|certainty|certain|sureness|sure)"
_BEFORE: Final = re.compile(rf"(?P<not>\bnot\s+|n't\s+)?{_NUMBER}(?:{_UNIT})\s*{_SURE}\b", re.IGNORECASE)
_AFTER: Final = re.compile(
    rf"\b{_SURE}(?:\s+(?:level|score|rating|is|of|at|that|in|this|my|answer|the))*\s*[:=(]?\s*(?:about|around|~)?\s*"
    rf"{_NUMBER}(?:{_UNIT})?(?![\d.]*\d)",
    re.IGNORECASE,
)


def stated_confidence(answer: str | None) -> float | None:
    """The confidence in [0, 1] that an answer states about itself; None where it states none, or two that differ.

    Percentages, "x out of 10", "x/10", "x/100" and plain numbers up to 1 are read. "Not 100 % sure" states
    nothing, nor does a number above 1 without a unit: nobody can tell of how many.

    >>> stated_confidence("Yes. I am 80% sure."), stated_confidence("No (confidence: 0.35)")
    (0.8, 0.35)
    >>> stated_confidence("Yes, not 100% certain"), stated_confidence("Confidence 7"), stated_confidence("Yes.")
    (None, None, None)
    """
    if not answer:
        return None
    found = set()
    for match in (*_BEFORE.finditer(answer), *_AFTER.finditer(answer)):
        if match.groupdict().get("not"):
            return None
        value = _share(float(match["n"]), (match["unit"] or "").lower())
        if value is None:
            return None
        found.add(round(value, 6))
    return found.pop() if len(found) == 1 else None


def _share(number: float, unit: str) -> float | None:
    whole = 1.0 if not unit else 10.0 if unit.endswith("10") else 100.0
    return number / whole if number <= whole else None
