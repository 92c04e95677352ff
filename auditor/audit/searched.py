"""What a probe of a search tells: which candidate came first, and whether a true match came early."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitors.judged import CUTOFFS

#: A true match is found early among the first k of which luck alone would put one in at most so many searches.
#: Among the first ten of twelve candidates it always stands, with the image and without.
LUCK: Final = 0.1
#: The meaning of a search that lists nothing.
NOTHING: Final = "nothing found"


def first_of(ranking: Sequence[Mapping[str, Any]] | None) -> str | None:
    """The candidate that came first; None where there is no ranking.

    >>> first_of([{"id": "b"}, {"id": "a"}]), first_of([]), first_of(None)
    ('b', 'nothing found', None)
    """
    if ranking is None:
        return None
    return str(ranking[0]["id"]) if ranking else NOTHING


def found_early(judged: pa.Table) -> NDArray[np.float64]:
    """Whether a true match is among the first ten; where luck would do, among the first five, or first.

    `judged` is of the task retrieval; of tied candidates it is a probability. NaN where nobody can tell: no
    judgement, a list that is too short, a gallery of unknown size or one in which luck alone would do.
    """
    found = np.full(judged.num_rows, np.nan)
    asked = np.zeros(judged.num_rows, bool)
    for k in sorted(CUTOFFS, reverse=True):
        recall, chance = (
            np.asarray(pc.cast(judged[f"{name}_at_{k}"], pa.float64()).to_numpy(zero_copy_only=False), np.float64)
            for name in ("recall", "chance")
        )
        fair = ~asked & (chance <= LUCK)
        found[fair] = recall[fair]
        asked |= fair
    return found
