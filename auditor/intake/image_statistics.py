"""What the pixels of an image say of how it was made, as attributes of its case.

All are of the image as a replayed model is shown it (`rendering.render`), in grey values from 0 (black) to 255
(white), so they change when the scanner, its processing or the window in the header does.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from auditor.intake.rendering import Picture, render

if TYPE_CHECKING:
    from PIL.Image import Image

NAMES: Final = ("image_mean", "image_contrast", "image_sharpness", "image_clipped", "image_megapixels")
#: What is known of images by their address and hash.
Known = dict[tuple[str, str | None], dict[str, float]]
#: Significant digits kept: decoders of lossy images differ in the last grey value.
_DIGITS: Final = 4
#: Rows of pixels taken at once.
_ROWS: Final = 512
_STEEPEST: Final = 4 * 255


def of_image(image: "Image") -> dict[str, float]:
    """The statistics of one image; those that it does not define are left out.

    - image_mean, image_contrast: mean and standard deviation of the grey values, 0 to 255;
    - image_sharpness: variance of the Laplacian (Pech-Pacheco et al. 2000) over that of the grey values, without
      unit: a window, which stretches both, leaves it as it is. An even image has none;
    - image_clipped: share of pixels that are wholly black or white, 0 to 1;
    - image_megapixels: size in millions of pixels.

    >>> from PIL import Image
    >>> of_image(Image.new("RGB", (200, 100), "black"))
    {'image_mean': 0.0, 'image_contrast': 0.0, 'image_clipped': 1.0, 'image_megapixels': 0.02}
    """
    grey = np.asarray(image.convert("L"))
    levels = _levels(grey)
    mean, variance = _moments(levels, 0)
    found = {"image_mean": mean, "image_contrast": math.sqrt(variance)}
    if variance > 0 and min(grey.shape) > 2:
        found["image_sharpness"] = _moments(_slopes(grey), -_STEEPEST)[1] / variance
    found["image_clipped"] = float(levels[0] + levels[255]) / grey.size
    found["image_megapixels"] = grey.size / 1e6
    return found


def of_case(images: Iterable[Picture], folder: Path, known: Known) -> dict[str, float]:
    """The statistics averaged over the images of a case; `known` remembers those of each image.

    Raises PictureError where one of them cannot be opened.
    """
    every = []
    for image in images:
        address = image.uri, image.sha256
        if address not in known:
            known[address] = of_image(render(image, folder))
        every.append(known[address])
    averages = {}
    for name in NAMES:
        values = [one[name] for one in every if name in one]
        if values:
            averages[name] = float(f"{math.fsum(values) / len(values):.{_DIGITS}g}")
    return averages


def _levels(grey: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many pixels have each grey value."""
    counts = np.zeros(256, np.int64)
    for start in range(0, len(grey), _ROWS):
        counts += np.bincount(grey[start : start + _ROWS].ravel(), minlength=256)
    return counts


def _slopes(grey: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many inner pixels have each value of the Laplacian of four neighbours, from −1,020 to 1,020."""
    counts = np.zeros(2 * _STEEPEST + 1, np.int64)
    for start in range(0, len(grey) - 2, _ROWS):
        part = grey[start : start + _ROWS + 2].astype(np.int16)
        beside = part[:-2, 1:-1] + part[2:, 1:-1] + part[1:-1, :-2] + part[1:-1, 2:]
        laplacian = beside - 4 * part[1:-1, 1:-1]
        counts += np.bincount((laplacian + _STEEPEST).ravel(), minlength=len(counts))
    return counts


def _moments(counts: NDArray[np.int64], first: int) -> tuple[float, float]:
    """Mean and variance of the whole numbers from `first` on, each as often as counted; division comes last."""
    values = np.arange(first, first + len(counts))
    n, total, squares = (int((counts * values**power).sum()) for power in range(3))
    return total / n, (n * squares - total * total) / (n * n)
