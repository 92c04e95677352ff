"""Sentence embeddings from a model on this machine, for open answers that no claim and no word can compare.

Needs the extra ``models`` (torch, transformers). The model is a folder; nothing is ever fetched.
"""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.judges.pairs import BadPairError

if TYPE_CHECKING:
    from auditor.model_settings import EmbeddingSetting

_PIECE = 1 << 20


class Embeddings:
    """Whether two short answers mean much the same: cosine of their mean-pooled last hidden states.

    `digest` names the model by the bytes of its files, and the bound: another model is another judge.

    Raises BadPairError where the folder is not there or the extra is not installed.
    """

    def __init__(self, setting: "EmbeddingSetting") -> None:
        self._setting = setting
        folder = Path(setting.model)
        files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
        if not files:
            raise BadPairError("The folder of the embedding model is not there or is empty; name another one.")
        state = hashlib.sha256(repr(setting.least_similarity).encode())
        for path in files:
            state.update(path.relative_to(folder).as_posix().encode())
            with path.open("rb") as file:
                while piece := file.read(_PIECE):
                    state.update(piece)
        self.digest = state.hexdigest()[:32]

    def __reduce__(self) -> tuple[type["Embeddings"], tuple["EmbeddingSetting"]]:
        return Embeddings, (self._setting,)

    def alike(self, first: str, second: str) -> bool:
        """Whether the cosine of two texts reaches the least similarity of the setting."""
        return self.similarity(first, second) >= self._setting.least_similarity

    def similarity(self, first: str, second: str) -> float:
        """Cosine in [−1, 1] of the mean of the token vectors of each text."""
        tokenizer, model = self._loaded
        import torch

        with torch.inference_mode():
            tokens = tokenizer([first, second], padding=True, truncation=True, return_tensors="pt")
            hidden = model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
            return float(torch.nn.functional.cosine_similarity(mean[0], mean[1], dim=0))

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        try:
            import torch  # noqa: F401 - transformers imports without it, and fails later and less clearly
            from transformers import AutoModel, AutoTokenizer
        except ImportError:
            raise BadPairError(
                "Embeddings need torch and transformers: pip install 'lvlm-auditor[models]'."
            ) from None
        folder = str(self._setting.model)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True)
        return tokenizer, model.eval()
