"""Reading a model's answer to a question: yes, no, a choice, an abstention, or nothing that can be read.

Strict on purpose: an answer counts only when it says so in plain English. "Not…", "Normal", another
language, politeness and refusals are never a yes or a no.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

Verdict = Literal["yes", "no"]

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_MARKED = re.compile(
    r"\b(?:final |my |the )?answer(?: is|:| would be)\s*:?\s*['\"*]*(yes|no)\b['\"*]*\s*(?:[.,;!]|$)"
)
_LETTER: Final = re.compile(
    r"\s*(?:the\s+)?(?:(?:final|correct|best)\s+)?(?:answer|option|choice)?(?:\s+is)?\s*:?\s*"
    r"[(\[\"'*]*([a-z0-9])[)\]\"'*]*(?=[\s.:,)\]]|$)",
    re.IGNORECASE,
)
_OFFER: Final = re.compile(r"\bi (?:can|will|could|would be|am) (?:be )?(?:help|assist|happy|glad|here)")
_ABSTAIN: Final = re.compile(
    r"\b(?:i (?:do not|don't|can(?:not|'t)|am (?:not able|unable|not sure|sorry|uncertain))"
    r"|i'm (?:not (?:able|sure)|sorry|unable|uncertain|an ai)|as an ai|no idea|inconclusive"
    r"|(?:cannot|can't|can not|could not) be (?:determined|answered|assessed)"
    r"|unable to (?:determine|answer|assess|provide|see|view)"
    r"|not possible to (?:determine|say|tell|answer)|(?:insufficient|not enough) information"
    r"|cannot (?:determine|answer|say|tell|view|see)|i'd need|please provide)\b"
)


_NO_RADIOGRAPH: Final = re.compile(
    r"\b(?:not|isn't|doesn't|no)\s+(?:(?:to|be|show|contain|look|like|appear|seem|an?|any|the|real|valid|actual|chest"
    r"|medical|diagnostic|radiological|frontal|lateral)\s+){0,6}(?:radiographs?|radiograms?|x-?rays?|radiology"
    r"|radiological|medical (?:image|scan|study)|ct|mri|scan)\b"
    r"(?!\s+(?:abnormalit|finding|evidence|sign|change)|.{0,30}\bcomparison)"
    r"|\b(?:photo|photograph|drawing|painting|illustration|artwork|cartoon|screenshot)s?\b"
)


def words(text: str) -> list[str]:
    """Lower-case words of a text."""
    return _WORD.findall(text.lower().replace("’", "'"))


#: Frequent words of other languages that begin or fill an answer; none is an English word of reports.
_FOREIGN: Final = frozenset(
    words(
        """se hay el los las una del con es esta muestra observa evidencia hacia existe aparece
        il elle les des une pas avec est sur oui non kein keine nicht ist ein eine der das und auf im zeigt ja nein
        nao uma dos si nessun nessuna della sono che sulla geen een het niet brak nie jest"""
    )
)
_POLITE: Final = frozenset(words("idea clue problem worries thanks thank doubt matter longer offence offense"))
_STOP: Final = frozenset(
    words(
        """a an the is are was were be been being of in on at to for with and or this that these those there it
        its any do does did can could would should has have had image picture scan shown show shows seen see
        patient patient's
        you your from by as within what which where who how please identify describe appear appears
        present presence evidence indication indicated here i we they he she if so into his her their located
        location"""
    )
)
_DENIAL: Final = frozenset(
    words(
        """no not without absent isn't aren't doesn't don't wasn't weren't cannot can't never negative lacks
        lacking none neither nor"""
    )
)


def content(text: str) -> set[str]:
    """The words that carry a text's meaning, in a rough singular."""
    return {_stem(w) for w in words(text)} - _STOP - _DENIAL - {"yes"}


def _stem(word: str) -> str:
    for ending, shortest in (("ies", 5), ("es", 6), ("s", 4)):
        if len(word) >= shortest and word.endswith(ending) and not word.endswith(("ss", "us", "is")):
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def abstains(text: str) -> bool:
    """Whether an answer declines to answer.

    >>> abstains("I'm sorry, I cannot determine that."), abstains("No effusion.")
    (True, False)
    """
    return bool(_ABSTAIN.search(text.lower().replace("’", "'")))


def disowns(text: str) -> bool:
    """Whether an answer says that what it was shown is no radiograph.

    >>> disowns("This does not appear to be a chest X-ray."), disowns("No radiological finding.")
    (True, False)
    """
    return bool(_NO_RADIOGRAPH.search(text.lower().replace("’", "'")))


def denies(text: str) -> bool:
    """Whether an answer has a word that denies.

    >>> denies("There is none."), denies("It is large.")
    (True, False)
    """
    return bool(_DENIAL & set(words(text)))


def _foreign(text: str) -> bool:
    low = text.lower()
    if any(c.isalpha() and ord(c) > 127 for c in low):
        return True
    return any(w in _FOREIGN for w in words(low))


def yes_or_no(text: str, question: str | None = None) -> Verdict | None:
    """The yes or no of an answer; None when it gives none.

    A leading "yes" or "no" counts, or "the answer is yes". A full sentence that restates the question counts
    by whether it asserts or denies, when the question is given.

    >>> yes_or_no("No, there is none."), yes_or_no("Normal"), yes_or_no("No se observa derrame.")
    ('no', None, None)
    >>> yes_or_no("The image shows a large mass.", "Is there a mass in the image?")
    'yes'
    """
    said = words(text)
    if not said:
        return None
    first = said[0]
    if first in ("yes", "no") and not re.match(r"\W*(?:yes|no)\s*(?:/|or\b|and\b)", text.lower()):
        rest = said[1:]
        if rest and (rest[0] in _POLITE or _foreign(text) or _OFFER.search(text.lower())):
            return None
        if not ({"yes", "no"} - {first}) & set(rest[:2]):
            return "yes" if first == "yes" else "no"
        if first == "no" or rest[0] == "no":
            return None
        return "yes"
    if _foreign(text):
        return None
    if marked := _MARKED.search(text.lower()):
        return "yes" if marked[1] == "yes" else "no"
    return _restated(text, question) if question else None


def _restated(text: str, question: str) -> Verdict | None:
    """Whether the first sentence that speaks of the question's subject asserts or denies it."""
    asked = content(question)
    if not asked:
        return None
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        said = words(sentence)
        if len(said) < 4 or said[0] in ("not", "normal", "none", "nothing"):
            continue
        if len(content(sentence) & asked) * 2 >= min(len(asked), 4):
            return "no" if denies(sentence) else "yes"
    return None


def chosen(text: str, options: Sequence[str] | Mapping[str, str]) -> str | None:
    """The key of the option that an answer picks; None when it picks none or more than one.

    Keys are the letters of a list, or the mapping's own.

    >>> chosen("(B) effusion", ["mass", "effusion"]), chosen("Either is possible", ["mass", "effusion"])
    ('B', None)
    """
    labelled = dict(options) if isinstance(options, Mapping) else {chr(65 + i): o for i, o in enumerate(options)}
    keys = {str(k).casefold(): str(k) for k in labelled}
    said = words(text)
    joined = f" {' '.join(said)} "
    exact = [str(k) for k, o in labelled.items() if words(str(o)) == said]
    if len(exact) == 1 and len(said) > 1:  # "C spine" begins with no letter of an option
        return exact[0]
    letter = _LETTER.match(text)
    if letter and letter[1].casefold() in keys and not re.match(r"\s*a\s+[a-z]", text, re.IGNORECASE):
        return keys[letter[1].casefold()]
    if len(exact) == 1:
        return exact[0]
    held = [str(k) for k, o in labelled.items() if words(str(o)) and f" {' '.join(words(str(o)))} " in joined]
    longest = [k for k in held if not any(_inside(labelled[k], labelled[other]) for other in held if other != k)]
    return longest[0] if len(longest) == 1 else None


def _inside(shorter: str, longer: str) -> bool:
    return f" {' '.join(words(shorter))} " in f" {' '.join(words(longer))} "
