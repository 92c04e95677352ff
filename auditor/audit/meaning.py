"""What an answer means, so that two answers in different words can be the same one."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from auditor.claims import Lexicon, extract
from auditor.judges.answers import abstains, chosen, words, yes_or_no
from auditor.options import letter, parted

Meaning = Hashable


def meaning(text: str, task: str, question: str | None, lexicon: Lexicon | None = None) -> Meaning:
    """The option chosen or yes or no, else that nothing was answered, else its claims, else its words.

    An option is its text, not its letter: in another order the same letter is another answer.

    Claims are compared by finding, status and side. Two texts without any claim mean the same only word by word.

    >>> meaning("No.", "vqa", "Is there an effusion?") == meaning("There is none, no.", "vqa", "Is there a mass?")
    False
    >>> meaning("Left effusion.", "report", None) == meaning("There is a left pleural effusion.", "report", None)
    True
    """
    if task == "vqa":
        if asked := parted(question):
            if option := chosen_option(text, asked[1]):
                return option
        elif said := yes_or_no(text, question):
            return said
        if abstains(text):
            return "no answer"
    claims = frozenset((c.finding, c.status, c.side) for c in extract(text, lexicon) if not c.context)
    return claims or tuple(words(text))


class Option(NamedTuple):
    """The option that an answer chooses."""

    text: str


def chosen_option(text: str, options: Sequence[str]) -> Option | None:
    """None where an answer chooses none, or more than one.

    >>> chosen_option("B", ["mass", "effusion"]), chosen_option("A", ["effusion", "mass"])
    (Option(text='effusion'), Option(text='effusion'))
    """
    shown = {letter(place): option for place, option in enumerate(options)}
    key = None if abstains(text) else chosen(text, shown)
    return None if key is None else Option(shown[key])


def single_side(text: str) -> str | None:
    """The one side that a text names; None where it names none or both.

    >>> single_side("Effusion on the left."), single_side("Both left and right."), single_side("Clear.")
    ('left', None, None)
    """
    named = {"left", "right"} & set(words(text))
    return named.pop() if len(named) == 1 else None
