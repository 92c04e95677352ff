"""The two towers of a model of open_clip, such as BiomedCLIP: loaded, read and scaled as open_clip's users do."""

from collections.abc import Sequence
from typing import Any, Final

from auditor.model_settings import ContrastiveModel
from auditor.replay.checkpoint import device_of, loading_errors
from auditor.replay.open_clip_folder import OpenClipFolder
from auditor.replay.protocol import ReplayError

INSTALL: Final = "The family open_clip needs open_clip_torch: pip install 'lvlm-auditor[open-clip]'."
#: Set whatever the checkpoint's configuration says: none of its code runs, and nothing is downloaded.
_LOCAL: Final = {"trust_remote_code": False, "local_files_only": True}


class OpenClipTowers:
    """From a folder in open_clip's own format (`local-dir:`)."""

    def __init__(self, setting: ContrastiveModel) -> None:
        """Raises ReplayError where the folder holds no whole model, or open_clip is not installed."""
        folder = OpenClipFolder.at(setting.path)
        open_clip = _open_clip_or_advice()
        import torch

        self._torch, self._device = torch, device_of(torch, setting.device)
        broken: tuple[type[Exception], ...] = (*loading_errors(), AttributeError, RuntimeError, TypeError)
        try:
            model, self._preprocess = open_clip.create_model_from_pretrained(
                f"local-dir:{setting.path}", device=self._device, **_text_tower(folder)
            )
            self._tokenizer = _tokenizer(open_clip, folder)
        except broken as error:
            raise ReplayError(
                f"The model in {setting.path} cannot be loaded ({type(error).__name__}); it must be a whole "
                "checkpoint of open_clip: open_clip_config.json, open_clip_model.safetensors and its tokenizer."
            ) from None
        self._model = model.eval()
        self.scale, self.bias = model.logit_scale.detach().exp(), model.logit_bias

    def texts(self, lines: Sequence[str]) -> Any:
        """Texts are filled up, or cut, to the context length of the tokenizer."""
        return self._model.encode_text(self._tokenizer(list(lines)).to(self._device), normalize=True)

    def images(self, images: Sequence[Any]) -> Any:
        read = self._torch.stack([self._preprocess(image) for image in images])
        return self._model.encode_image(read.to(self._device), normalize=True)


def _open_clip_or_advice() -> Any:
    """The open_clip module. Raises ReplayError with what to install."""
    try:
        import open_clip
    except ImportError:
        raise ReplayError(INSTALL) from None
    except RuntimeError:  # operators of torchvision that its library did not register
        raise ReplayError(
            "open_clip cannot be loaded: torchvision was built for another torch; install both from one index."
        ) from None
    return open_clip


def _text_tower(folder: OpenClipFolder) -> dict[str, Any]:
    """Where a text tower of transformers lies, and that its weights are among the checkpoint's."""
    if folder.text is None:
        return {}
    from transformers import AutoConfig

    # open_clip would ask at the terminal whether to run its code
    AutoConfig.from_pretrained(folder.text, **_LOCAL)
    return {"text_cfg": folder.text_settings | {"hf_model_name": str(folder.text), "hf_model_pretrained": False}}


def _tokenizer(open_clip: Any, folder: OpenClipFolder) -> Any:
    """As `open_clip.get_tokenizer` makes it, which looks for one of transformers in the checkpoint alone."""
    if folder.tokenizer is None:
        return open_clip.get_tokenizer(f"local-dir:{folder.path}")
    text = folder.text_settings
    return open_clip.tokenizer.HFTokenizer(
        str(folder.tokenizer),
        context_length=text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH),
        tokenizer_mode=text.get("tokenizer_mode"),
        **(text.get("tokenizer_kwargs") or {}) | _LOCAL,
    )
