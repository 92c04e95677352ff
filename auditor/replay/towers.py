"""A loaded model of two towers (CLIP, SigLIP), and the unit vectors that it makes of texts and images."""

from collections.abc import Sequence
from typing import Any, Final

from auditor.model_settings import ContrastiveModel
from auditor.replay.checkpoint import cannot_load, device_of, loading_errors
from auditor.replay.protocol import ReplayError

#: Longest text in tokens that both families take; what is longer is cut.
_LONGEST: Final = 64


class Towers:
    """`texts` and `images` give unit vectors of one space, of shape (how many, width)."""

    def __init__(self, torch: Any, setting: ContrastiveModel) -> None:
        """Raises ReplayError where the folder holds no such model, or one of the other family."""
        from transformers import AutoModel, AutoProcessor

        self._torch, self._family = torch, setting.family
        self._device = device_of(torch, setting.device)
        try:
            model = AutoModel.from_pretrained(setting.path, local_files_only=True, use_safetensors=True)
            self._processor = AutoProcessor.from_pretrained(setting.path, local_files_only=True)
        except loading_errors() as error:
            raise cannot_load(setting.path, error) from None
        if not hasattr(model, "get_image_features") or not hasattr(model, "logit_scale"):
            raise ReplayError(f"The model in {setting.path} does not compare images with texts.")
        if (setting.family == "siglip") != hasattr(model, "logit_bias"):
            raise ReplayError(f"The model in {setting.path} is not of the family {setting.family}.")
        self.model = model.to(self._device).eval()

    def texts(self, lines: Sequence[str]) -> Any:
        # SigLIP was trained on texts filled up to one length; CLIP reads the same with or without
        padding = {"padding": "max_length"} if self._family == "siglip" else {"padding": True}
        read = self._processor(
            text=list(lines), return_tensors="pt", truncation=True, max_length=_LONGEST, **padding
        ).to(self._device)
        return self.unit(_vectors(self.model.get_text_features(**read)))

    def images(self, images: Sequence[Any]) -> Any:
        read = self._processor(images=list(images), return_tensors="pt").to(self._device)
        return self.unit(_vectors(self.model.get_image_features(**read)))

    def unit(self, vectors: Any) -> Any:
        """Each vector over its length."""
        return self._torch.nn.functional.normalize(vectors, dim=-1)


def _vectors(output: Any) -> Any:
    """The vectors of a features call, which is a tensor or an output that holds one, by version of the library."""
    return output if hasattr(output, "norm") else output.pooler_output
