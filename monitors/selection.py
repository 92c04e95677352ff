"""A slice is a union of strata: which strata of a tally make a slice, and which make the rest."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitors.judged import MISSING
from monitors.measurement import Slice
from monitors.tally import Tally

Mask = NDArray[np.bool_]


def select(tally: Tally, where: Slice, *, version: str | None = None, item: str = "") -> Mask:
    """Mask over the strata of a slice. No `version` pools versions (only for bin edges and correlations)."""
    conditions = dict(where.where)
    if version is not None:
        conditions["version"] = version
    if item:
        conditions["item"] = item
    return tally.where(**conditions)


def select_rest(tally: Tally, where: Slice, *, version: str, item: str = "") -> Mask:
    """Everything outside a slice whose attributes are recorded: the unknown are not anybody's rest.

    The rest of the slice of the unknown themselves is everybody who is known.
    """
    everything = select(tally, Slice(), version=version, item=item)
    inside = select(tally, where, version=version, item=item)
    unknown = np.zeros(len(tally.levels), bool)
    for name, value in where.where:
        if value != MISSING:
            unknown |= tally.where(**{name: MISSING})
    return everything & ~inside & ~unknown


def slices_of(tally: Tally, attributes: Sequence[Sequence[str]], *, version: str) -> list[Slice]:
    """Everything first, then every level seen of each attribute, or combination of attributes, ascending."""
    chosen = [level for level, keep in zip(tally.levels, tally.where(version=version), strict=True) if keep]
    slices = [Slice()]
    for names in attributes:
        ordered = sorted(names)
        columns = [tally.strata.index(name) for name in ordered]
        seen = sorted({tuple(level[i] for i in columns) for level in chosen})
        slices += [Slice(tuple(zip(ordered, values, strict=True))) for values in seen]
    return slices
