"""The images of a question as the model is shown them: its own, or altered to see whether they matter."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from auditor.intake.rendering import render
from auditor.probe_names import OUT_OF_SCOPE
from auditor.replay.out_of_scope import DRAWN, draw
from auditor.replay.protocol import Prompt

if TYPE_CHECKING:
    from PIL.Image import Image


def shown(prompt: Prompt, folder: Path) -> "list[Image]":
    """The images of a prompt, altered as its probe says. Raises PictureError where one cannot be shown."""
    alter = ALTERED.get(prompt.probe or "")
    images = [
        draw(f"{prompt.id}\0{i}")
        if prompt.probe == OUT_OF_SCOPE and picture.uri == DRAWN
        else render(picture, folder)
        for i, picture in enumerate(prompt.pictures)
    ]
    return [alter(image, f"{prompt.id}\0{i}") for i, image in enumerate(images)] if alter else images


def _blank(image: "Image", name: str) -> "Image":
    """Black, of the same size: what a model sees that is given no image."""
    from PIL import Image as Pictures

    return Pictures.new("RGB", image.size)


def _noise(image: "Image", name: str) -> "Image":
    """Even grey noise of the same size, drawn from the prompt's id: the same whenever it is asked."""
    from PIL import Image as Pictures

    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    grey = np.random.default_rng(seed).integers(0, 256, size=(image.height, image.width), dtype=np.uint8)
    return Pictures.fromarray(grey).convert("RGB")


def _flipped(image: "Image", name: str) -> "Image":
    from PIL import ImageOps

    return ImageOps.mirror(image)


def _cropped(image: "Image", name: str) -> "Image":
    """The middle half of width and height: a quarter of the image."""
    width, height = image.size
    left, upper = width // 4, height // 4
    return image.crop((left, upper, max(left + 1, width - left), max(upper + 1, height - upper)))


ALTERED: Final[dict[str, Callable[["Image", str], "Image"]]] = {
    "blank": _blank,
    "noise": _noise,
    "flipped": _flipped,
    "cropped": _cropped,
}
