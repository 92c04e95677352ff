"""Reading the fields of a pair; what is wrong is said in a sentence that quotes no value."""

import re
from collections.abc import Mapping
from typing import Any, Final

_AGE: Final = re.compile(r"\s*(\d{1,3}(?:\.\d+)?)\s*([YyMmWwDd]?)")
_PER_YEAR: Final = {"": 1.0, "y": 1.0, "m": 12.0, "w": 52.18, "d": 365.25}


class BadPairError(ValueError):
    """A pair that cannot be judged: which field, what it should be."""


def text(pair: Mapping[str, Any], name: str) -> str | None:
    """A text field; None when absent or null."""
    value = pair.get(name)
    if value is not None and not isinstance(value, str):
        raise BadPairError(f"field {name!r} must be text or null")
    return value


def has_words(text: str | None) -> bool:
    """Whether a text holds any letter or digit.

    >>> has_words("Normal."), has_words(" --- "), has_words(None)
    (True, False, False)
    """
    return text is not None and any(map(str.isalnum, text))


def age(pair: Mapping[str, Any]) -> float | None:
    """The age in years; None when it is not known. "072Y" is 72, "006M" half a year, "90+" is 90.

    >>> age({"age": "072Y"}), age({"age": "006M"}), age({"age": ""})
    (72.0, 0.5, None)
    """
    value = pair.get("age")
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if value == value else None
    if not isinstance(value, str):
        raise BadPairError("field 'age' must be a number, a DICOM age such as 072Y, or null")
    found = _AGE.match(value)
    return float(found[1]) / _PER_YEAR[found[2].lower()] if found else None


def truth(pair: Mapping[str, Any], name: str) -> bool | None:
    """A yes-or-no field; None when absent or null."""
    value = pair.get(name)
    if value is None or isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    raise BadPairError(f"field {name!r} must be true, false or null")
