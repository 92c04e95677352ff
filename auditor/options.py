"""Questions with options: how they are put to a model, and which of the options a text names.

`auditor replay` asks in one fixed form, and what was shown can be read back from it: the question, one line an
option ("A) …"), and the request for a letter.
"""

import re
from collections.abc import Sequence
from typing import Final

FEWEST, MOST = 2, 26
NONE_OF_THE_ABOVE: Final = "None of the above"
_REQUEST: Final = "Answer with one letter."
_LINE: Final = re.compile(r"([A-Z])\) (.+)")
#: An option that says something about the others changes its meaning with their order.
_ABOUT_OTHERS: Final = re.compile(r"\babove\b|\bbelow\b|\b[A-Z] (?:and|or) [A-Z]\b")
_NONE: Final = re.compile(r"\s*(?:none|neither)\b", re.IGNORECASE)

FEW_OR_MANY: Final = f"options are {FEWEST} to {MOST} texts"
TWICE: Final = "two options are the same text; write each one once"
A_LETTER: Final = "an option is one letter and would be taken for a label; write out what it stands for"
NOT_AMONG_THEM: Final = "text is none of the options; give the right one, by its text or its letter"


def letter(place: int) -> str:
    """The letter of an option by its place, from 0."""
    return chr(ord("A") + place)


def named_by(text: str, options: Sequence[str]) -> int | None:
    """The place of the option that a reference names: by its text, in any case, else by its letter.

    >>> named_by("Effusion", ["mass", "effusion"]), named_by("b", ["mass", "effusion"]), named_by("c", ["mass"])
    (1, 1, None)
    """
    said = _folded(text)
    folded = [_folded(option) for option in options]
    letters = [letter(place).casefold() for place in range(len(options))]
    for known in (folded, letters):
        if said in known:
            return known.index(said)
    return None


def fault_of(options: Sequence[str], text: str | None) -> str | None:
    """What is wrong with the options of a reference, in a sentence; None where nothing is.

    >>> fault_of(["yes", "no"], "A"), fault_of(["yes", "Yes "], "yes") == TWICE
    (None, True)
    """
    if not FEWEST <= len(options) <= MOST:
        return FEW_OR_MANY
    if len({_folded(option) for option in options}) < len(options):
        return TWICE
    if any(len(folded) == 1 and folded.isalpha() for folded in map(_folded, options)):
        return A_LETTER
    return NOT_AMONG_THEM if text is None or named_by(text, options) is None else None


def right_option(text: str | None, options: Sequence[str] | None) -> str | None:
    """The text of the right answer: of a reference with options the option, also where it gives a letter."""
    place = named_by(text, options) if text and options else None
    return text if place is None or options is None else options[place]


def as_shown(question: str, options: Sequence[str]) -> str:
    """The prompt of a question with options.

    >>> print(as_shown("What is shown?", ["mass", "effusion"]))
    What is shown?
    A) mass
    B) effusion
    Answer with one letter.
    """
    return "\n".join([question, *(f"{letter(i)}) {option}" for i, option in enumerate(options)), _REQUEST])


def parted(prompt: str | None) -> tuple[str, list[str]] | None:
    """The question and the options of a prompt in the fixed form; None of any other.

    >>> parted(as_shown("What is shown?", ["mass", "effusion"])), parted("Is there a mass?")
    (('What is shown?', ['mass', 'effusion']), None)
    """
    *lines, last = (prompt or "").split("\n")
    if last != _REQUEST:
        return None
    found: list[tuple[str, str]] = []
    while lines and (match := _LINE.fullmatch(lines[-1])) and (not found or found[0][0] != "A"):
        found.insert(0, (match[1], match[2]))
        lines.pop()
    in_order = [mark for mark, _ in found] == [letter(place) for place in range(len(found))]
    return ("\n".join(lines), [option for _, option in found]) if lines and in_order and len(found) > 1 else None


def can_be_reordered(options: Sequence[str]) -> bool:
    """Whether no option speaks of the others ("all of the above", "A and B").

    >>> can_be_reordered(["mass", "effusion"]), can_be_reordered(["mass", "effusion", "A and B"])
    (True, False)
    """
    return not any(_ABOUT_OTHERS.search(option) for option in options)


def can_lose_one(options: Sequence[str]) -> bool:
    """Whether the right option can be replaced by "None of the above": no option says so, or speaks of others."""
    return can_be_reordered(options) and not any(map(says_none, options))


def says_none(text: str) -> bool:
    """Whether a text begins with none.

    >>> says_none("None."), says_none("No effusion.")
    (True, False)
    """
    return bool(_NONE.match(text))


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold().rstrip(".")
