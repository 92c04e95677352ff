"""What became of drafts: an independent edit distance, and only where the draft was seen."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.audit.editing import _share
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, Site, row

_WORDS = st.lists(st.sampled_from(["no", "left", "effusion", "lungs", "clear."]), max_size=8).map(" ".join)


def by_table(draft: list[str], final: list[str]) -> float:
    """The textbook recursion over the longer of both."""
    before = list(range(len(final) + 1))
    for i, a in enumerate(draft, 1):
        now = [i]
        for j, b in enumerate(final, 1):
            now.append(min(before[j] + 1, now[j - 1] + 1, before[j - 1] + (a != b)))
        before = now
    return before[-1] / max(len(draft), len(final), 1)


@given(_WORDS, _WORDS)
def test_the_share_is_that_of_the_textbook(draft: str, final: str) -> None:
    assert _share(draft, final) == pytest.approx(by_table(draft.split(), final.split()))
    assert _share(draft.upper(), draft) == 0


def test_only_drafts_that_were_seen_have_a_final_text(site: Site) -> None:
    texts = ["No pleural effusion. Lungs are clear.", "Small left effusion. Lungs are clear."]
    about: dict[str, Any] = {"task": "report", "version": "4", "produced_at": "2026-02-20T10:00:00Z"}
    ids = range(60)
    site.hand_in("cases", [{"case_id": f"E-{i}", "patient_id": f"E-{i}"} for i in ids], LATER)
    seen = {i: ("yes", "no", "unknown")[i % 3] for i in ids}
    site.hand_in(
        "references",
        [small.report_reference(i, case_id=f"E-{i}", draft_seen=seen[i], text=texts[i // 3 % 2]) for i in ids],
        LATER,
    )
    site.hand_in(
        "outputs",
        [about | {"case_id": f"E-{i}", "output_id": f"E-{i}", "text": texts[0]} for i in ids],
        LATER,
    )
    dossier = site.dossier(site.audit(LATER).audit)
    accepted, changed = (row(dossier, name, "4") for name in ("acceptance", "edit_distance"))
    assert (accepted.n, accepted.events) == (20, sum(i // 3 % 2 == 0 for i in ids if seen[i] == "yes"))
    share = by_table(texts[0].lower().split(), texts[1].lower().split())
    assert changed.value == pytest.approx(share / 2, abs=1e-6)
    assert row(dossier, "acceptance", "2").n == 0  # of all others nobody knows whether the draft was seen
