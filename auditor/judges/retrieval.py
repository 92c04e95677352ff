"""The judge of rankings: where the first true match stands, of the candidates that a search listed.

Recall at k is whether a true match is among the first k, as published benchmarks of retrieval count it, also where
several candidates are right. Among candidates of one score it is the probability of that under random order.

A list may be only the top of a ranking. Then recall at k is known for k up to its length, and only for these: a
match that stands at place 2 of 3 would be at most 5, but lists that end early would then be counted where they hit
and left out where they miss. A list of the whole gallery is known for every k. The reciprocal rank of a match that
is not listed lies between 0 and 1/(length + 1); `reciprocal_rank` takes 0, `reciprocal_rank_high` the other end.

The query is no candidate of its own search: where it is listed and no true match, it is taken out of the list and
of the gallery, as in leave-one-out evaluation. Where the reference names it (a report has the number of its study)
it stays.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditor import rankings
from auditor.judges.pairs import BadPairError, text
from auditor.judges.protocol import BLOCK
from monitors.judged import CUTOFFS, GRID
from monitors.ranks import by_chance, expected_rank, place_of, reciprocal_rank, within

VERSION: Final = "retrieval-1"


@dataclass(frozen=True, slots=True)
class Listed:
    """A ranking without its query: candidates best first, their scores, how many they were chosen from."""

    ids: Sequence[str]
    scores: Sequence[float | None]
    gallery: int | None  # null: unknown

    @property
    def whole(self) -> bool:
        """Whether the list holds the whole gallery, so that it says where everything stands."""
        return self.gallery is not None and self.gallery <= len(self.ids)

    def known_at(self, k: int) -> bool:
        """Whether the list says what is among the first k."""
        return self.whole or len(self.ids) >= k


class RetrievalJudge:
    """Holds rankings against their true matches."""

    name = "retrieval"
    block = BLOCK
    remote = False

    def __init__(self) -> None:
        self.digest = hashlib.sha256(VERSION.encode()).hexdigest()[:32]

    def judge(self, pairs: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """One result a pair, in order. A pair has `ranking` (ids, or objects with id and score, best first),
        `matches` (ids), and, where they are known, `gallery` (a number) and `query` (the id of the query itself).

        >>> pair = {"id": 1, "ranking": ["b", "a", "c"], "matches": ["a"], "gallery": 300}
        >>> result = next(RetrievalJudge().judge([pair])); result["rank"], result["reciprocal_rank"]
        (2.0, 0.5)
        >>> [result[f"recall_at_{k}"] for k in (1, 5)]
        [0.0, None]
        """
        for pair in pairs:
            yield self.one(pair)

    def one(self, pair: Mapping[str, Any]) -> dict[str, Any]:
        """The result of one pair. Raises BadPairError when a field has the wrong form."""
        matches, listed = _matches(pair), _listed(pair)
        result: dict[str, Any] = {
            "id": pair.get("id"),
            "status": "judged",
            "reason": None,
            "rank": None,
            **dict.fromkeys(f"{name}_at_{k}" for name in ("recall", "chance") for k in CUTOFFS),
            "reciprocal_rank": None,
            "reciprocal_rank_high": None,
            "listed": None,
            "judge": f"{self.name}:{self.digest}",
        }
        if listed is None:
            return result | {"status": "unparseable", "reason": "the output has no ranking"}
        if not matches:
            return result | {"status": "awaiting", "reason": "there is no reference with true matches yet"}
        return result | _measured(_without(listed, text(pair, "query"), matches), matches)


def _measured(listed: Listed, matches: frozenset[str]) -> dict[str, Any]:
    """What the list says of its true matches; every number lies on the grid of the tally."""
    place = place_of(listed.ids, listed.scores, matches)
    low = 0.0 if place is None else reciprocal_rank(place)
    beyond = 0.0 if listed.whole else 1 / (len(listed.ids) + 1)
    found: dict[str, Any] = {
        "rank": None if place is None else expected_rank(place),
        "reciprocal_rank": _on_grid(low),
        "reciprocal_rank_high": _on_grid(beyond if place is None else low),
        "listed": len(listed.ids),
    }
    for k in CUTOFFS:
        if listed.known_at(k):
            found[f"recall_at_{k}"] = 0.0 if place is None else _on_grid(within(place, k))
            if listed.gallery:
                found[f"chance_at_{k}"] = _on_grid(by_chance(listed.gallery, len(matches), k))
    return found


def _without(listed: Listed, query: str | None, matches: frozenset[str]) -> Listed:
    """The list without the query itself, unless it is a true match."""
    if query is None or query in matches or query not in listed.ids:
        return listed
    at = listed.ids.index(query)
    ids, scores = ([*some[:at], *some[at + 1 :]] for some in (listed.ids, listed.scores))
    return Listed(ids, scores, None if listed.gallery is None else listed.gallery - 1)


def _on_grid(value: float) -> float:
    return round(value * GRID) / GRID


def _matches(pair: Mapping[str, Any]) -> frozenset[str]:
    given = pair.get("matches")
    if given is None:
        return frozenset()
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise BadPairError("field 'matches' must be a list of ids as texts, or null")
    return frozenset(given)


def _listed(pair: Mapping[str, Any]) -> Listed | None:
    given, gallery = pair.get("ranking"), pair.get("gallery")
    if given is None:
        return None
    if not isinstance(given, list | tuple):
        raise BadPairError("field 'ranking' must be a list of candidates, best first, or null")
    if gallery is not None and (isinstance(gallery, bool) or not isinstance(gallery, int) or gallery < 0):
        raise BadPairError("field 'gallery' must be the number of candidates, or null")
    if len(given) > rankings.MAX_CANDIDATES:
        raise BadPairError(f"field 'ranking': {rankings.TOO_MANY}")
    entries = [one if isinstance(one, Mapping) else {"id": one} for one in given]
    ids, scores = [one.get("id") for one in entries], [_score(one.get("score")) for one in entries]
    if not all(isinstance(one, str) for one in ids):
        raise BadPairError("field 'ranking' must list ids as texts, or objects with id and score")
    if fault := rankings.fault_of(ids, scores, gallery):  # type: ignore[arg-type]
        raise BadPairError(f"field 'ranking': {fault}")
    return Listed(ids, scores, gallery)  # type: ignore[arg-type]


def _score(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadPairError("field 'ranking' must have finite numbers as scores, or none")
    return float(value)
