"""Texts cut into pieces by the marks that lie over them."""

import time

from hypothesis import given
from hypothesis import strategies as st

from auditor.cases.marks import Mark, pieces


def test_a_draft_with_thousands_of_claims_is_marked_in_one_walk() -> None:
    """A report of a million characters must not hold a reader's page for minutes."""
    text = "effusion. " * 100_000
    marks = [Mark(10 * n, 10 * n + 8, "present", 0, "effusion") for n in range(100_000)]
    begun = time.process_time()
    found = pieces(text, marks, [(0, len(text))])
    assert time.process_time() - begun < 10
    assert "".join(one.text for one in found) == text
    assert sum(len(one.marks) for one in found) == len(marks)


SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8)


@given(SPANS, st.lists(st.integers(0, 30)))
def test_every_piece_has_the_marks_that_lie_over_it(spans: list[tuple[int, int]], seen: list[int]) -> None:
    text = "abcdefghijklmnopqrstuvwxyz"
    marks = [Mark(start, end, "error", number) for number, (start, end) in enumerate(spans)]
    cuts = sorted({min(place, len(text)) for place in seen})
    shown = list(zip(cuts[::2], cuts[1::2], strict=False))
    at = [place for first, last in shown for place in range(first, last)]
    told = [(letter, one.marks) for one in pieces(text, marks, shown) for letter in one.text]
    assert [letter for letter, _ in told] == [text[place] for place in at]
    for place, (_, over) in zip(at, told, strict=True):
        good = [one for one in marks if one.end <= len(text)]
        assert set(over) == {one for one in good if one.start <= place < one.end}
