"""What may stand in a ranking, whoever reads it: a record at the gate, or a pair that is judged."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

#: Candidates of one ranking that are kept. Nobody looks at more, and a tie of more is no ranking.
MAX_CANDIDATES: Final = 10_000

#: In which direction a search goes: the item of its reference and output.
IMAGE_TO_TEXT: Final = "image to text"
TEXT_TO_IMAGE: Final = "text to image"
IMAGE_TO_IMAGE: Final = "image to image"
DIRECTIONS: Final = (IMAGE_TO_TEXT, TEXT_TO_IMAGE, IMAGE_TO_IMAGE)

TOO_MANY: Final = (
    f"a ranking has at most {MAX_CANDIDATES:,} candidates; hand in its top, "
    "and the number of candidates it was chosen from as gallery"
)
TWICE: Final = "a candidate stands twice in the ranking; list each one once, at its best place"
SOME_SCORES: Final = "some candidates have a score and some have none; give every candidate one, or none"
NO_ORDER: Final = "the scores neither fall nor rise along the ranking; list the candidates best first"
SMALL_GALLERY: Final = "the gallery is smaller than the ranking; give the number of candidates it was chosen from"


def fault_of(ids: Sequence[str], scores: Sequence[float | None], gallery: int | None) -> str | None:
    """What is wrong with a ranking, in a sentence that names no candidate; None where nothing is.

    Scores fall where they are similarities and rise where they are distances; both are best first.

    >>> fault_of(["a", "b"], [0.1, 0.2], None), fault_of(["a", "a"], [None, None], None) == TWICE
    (None, True)
    """
    if len(ids) > MAX_CANDIDATES:
        return TOO_MANY
    if len(set(ids)) < len(ids):
        return TWICE
    known = [score for score in scores if score is not None]
    if known and len(known) < len(ids):
        return SOME_SCORES
    steps = list(pairwise(known))
    if any(a < b for a, b in steps) and any(a > b for a, b in steps):
        return NO_ORDER
    return SMALL_GALLERY if gallery is not None and gallery < len(ids) else None
