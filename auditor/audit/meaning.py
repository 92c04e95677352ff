"""What an answer means, so that two answers in different words can be the same one."""

from collections.abc import Hashable

from auditor.claims import Lexicon, extract
from auditor.judges.answers import abstains, words, yes_or_no

Meaning = Hashable


def meaning(text: str, task: str, question: str | None, lexicon: Lexicon | None = None) -> Meaning:
    """Yes or no to a question that says so, else that nothing was answered, else its claims, else its words.

    Claims are compared by finding, status and side. Two texts without any claim mean the same only word by word.

    >>> meaning("No.", "vqa", "Is there an effusion?") == meaning("There is none, no.", "vqa", "Is there a mass?")
    False
    >>> meaning("Left effusion.", "report", None) == meaning("There is a left pleural effusion.", "report", None)
    True
    """
    if task == "vqa":
        if said := yes_or_no(text, question):
            return said
        if abstains(text):
            return "no answer"
    claims = frozenset((c.finding, c.status, c.side) for c in extract(text, lexicon) if not c.context)
    return claims or tuple(words(text))


def single_side(text: str) -> str | None:
    """The one side that a text names; None where it names none or both.

    >>> single_side("Effusion on the left."), single_side("Both left and right."), single_side("Clear.")
    ('left', None, None)
    """
    named = {"left", "right"} & set(words(text))
    return named.pop() if len(named) == 1 else None
