"""The judge of rankings: what a list tells, what it does not, and what is no list."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.judges import BadPairError, for_task
from auditor.judges.retrieval import RetrievalJudge
from auditor.rankings import MAX_CANDIDATES
from monitors.judged import CUTOFFS, GRID, RETRIEVAL

JUDGE = RetrievalJudge()
LONG = [f"c{i}" for i in range(1, 21)]


def judged(ranking: Any, *matches: str, **more: Any) -> dict[str, Any]:
    return JUDGE.one({"id": 1, "ranking": ranking, "matches": list(matches), **more})


def recalls(result: dict[str, Any]) -> list[float | None]:
    return [result[f"recall_at_{k}"] for k in CUTOFFS]


def test_the_rank_of_the_first_of_several_matches_counts() -> None:
    result = judged(LONG, "c12", "c3", "not listed")
    assert (result["status"], result["rank"], recalls(result)) == ("judged", 3.0, [0.0, 1.0, 1.0])
    assert result["reciprocal_rank"] == result["reciprocal_rank_high"] == round(GRID / 3) / GRID
    assert result["listed"] == 20
    assert [result[f"chance_at_{k}"] for k in CUTOFFS] == [None] * 3  # the gallery is unknown


def test_tied_scores_share_their_places() -> None:
    tied = [{"id": name, "score": score} for name, score in zip("abcdefghij", [0.9] * 4 + [0.1] * 6, strict=True)]
    first = judged(tied, "c")
    assert recalls(first) == [0.25, 1.0, 1.0]
    assert first["rank"] == 2.5
    assert first["reciprocal_rank"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4, abs=1 / GRID)
    assert recalls(judged(tied, "j")) == [0.0, round(GRID / 6) / GRID, 1.0]
    distances = [{"id": one["id"], "score": -one["score"]} for one in tied]  # type: ignore[operator]
    assert judged(distances, "c") == first


def test_a_list_tells_as_far_as_it_reaches_and_no_further() -> None:
    """A hit of a short list is as unknown at a larger k as a miss: else only the misses would drop out."""
    hit, miss = judged(LONG[:3], "c2", gallery=500), judged(LONG[:3], "c9", gallery=500)
    assert recalls(hit) == recalls(miss) == [0.0, None, None]
    assert (hit["reciprocal_rank"], hit["reciprocal_rank_high"]) == (0.5, 0.5)
    assert (miss["rank"], miss["reciprocal_rank"], miss["reciprocal_rank_high"]) == (None, 0.0, 0.25)
    assert [miss[f"chance_at_{k}"] for k in CUTOFFS] == [round(GRID / 500) / GRID, None, None]


def test_a_list_of_the_whole_gallery_tells_everything() -> None:
    hit, miss = judged(LONG[:3], "c2", gallery=3), judged(LONG[:3], "c9", gallery=3)
    assert recalls(hit) == [0.0, 1.0, 1.0]
    assert recalls(miss) == [0.0, 0.0, 0.0]
    assert (miss["reciprocal_rank"], miss["reciprocal_rank_high"]) == (0.0, 0.0)
    assert hit["chance_at_5"] == 1.0


def test_an_empty_list_is_a_search_that_found_nothing() -> None:
    result = judged([], "c1", gallery=500)
    assert (result["status"], result["listed"], recalls(result)) == ("judged", 0, [None] * 3)
    assert (result["reciprocal_rank"], result["reciprocal_rank_high"]) == (0.0, 1.0)


def test_the_query_is_no_candidate_of_its_own_search_unless_it_is_right() -> None:
    with_itself = judged(["me", *LONG[:10]], "c1", query="me", gallery=101)
    assert with_itself == judged(LONG[:10], "c1", query="me", gallery=100)
    assert judged(["c9", "me"], "me", query="me")["rank"] == 2.0
    assert judged(["me"], "c1", query="me", gallery=1)["listed"] == 0  # nothing else to find: no chance either


def test_what_is_missing_is_said() -> None:
    assert (judged(None, "c1")["status"], judged(LONG)["status"]) == ("unparseable", "awaiting")
    assert JUDGE.one({"id": 1, "ranking": LONG, "matches": None})["status"] == "awaiting"
    assert isinstance(for_task("retrieval"), RetrievalJudge)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ({"ranking": ["a", "b", "a"]}, "stands twice"),
        ({"ranking": "a b c"}, "'ranking' must be a list"),
        ({"ranking": [1, 2]}, "ids as texts"),
        ({"ranking": [{"name": "a"}]}, "ids as texts"),
        ({"ranking": [{"id": "a", "score": "high"}]}, "finite numbers"),
        ({"ranking": [{"id": "a", "score": float("nan")}]}, "finite numbers"),
        ({"ranking": [{"id": "a", "score": True}]}, "finite numbers"),
        ({"ranking": [{"id": "a", "score": 1}, "b"]}, "some have none"),
        ({"ranking": [{"id": x, "score": s} for x, s in (("a", 1), ("b", 3), ("c", 2))]}, "best first"),
        ({"ranking": ["a", "b"], "gallery": 1}, "smaller than the ranking"),
        ({"ranking": ["a"], "gallery": -1}, "'gallery' must be"),
        ({"ranking": ["a"], "gallery": "many"}, "'gallery' must be"),
        ({"ranking": [str(i) for i in range(100_000)]}, "at most 10,000 candidates"),
        ({"ranking": ["a"], "matches": "a"}, "'matches' must be a list"),
        ({"ranking": ["a"], "query": 7}, "'query' must be text"),
    ],
)
def test_wrong_values_give_one_sentence(pair: dict[str, Any], said: str) -> None:
    with pytest.raises(BadPairError, match=said) as error:
        JUDGE.one({"id": 1, "matches": ["a"], **pair})
    assert "\n" not in str(error.value)


def test_the_longest_list_is_judged() -> None:
    ids = [str(i) for i in range(MAX_CANDIDATES)]
    assert judged(ids, ids[-1], gallery=10**9)["rank"] == MAX_CANDIDATES
    tied = [{"id": one, "score": 0.5} for one in ids]
    assert judged(tied, ids[0])["recall_at_10"] == round(GRID / 1_000) / GRID


@given(
    st.lists(st.sampled_from(LONG), unique=True, max_size=20),
    st.sets(st.sampled_from(LONG), min_size=1),
    st.none() | st.integers(20, 1_000),
    st.sampled_from([None, "c1", "elsewhere"]),
)
def test_every_number_is_on_the_grid_and_between_its_bounds(
    ranking: list[str], matches: set[str], gallery: int | None, query: str | None
) -> None:
    result = judged(ranking, *matches, gallery=gallery, query=query)
    numbers = [result[field.name] for field in RETRIEVAL]
    for one in numbers:
        assert one is None or float(one * GRID).is_integer()
    assert 0 <= result["reciprocal_rank"] <= result["reciprocal_rank_high"] <= 1
    known = [one for one in recalls(result) if one is not None]
    assert known == sorted(known) and len(known) == sum(
        result["listed"] >= k or (gallery is not None and gallery - (query in ranking) <= result["listed"])
        for k in CUTOFFS
    )
