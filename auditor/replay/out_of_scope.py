"""Pictures that are plainly no radiographs: the site's own photographs, or shapes that we draw.

A model that describes one as if it were the patient's image does not look at what it is shown.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from auditor.intake.images import file_sha256
from auditor.replay.protocol import Picture, ReplayError

if TYPE_CHECKING:
    from PIL.Image import Image

#: The address of a picture that is drawn from the question's id. Raised whenever another pixel is drawn anywhere.
DRAWN: Final = "drawn:shapes-1"
_KINDS: Final = (".jpeg", ".jpg", ".png")
_SIDE: Final = 512  # pixels
_SHAPES: Final = 12


def pictures_of(folder: Path | None) -> list[Picture]:
    """The pictures of a folder in the order of their contents; the drawn one where no folder is named.

    Raises ReplayError where the folder has none.
    """
    if folder is None:
        return [Picture(DRAWN, None)]
    found = [path.resolve() for path in folder.glob("*") if path.suffix.lower() in _KINDS and path.is_file()]
    if not found:
        raise ReplayError(
            f"There is no PNG or JPEG in {folder}: check probes.out_of_scope in audit.yaml, or leave it out."
        )
    return sorted((Picture(str(path), file_sha256(path)) for path in found), key=lambda p: (p.sha256 or "", p.uri))


def chosen_for(name: str, pictures: Sequence[Picture]) -> Picture:
    """The picture of a question, by hash of its content: another file in the folder changes few choices."""
    return min(pictures, key=lambda p: hashlib.sha256(f"{name}\0{p.sha256 or p.uri}".encode()).digest())


def draw(name: str) -> "Image":
    """Coloured discs and rectangles on a coloured gradient, 512 × 512, the same for the same name everywhere.

    Whole numbers alone decide each pixel, so no library's way of drawing does.
    """
    from PIL import Image as Pictures

    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))
    down, across = np.mgrid[:_SIDE, :_SIDE]
    first, second = _colour(rng), _colour(rng)
    pixels = (first * (_SIDE - down[..., None]) + second * down[..., None]) // _SIDE
    for kind in rng.integers(2, size=_SHAPES):
        y, x = rng.integers(_SIDE, size=2)
        high, wide = rng.integers(_SIDE // 16, _SIDE // 4, size=2)
        inside = (abs(down - y) < high) & (abs(across - x) < wide)
        if kind:
            inside = (down - y) ** 2 + (across - x) ** 2 < wide**2
        pixels[inside] = _colour(rng)
    return Pictures.fromarray(pixels.astype(np.uint8), "RGB")


def _colour(rng: np.random.Generator) -> NDArray[np.int64]:
    """A strong colour: one channel full, one empty, one between. A radiograph has none."""
    return rng.permutation(np.array([255, 0, int(rng.integers(256))]))
