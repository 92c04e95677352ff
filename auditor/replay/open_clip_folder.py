"""A model's folder as open_clip writes it, and where the parts lie that it names without holding them.

`open_clip_config.json` may name its text tower and tokenizer as a Hugging Face repository (BiomedCLIP does).
Nothing is ever downloaded: the name is a folder beside the config, or elsewhere on this machine, or in the cache.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from auditor.intake.images import file_sha256
from auditor.replay.checkpoint import Checkpoint, sha256_over
from auditor.replay.protocol import ReplayError

CONFIG: Final = "open_clip_config.json"
#: open_clip takes these before any other file, so none that may run code is opened.
_WEIGHTS: Final = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
_TEXT_CONFIG: Final = "config.json"
_TOKENIZER_CONFIG: Final = "tokenizer_config.json"


@dataclass(frozen=True)
class OpenClipFolder:
    """`text` is the folder that describes a text tower of transformers, `tokenizer` that of its tokenizer; null
    where the model has open_clip's own. Weights, and the settings of everything else, lie in `path` itself.
    """

    path: Path
    text_settings: dict[str, Any]
    text: Path | None
    tokenizer: Path | None

    @classmethod
    def at(cls, path: Path) -> "OpenClipFolder":
        """Read the folder. Raises ReplayError where something is missing or would have to be downloaded."""
        Checkpoint.at(path, CONFIG)
        if not any((path / name).is_file() for name in _WEIGHTS):
            raise ReplayError(f"The model in {path} has no weights named {_WEIGHTS[0]}; rename or convert them.")
        text, vision = _towers(path / CONFIG)
        if ":" in str(vision.get("timm_model_name") or ""):
            raise ReplayError(f"{path / CONFIG} names an image tower by an address; open_clip would download it.")
        tower, tokenizer = str(text.get("hf_model_name") or ""), str(text.get("hf_tokenizer_name") or "")
        return cls(
            path,
            text,
            _part(path, tower, _TEXT_CONFIG, "its text tower") if tower else None,
            _part(path, tokenizer, _TOKENIZER_CONFIG, "its tokenizer") if tokenizer else None,
        )

    @property
    def checkpoint(self) -> Checkpoint:
        """Its files, and those of the parts that lie elsewhere."""
        whole = Checkpoint.at(self.path, CONFIG)
        sums = {"": whole.files}
        if self.text is not None:
            sums["text"] = file_sha256(self.text / _TEXT_CONFIG)
        if self.tokenizer is not None and self.tokenizer != self.path:
            files = sorted(file for file in self.tokenizer.iterdir() if file.is_file())
            sums |= {f"tokenizer/{file.name}": file_sha256(file) for file in files}
        return replace(whole, files=sha256_over(sums))


def _towers(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of the text tower and of the image tower."""
    try:
        model = json.loads(file.read_bytes())["model_cfg"]
        return dict(model["text_cfg"]), dict(model["vision_cfg"])
    except (ValueError, KeyError, TypeError):
        raise ReplayError(
            f"{file} is not as open_clip writes it: no model_cfg with text_cfg and vision_cfg."
        ) from None


def _part(folder: Path, name: str, file: str, what: str) -> Path:
    """The folder that holds a part: for a tokenizer the checkpoint itself, where it is saved there."""
    for place in (folder, folder / name) if file == _TOKENIZER_CONFIG else (folder / name,):
        if _is_there(place / file):
            return place
    if cached := _cached(name, file):
        return cached
    raise ReplayError(
        f"The model in {folder} names {what} {name!r}, which is not on this machine, and nothing is downloaded: "
        f"put the {file} of {name}, and with it the other files of a tokenizer, into {folder / name}."
    )


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # no name of a file
        return False


def _cached(name: str, file: str) -> Path | None:
    """The folder of a file in the local Hugging Face cache."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    try:
        found = try_to_load_from_cache(name, file)
    except ValueError:  # no name of a repository
        return None
    return Path(found).parent if isinstance(found, str) else None
