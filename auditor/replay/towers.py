"""The two towers of a model that compares images with texts, through transformers: CLIP and SigLIP."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from auditor.model_settings import ContrastiveModel
from auditor.replay.checkpoint import Checkpoint, cannot_load, device_of, loading_errors, torch_or_advice
from auditor.replay.protocol import ReplayError

#: Longest text in tokens that both families take; what is longer is cut.
_LONGEST: Final = 64


class Towers(Protocol):
    """`texts` and `images` give unit vectors of one space, of shape (how many, width).

    Of an image and a text, `scale` times their product is the logit that CLIP puts into a softmax over texts. A
    model with a `bias`, as SigLIP has, puts the sum of both into a sigmoid.
    """

    scale: Any
    bias: Any | None

    def texts(self, lines: Sequence[str]) -> Any: ...

    def images(self, images: Sequence[Any]) -> Any: ...


def checkpoint_of(setting: ContrastiveModel) -> Checkpoint:
    """The folder of the model, by the files that its library reads. Raises ReplayError where one is missing."""
    if setting.family == "open_clip":
        from auditor.replay.open_clip_folder import OpenClipFolder

        return OpenClipFolder.at(setting.path).checkpoint
    return Checkpoint.at(setting.path)


def load(setting: ContrastiveModel) -> Towers:
    """Load the model. Raises ReplayError where the folder holds no such model, or its libraries are missing."""
    if setting.family == "open_clip":
        from auditor.replay.open_clip_towers import OpenClipTowers

        return OpenClipTowers(setting)
    return TransformersTowers(setting)


def unit(vectors: Any) -> Any:
    """Each vector over its length."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)


class TransformersTowers:
    """CLIP and SigLIP, from a folder as `save_pretrained` writes it."""

    def __init__(self, setting: ContrastiveModel) -> None:
        """Raises ReplayError where the folder holds no such model, or one of the other family."""
        torch = torch_or_advice()
        from transformers import AutoModel, AutoProcessor

        self._family, self._device = setting.family, device_of(torch, setting.device)
        try:
            model = AutoModel.from_pretrained(setting.path, local_files_only=True, use_safetensors=True)
            self._processor = AutoProcessor.from_pretrained(setting.path, local_files_only=True)
        except loading_errors() as error:
            raise cannot_load(setting.path, error) from None
        if not hasattr(model, "get_image_features") or not hasattr(model, "logit_scale"):
            raise ReplayError(f"The model in {setting.path} does not compare images with texts.")
        if (setting.family == "siglip") != hasattr(model, "logit_bias"):
            raise ReplayError(f"The model in {setting.path} is not of the family {setting.family}.")
        self._model = model.to(self._device).eval()
        self.scale, self.bias = model.logit_scale.detach().exp(), getattr(model, "logit_bias", None)

    def texts(self, lines: Sequence[str]) -> Any:
        # SigLIP was trained on texts filled up to one length; CLIP reads the same with or without
        padding = {"padding": "max_length"} if self._family == "siglip" else {"padding": True}
        read = self._processor(
            text=list(lines), return_tensors="pt", truncation=True, max_length=_LONGEST, **padding
        ).to(self._device)
        return unit(_vectors(self._model.get_text_features(**read)))

    def images(self, images: Sequence[Any]) -> Any:
        read = self._processor(images=list(images), return_tensors="pt").to(self._device)
        return unit(_vectors(self._model.get_image_features(**read)))


def _vectors(output: Any) -> Any:
    """The vectors of a features call, which is a tensor or an output that holds one, by version of the library."""
    return output if hasattr(output, "norm") else output.pooler_output
