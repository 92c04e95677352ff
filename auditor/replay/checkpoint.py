"""A model's folder: what is in it, by hash, and loading nothing that could run code."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from auditor.intake.images import file_sha256
from auditor.replay.protocol import ReplayError

#: Weights are read from safetensors alone: other formats may run code when they are opened.
_WEIGHTS: Final = ".safetensors"
INSTALL: Final = "This family needs torch and transformers: pip install 'lvlm-auditor[replay]'."


@dataclass(frozen=True)
class Checkpoint:
    """A folder with weights and configuration. `weights` and `files` are SHA-256 over names and contents."""

    path: Path
    weights: str
    files: str

    @classmethod
    def at(cls, path: Path, config: str = "config.json") -> "Checkpoint":
        """Read the folder. Raises ReplayError where its configuration is not there, or no safetensors."""
        if not (path / config).is_file():
            raise ReplayError(f"There is no model in {path}: it has no {config}. Check model.path in audit.yaml.")
        files = sorted(file for file in path.iterdir() if file.is_file())
        if not any(file.suffix == _WEIGHTS for file in files):
            raise ReplayError(
                f"The model in {path} has no .safetensors weights; convert them, others may run code."
            )
        sums = {file.name: file_sha256(file) for file in files}
        weights = {name: digest for name, digest in sums.items() if name.endswith(_WEIGHTS)}
        return cls(path, sha256_over(weights), sha256_over(sums))


def torch_or_advice() -> Any:
    """The torch module. Raises ReplayError with what to install."""
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError:
        raise ReplayError(INSTALL) from None
    return torch


def loading_errors() -> tuple[type[Exception], ...]:
    """What is raised while a folder is loaded that is no whole checkpoint."""
    from safetensors import SafetensorError

    return (OSError, ValueError, KeyError, SafetensorError)


def cannot_load(path: Path, error: Exception) -> ReplayError:
    """One sentence about such a folder."""
    return ReplayError(
        f"The model in {path} cannot be loaded ({type(error).__name__}); "
        "it must be a whole checkpoint with its processor, as save_pretrained writes both."
    )


def library_versions(family: str) -> dict[str, str]:
    """The versions of the libraries between weights and answers, as far as they are installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    more = ("open_clip_torch", "timm", "torchvision") if family == "open_clip" else ()
    for name in ("torch", "transformers", "tokenizers", "pillow", *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def device_of(torch: Any, wanted: str) -> str:
    """The device by name; `auto` takes a GPU where there is one. Raises ReplayError for one that is not here."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise ReplayError("model.device names a GPU and torch sees none on this machine; write cpu or auto.")
    return wanted


def sha256_over(sums: dict[str, str]) -> str:
    """One SHA-256 over names and the sums of their contents."""
    lines = "".join(f"{name}\0{digest}\n" for name, digest in sorted(sums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
