"""An image file as a model sees it: eight bits, RGB, the radiograph's bright side up.

How a file becomes pixels changes what a model says, so `RENDERING` is part of every model's fingerprint.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from auditor.intake.images import file_sha256, local_path, unreadable

if TYPE_CHECKING:
    from PIL.Image import Image

#: Raised whenever a change here gives another pixel anywhere.
RENDERING: Final = "rendering-1: rescale, first VOI window or full range, MONOCHROME1 inverted, first frame, RGB"


class PictureError(ValueError):
    """Why a case's image cannot be shown to the model."""


class Picture(Protocol):
    """An image by its address and the hash that was recorded with it, where there was one."""

    @property
    def uri(self) -> str: ...
    @property
    def sha256(self) -> str | None: ...


def render(picture: Picture, folder: Path) -> "Image":
    """The image as RGB. Raises PictureError where it is not here, not the recorded one, or cannot be read."""
    path = local_path(picture.uri, folder)
    if path is None:
        raise PictureError("an image is not on this machine")
    if fault := unreadable(path):
        raise PictureError(f"an image cannot be shown: {fault}")
    if picture.sha256 is not None and file_sha256(path) != picture.sha256:
        raise PictureError("an image is not the one that was recorded: its sha256 differs")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures, whose limit was held above, and of odd headers
            return _of_dicom(path) if _is_dicom(path) else _of_picture(path)
    except Exception as error:  # noqa: BLE001 -- decoders of untrusted files raise anything
        raise PictureError(
            f"an image cannot be shown: {type(error).__name__} while its pixels were read"
        ) from None


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(128)
        return stream.read(4) == b"DICM"


def _of_picture(path: Path) -> "Image":
    from PIL import Image

    with Image.open(path) as opened:
        if opened.mode.startswith(("I", "F")):  # 16 bits a pixel: convert() would cut off at 255
            return _grey(np.asarray(opened, dtype=np.float64))
        return opened.convert("RGB")


def _of_dicom(path: Path) -> "Image":
    import pydicom
    from PIL import Image
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    data = pydicom.dcmread(path)
    pixels = _first_frame(data)
    if data.get("SamplesPerPixel", 1) == 3:
        return Image.fromarray(pixels.astype(np.uint8), "RGB")
    values = apply_voi_lut(apply_modality_lut(pixels, data), data, index=0)
    shown = np.asarray(values, dtype=np.float64)
    return _grey(-shown if data.get("PhotometricInterpretation") == "MONOCHROME1" else shown)


def _first_frame(data: Any) -> NDArray[Any]:
    frames = np.asarray(data.pixel_array)
    single = 2 if data.get("SamplesPerPixel", 1) == 1 else 3
    return frames if frames.ndim == single else frames[0]


def _grey(values: NDArray[np.float64]) -> "Image":
    """Values stretched over 0 to 255 and copied to three channels; an even image is black."""
    from PIL import Image

    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) * 255.0 if high > low else np.zeros_like(values)
    return Image.fromarray(np.rint(scaled).astype(np.uint8)).convert("RGB")
