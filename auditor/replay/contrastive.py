"""Models that compare images with texts (CLIP, SigLIP, open_clip): zero-shot scores by ensembles of prompts.

CLIP has no scale of its own for one text, so presence is the softmax of a text of presence and one of absence
(Tiu et al. 2022, CheXzero). SigLIP was trained on single pairs: its sigmoid of the text of presence is the score.
A model of open_clip is one or the other by whether it has the bias of such a sigmoid.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from auditor.intake.rendering import RENDERING, PictureError
from auditor.model_settings import ContrastiveModel
from auditor.replay.checkpoint import library_versions, torch_or_advice
from auditor.replay.embedding import Embedding, vector
from auditor.replay.protocol import Answer, Prompt, ReplayError
from auditor.replay.shown import shown
from auditor.replay.towers import Towers, checkpoint_of, load, unit


class Contrastive:
    """Scores every finding on every image set; several images of a case are averaged as vectors."""

    def __init__(self, setting: ContrastiveModel, findings: Sequence[str], folder: Path) -> None:
        if not findings:
            raise ReplayError(
                "A contrastive model needs tasks.classification.findings: name what it shall look for."
            )
        self._setting, self._findings, self._folder = setting, tuple(findings), folder
        checkpoint = checkpoint_of(setting)
        said = [setting.family, checkpoint.files, setting.present, setting.absent, list(findings), RENDERING]
        self.fingerprint = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
        self.facts = {"family": setting.family, "weights": checkpoint.weights, **library_versions(setting.family)}

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """One answer a prompt, in order. Raises ReplayError where the checkpoint cannot be loaded."""
        towers = load(self._setting)
        torch = torch_or_advice()
        with torch.inference_mode():
            present = self._texts(towers, self._setting.present)
            absent = self._texts(towers, self._setting.absent)
            source = iter(prompts)
            while block := list(islice(source, self._setting.batch)):
                yield from self._block(torch, towers, block, present, absent)

    def _texts(self, towers: Towers, templates: Sequence[str]) -> Any:
        """Unit vectors (findings, width): the mean of the unit vectors of all templates."""
        lines = [t.replace("{finding}", _plain(f)) for f in self._findings for t in templates]
        vectors = towers.texts(lines)
        return unit(vectors.reshape(len(self._findings), len(templates), -1).mean(dim=1))

    def _block(
        self,
        torch: Any,
        towers: Towers,
        block: Sequence[Prompt],
        present: Any,
        absent: Any,
    ) -> Iterator[Answer]:
        start = time.monotonic()
        images, owners = [], []
        failed: dict[str, str] = {}
        for i, prompt in enumerate(block):
            try:
                found = shown(prompt, self._folder)
            except PictureError as error:
                failed[prompt.id] = str(error)
                continue
            images += found
            owners += [i] * len(found)
        scores: dict[int, dict[str, float]] = {}
        seen: dict[int, Embedding | None] = {}
        if images:
            vectors = towers.images(images)
            for i in sorted(set(owners)):
                mine = vectors[[k for k, owner in enumerate(owners) if owner == i]].mean(dim=0, keepdim=True)
                image = unit(mine)
                scores[i] = self._scores(torch, towers, image, present, absent)
                seen[i] = vector(image[0]) if block[i].probe is None else None
        share = 1000.0 * (time.monotonic() - start) / len(block)
        for i, prompt in enumerate(block):
            if i in scores:
                yield Answer(prompt, scores=scores[i], latency_ms=share, embedding=seen[i])
            else:
                yield Answer(prompt, error=failed.get(prompt.id, "the case has no image"))

    def _scores(self, torch: Any, towers: Towers, image: Any, present: Any, absent: Any) -> dict[str, float]:
        yes = (image @ present.T)[0] * towers.scale
        if towers.bias is not None:
            made = torch.sigmoid(yes + towers.bias)
        else:
            made = torch.softmax(torch.stack([yes, (image @ absent.T)[0] * towers.scale]), dim=0)[0]
        return dict(zip(self._findings, made.double().tolist(), strict=True))


def _plain(finding: str) -> str:
    """A finding's name as a radiologist writes it.

    >>> _plain("Pleural_Thickening")
    'pleural thickening'
    """
    return finding.replace("_", " ").lower()
