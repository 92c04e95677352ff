"""What a live model searches in, and what it is asked to find: every case with a reference of the task retrieval.

The `item` of a reference says in which direction it is searched; without one, from image to text. Its `text` is
the one that belongs to the images of its case. A candidate has the id of its case, whether it is a text or images.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from auditor.rankings import IMAGE_TO_IMAGE, IMAGE_TO_TEXT, TEXT_TO_IMAGE
from auditor.replay.protocol import Picture, ReplayError
from auditor.replay.rows import rows_of
from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger

#: What is asked with images; a text is asked as it is.
_ASKED: Final = {
    IMAGE_TO_TEXT: "Which text belongs to these images?",
    IMAGE_TO_IMAGE: "Which cases have images like these?",
}


@dataclass(frozen=True)
class Entry:
    """A case that can be found: by its text, its images, or both."""

    case_id: str
    patient_key: str | None
    text: str | None
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Gallery:
    """All that can be found, by case id."""

    entries: tuple[Entry, ...] = ()

    @property
    def digest(self) -> str:
        """Names the contents: an answer hangs on all of them, so another gallery is another question."""
        said = [
            [one.case_id, one.patient_key, one.text, [p.sha256 or p.uri for p in one.pictures]]
            for one in self.entries
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def gallery_of(settings: AuditSettings, ledger: Ledger, lake: Lake) -> Gallery:
    """The gallery as it stands. Raises ReplayError where no reference makes one."""
    cases = {row["case_id"]: row for row in rows_of("cases", settings, ledger, lake)}
    texts: dict[str, str | None] = {}
    for row in _references(settings, ledger, lake).values():
        texts[row["case_id"]] = row["text"] or texts.get(row["case_id"])
    entries = []
    for case_id in sorted(texts):
        case = cases.get(case_id, {})
        pictures = tuple(Picture(image["uri"], image["sha256"]) for image in case.get("images") or ())
        entries.append(Entry(case_id, case.get("patient_key"), texts[case_id], pictures))
    if not entries:
        raise ReplayError("There is nothing to search in: hand in references of the task retrieval.")
    return Gallery(tuple(entries))


def searches(settings: AuditSettings, ledger: Ledger, lake: Lake) -> Iterator[dict[str, Any]]:
    """One search a reference, as a row that a prompt is made of; none where there is nothing to search with."""
    cases = {row["case_id"]: row for row in rows_of("cases", settings, ledger, lake)}
    for (case_id, item), reference in _references(settings, ledger, lake).items():
        case = cases.get(case_id) or {"case_id": case_id, "patient_key": None, "images": None}
        if item == TEXT_TO_IMAGE:
            if reference["text"]:
                yield {**case, "item": reference["item"], "prompt": reference["text"], "images": []}
        elif case["images"]:
            yield {**case, "item": reference["item"], "prompt": _ASKED[item]}


def _references(settings: AuditSettings, ledger: Ledger, lake: Lake) -> dict[tuple[str, str], dict[str, Any]]:
    """The newest reference of each case and direction."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows_of("references", settings, ledger, lake):
        if row["task"] != "retrieval":
            continue
        item = row["item"] or IMAGE_TO_TEXT
        if item not in (*_ASKED, TEXT_TO_IMAGE):
            names = f"{IMAGE_TO_TEXT!r}, {TEXT_TO_IMAGE!r} or {IMAGE_TO_IMAGE!r}"
            raise ReplayError(f"The item of a retrieval reference names no direction of search; write {names}.")
        found.pop((row["case_id"], item), None)  # it stands where the newest arrived: so the newest text counts
        found[row["case_id"], item] = row
    return found
