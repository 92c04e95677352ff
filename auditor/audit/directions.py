"""Searches by direction: from images to texts, from texts to images, from images to images."""

from typing import Final

from auditor.rankings import DIRECTIONS
from monitors.tally import Tally
from monitors.threshold import SUPPRESS_BELOW

#: What a search is called whose output names no item.
UNNAMED: Final = "search"


def directions_of(tally: Tally, version: str) -> list[str]:
    """The items of a version's searches that are measured on their own; none where all go in one direction.

    Only directions: an item may also be the number of a query. Those of fewer than 11 patients are left out, and
    then the next smallest, until two are, of 11 patients together: else subtraction would give them away.
    """
    sizes = {
        item: tally.patients(tally.where(version=version, item=item))[0]
        for item in tally.values("item")
        if item in (*DIRECTIONS, UNNAMED) and tally.where(version=version, item=item).any()
    }
    if len(sizes) < 2:
        return []
    ascending = sorted(sizes, key=lambda item: (sizes[item], item))
    out = [item for item in ascending if sizes[item] < SUPPRESS_BELOW]
    while out and len(out) < len(ascending) and (len(out) < 2 or sum(sizes[o] for o in out) < SUPPRESS_BELOW):
        out.append(ascending[len(out)])
    return [item for item in sizes if item not in out]
