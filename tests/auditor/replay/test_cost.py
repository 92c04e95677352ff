"""What asking costs: said before and on the way, from what is known and nothing else."""

from pathlib import Path

import pyarrow as pa
import pytest

from auditor.replay.again import Asked, ask_again, expected
from auditor.replay.cost import Earlier, Underway, earlier_cost
from auditor.store.schemas import OUTPUTS
from tests.auditor.judges.chat_server import running
from tests.auditor.replay.test_replay import AT, CASES, Place, say_grey


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert Earlier().for_questions(100) == ""
    assert "tokens" not in Earlier(3, 6.0).for_questions(100)
    assert (
        Earlier(counted=4, tokens=50).for_questions(8) == ", about 100 tokens by the 4 answers that it gave before"
    )
    assert "tokens" not in str(Underway(1, 2, 0, 1.0))


def test_what_was_answered_says_what_the_rest_costs(tmp_path: Path) -> None:
    """Half is asked first; the server counts ten tokens an answer."""
    with running(say_grey) as server:
        place = Place(tmp_path, server)
        all_of_them, half = Asked(images=tmp_path), Asked(sample=CASES // 2, images=tmp_path)
        said = expected(place.workspace, place.settings, all_of_them)
        assert said == f"{CASES} questions and 0 probes for version v2; nothing was asked."
        ask_again(place.workspace, place.settings, half, lambda: AT, "test")
        told: list[str] = []
        on_the_way: list[Underway] = []
        ask_again(place.workspace, place.settings, all_of_them, lambda: AT, "test", on_the_way.append, told.append)
    (before,) = told
    assert before.startswith(
        f"{CASES} questions and 0 probes for version v2, {CASES // 2} of them answered before"
    )
    assert f"{10 * CASES // 2:,} tokens by the {CASES // 2} answers" in before
    assert [one.asked for one in on_the_way] == list(range(1, CASES // 2 + 1))
    assert on_the_way[5].tokens == 60 and f"60 of about {10 * CASES // 2} tokens" in str(on_the_way[5])
    earlier = earlier_cost(place.ledger, place.lake, place.settings)
    assert (earlier.counted, earlier.tokens, earlier.timed) == (CASES, 10 * CASES, CASES)
    assert earlier.seconds == pytest.approx(sum(place_latencies(place)) / 1000.0)


def place_latencies(place: Place) -> list[float]:
    from auditor.store.segments import segments_of

    segments = [one.sha256 for one in segments_of(place.ledger, "drafts", "outputs")]
    table: pa.Table = place.lake.read_many(segments, schema=OUTPUTS)
    return [value for value in table["latency_ms"].to_pylist() if value is not None]
