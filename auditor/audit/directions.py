"""Searches by direction: from images to texts, from texts to images, from images to images."""

from typing import Final

from auditor.rankings import DIRECTIONS
from monitors.measurement import Slice
from monitors.tally import Tally
from monitors.threshold import hidden_slices

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
    hidden = hidden_slices({_name(item): patients for item, patients in sizes.items()})
    return [item for item in sizes if _name(item) not in hidden]


def _name(item: str) -> str:
    return str(Slice((("direction", item),)))
