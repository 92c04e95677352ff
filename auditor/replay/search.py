"""Search by models that compare images with texts (CLIP, SigLIP, open_clip): the gallery by cosine similarity.

Texts that are the same word for word, and the same images, are read once: their scores are then equal to the last
digit, and the judge sees the tie that they are. Each is read alone, so that no score hangs on its neighbours, and
scores are rounded to six decimals, since the digits behind are noise of the arithmetic.
"""

import hashlib
import json
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from auditor.intake.rendering import RENDERING, PictureError, render
from auditor.model_settings import ContrastiveModel
from auditor.rankings import IMAGE_TO_IMAGE, IMAGE_TO_TEXT, TEXT_TO_IMAGE
from auditor.replay.checkpoint import library_versions, torch_or_advice
from auditor.replay.gallery import Entry, Gallery
from auditor.replay.protocol import Answer, Prompt
from auditor.replay.shown import shown
from auditor.replay.towers import Towers, checkpoint_of, load, unit

#: Candidates of an answer; the gallery is larger.
TOP: Final = 100
_VERSION: Final = "search-1"
_DECIMALS: Final = 6

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class _Side:
    """The entries that can be found by text, or by images: `contents[place[i]]` is the vector of entry i."""

    entries: Sequence[Entry]
    contents: Vectors
    place: NDArray[np.int64]


class ContrastiveSearch:
    """Answers every search with the first hundred of the gallery."""

    def __init__(self, setting: ContrastiveModel, gallery: Gallery, folder: Path) -> None:
        self._setting, self._gallery, self._folder = setting, gallery, folder
        checkpoint = checkpoint_of(setting)
        said = [_VERSION, setting.family, checkpoint.files, gallery.digest, TOP, RENDERING]
        self.fingerprint = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
        self.facts = {"family": setting.family, "weights": checkpoint.weights, **library_versions(setting.family)}

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """One answer a prompt, in order; nothing is loaded before the first is asked for.

        Raises ReplayError where the checkpoint cannot be loaded.
        """
        towers: Towers | None = None
        sides: dict[str, _Side] = {}
        for prompt in prompts:
            towers = towers or load(self._setting)
            with torch_or_advice().inference_mode():
                wanted = "texts" if _direction(prompt) == IMAGE_TO_TEXT else "images"
                if wanted not in sides:
                    sides[wanted] = self._texts(towers) if wanted == "texts" else self._images(towers)
                start = time.monotonic()
                found = self._one(towers, prompt, sides[wanted])
            yield Answer(prompt, latency_ms=1000.0 * (time.monotonic() - start), **found)

    def _one(self, towers: Towers, prompt: Prompt, side: _Side) -> dict[str, Any]:
        """The ranking and the size of the gallery, or the error in their place."""
        direction = _direction(prompt)
        try:
            if direction == TEXT_TO_IMAGE:
                query = _text(towers, prompt.text)
            elif prompt.pictures:
                query = self._case(towers, shown(prompt, self._folder))
            else:
                return {"error": "the case has no image"}
        except PictureError as error:
            return {"error": str(error)}
        return _ranked(query, side, prompt if direction == IMAGE_TO_IMAGE else None)

    def _case(self, towers: Towers, images: list[Any]) -> Vectors:
        """The unit mean of a case's images."""
        return _plain(unit(towers.images(images).mean(dim=0)))

    def _texts(self, towers: Towers) -> _Side:
        entries = [one for one in self._gallery.entries if one.text]
        return _side(entries, [one.text for one in entries], lambda one: _text(towers, one.text or ""))

    def _images(self, towers: Towers) -> _Side:
        """Those whose images can all be shown."""
        entries = [one for one in self._gallery.entries if one.pictures]
        names = [tuple(p.sha256 or p.uri for p in one.pictures) for one in entries]
        return _side(entries, names, lambda one: self._case(towers, self._shown(one)))

    def _shown(self, entry: Entry) -> list[Any]:
        """The images of an entry; raises PictureError where one cannot be shown."""
        return [render(one, self._folder) for one in entry.pictures]


def _side(entries: Sequence[Entry], names: Sequence[Hashable], read: Callable[[Entry], Vectors]) -> _Side:
    """Entries of one name have one content, which is read once; entries that cannot be read are left out."""
    places: dict[Hashable, int | None] = {}
    contents: list[Vectors] = []
    kept, place = [], []
    for entry, name in zip(entries, names, strict=True):
        if name not in places:
            try:
                contents.append(read(entry))
                places[name] = len(contents) - 1
            except PictureError:
                places[name] = None
        at = places[name]
        if at is not None:
            kept.append(entry)
            place.append(at)
    return _Side(kept, np.array(contents), np.array(place, np.int64))


def _ranked(query: Vectors, side: _Side, own: Prompt | None) -> dict[str, Any]:
    """The nearest entries, ties in the order of their ids; without the cases of the patient who is asked about.

    `own` is None where what is searched for is a text's image or an image's text: then its own case is the match.
    """
    if not side.entries:
        return {"error": "nothing in the gallery can be searched"}
    scores = np.round(side.contents @ query, _DECIMALS)[side.place]
    allowed = np.flatnonzero([own is None or not _same_patient(own, one) for one in side.entries])
    if not len(allowed):
        return {"error": "nothing in the gallery can be searched"}
    ids = np.array([one.case_id for one in side.entries])
    order = allowed[np.lexsort((ids[allowed], -scores[allowed]))][:TOP]
    ranking = tuple((str(ids[i]), float(scores[i])) for i in order)
    return {"ranking": ranking, "gallery": len(allowed)}


def _direction(prompt: Prompt) -> str:
    return prompt.item or IMAGE_TO_TEXT


def _same_patient(prompt: Prompt, entry: Entry) -> bool:
    known = prompt.patient_key is not None and prompt.patient_key == entry.patient_key
    return known or prompt.case_id == entry.case_id


def _text(towers: Towers, text: str) -> Vectors:
    return _plain(towers.texts([text])[0])


def _plain(vector: Any) -> Vectors:
    made: Vectors = vector.double().cpu().numpy()
    return made
