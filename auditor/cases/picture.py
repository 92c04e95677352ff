"""An image of a case as PNG for a browser, asked for by its number and never by a path.

Only a file that the case's row names is opened, and only inside the folder of images. Its header stays here: what
leaves is pixels. Without a window asked for, the pixels are those that a replayed model is shown.
"""

import io
import logging
import threading
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from auditor.cases.errors import NoSuchCaseError, PictureError
from auditor.intake import rendering
from auditor.intake.images import file_sha256, local_path, unreadable
from auditor.replay.protocol import Picture
from auditor.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image
    from pydicom.dataset import Dataset

#: Of one frame; a mammogram, the largest radiograph, has a third of it.
MOST_PIXELS: Final = 64_000_000
#: The longest side that is sent, and the greatest window that can be asked for (16 bits, signed or not).
LONGEST_SIDE: Final = 4_096
WIDEST: Final = 131_072.0
#: The environment variable that names the folder of image files.
VARIABLE: Final = "AUDITOR_IMAGES"
_ONE_AT_A_TIME: Final = threading.Lock()
_TOO_MANY: Final = "This image cannot be shown: it has more than {} million pixels."
logging.getLogger("pydicom").addFilter(lambda _: False)  # its warnings quote what stands in headers


@dataclass(frozen=True)
class View:
    """How an image is looked at: which frame, and through which window (centre and width; null: as it is)."""

    frame: int = 0
    centre: float | None = None
    width: float | None = None


@dataclass(frozen=True)
class Facts:
    """What a viewer needs to know: how many frames, which window is the file's own, between which values."""

    frames: int
    low: float
    high: float
    centre: float
    width: float
    changed: bool  # the file is not the one whose hash was recorded
    unchecked: bool  # no hash was recorded


def folder_of(workspace: Path) -> Path:
    """Where image files lie: AUDITOR_IMAGES, else the folder `images` of the workspace."""
    return Environment().images or workspace / "images"


def named(pictures: Sequence[Picture], number: int) -> Picture:
    """The image of this number, counted from 1. Raises NoSuchCaseError where there is none."""
    if not 1 <= number <= len(pictures):
        raise NoSuchCaseError("This case has no image of that number; go back to the case.")
    return pictures[number - 1]


def facts(picture: Picture, folder: Path, frame: int = 0) -> Facts:
    """What there is to know of an image, and of the values of one frame (the last, where it has fewer).

    Raises PictureError where it cannot be shown.
    """
    path = _path(picture, folder)
    with _clearly():
        _refuse_unfit(path)
        changed = picture.sha256 is not None and file_sha256(path) != picture.sha256
        if not _is_dicom(path):
            return Facts(1, 0.0, 255.0, 127.5, 255.0, changed, picture.sha256 is None)
        data = _read(path)
        if int(data.get("SamplesPerPixel", 1)) == 3:
            return Facts(_frames(data), 0.0, 255.0, 127.5, 255.0, changed, picture.sha256 is None)
        values = _values(path, data, min(max(frame, 0), _frames(data) - 1))
        low, high = float(values.min()), float(values.max())
        centre, width = _own_window(data) or ((low + high) / 2, max(high - low, 1.0))
        return Facts(_frames(data), low, high, centre, width, changed, picture.sha256 is None)


def png(picture: Picture, folder: Path, view: View) -> bytes:
    """The image as a PNG without metadata. Raises PictureError where it cannot be shown so."""
    path = _path(picture, folder)
    with _clearly():
        _refuse_unfit(path)
        image = _as_replayed(picture, folder) if view == View() else _through(path, view)
        return _encoded(image)


def _path(picture: Picture, folder: Path) -> Path:
    """The file of an image, which must lie in the folder of images."""
    if "://" in picture.uri and not picture.uri.startswith("file://"):
        raise PictureError("This image lies on another machine and is not fetched; look at it where it is kept.")
    if _lies_outside(picture.uri, folder):  # whether there is a file or not, so that nobody learns which there are
        raise PictureError(
            f"The file of this image lies outside the folder of images and is not opened; {VARIABLE} names that "
            "folder."
        )
    path = local_path(picture.uri, folder)
    if path is None:
        raise PictureError(
            f"The file of this image is not there; {VARIABLE} names the folder where image files are looked for."
        )
    return path


def _lies_outside(uri: str, folder: Path) -> bool:
    """Whether an address leads out of a folder, links followed; whether a file is there does not matter."""
    try:
        name = unquote(urlsplit(uri).path) if uri.startswith("file://") else uri
        return not (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # no name that a file can have
        return False


def _refuse_unfit(path: Path) -> None:
    """Refuse what is too large, or no image at all, before its pixels are unpacked."""
    dicom = _is_dicom(path)
    if dicom and _deflated(path):
        raise PictureError("This image cannot be shown: its file is packed as a whole and hides its size.")
    if not dicom and _pixels(path) > MOST_PIXELS:  # asked first: what follows unpacks the pixels
        raise PictureError(_TOO_MANY.format(MOST_PIXELS // 1_000_000))
    if fault := unreadable(path):
        raise PictureError(f"This image cannot be shown: {fault}.")
    if dicom:
        data = _read(path)
        if int(data.Rows) * int(data.Columns) > MOST_PIXELS:
            raise PictureError(_TOO_MANY.format(MOST_PIXELS // 1_000_000))


def _pixels(path: Path) -> int:
    """How many pixels a picture says it has; 0 where it is none, which others say better."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as opened:
                return opened.width * opened.height
    except Image.DecompressionBombError:
        return MOST_PIXELS + 1
    except Exception:  # noqa: BLE001 -- decoders of untrusted files raise anything
        return 0


def _deflated(path: Path) -> bool:
    """Whether reading the header would unpack all of a file, however much that is; no modality writes so."""
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            syntax = read_file_meta_info(path).get("TransferSyntaxUID")
        except Exception:  # noqa: BLE001 -- it cannot be read further either, as others say better
            return False
    return bool(syntax == DeflatedExplicitVRLittleEndian)


def _as_replayed(picture: Picture, folder: Path) -> "Image":
    try:
        return rendering.render(Picture(picture.uri, None), folder)
    except rendering.PictureError:
        raise PictureError("This image cannot be shown: its pixels cannot be read.") from None


def _through(path: Path, view: View) -> "Image":
    """One frame, through the window asked for or the file's own."""
    from PIL import Image

    if not _is_dicom(path):
        if view.frame:
            raise PictureError("This image has one frame only.")
        values = np.asarray(rendering.render(Picture(str(path), None), path.parent), np.float64)
        return Image.fromarray(_windowed(values, view.centre, view.width))
    data = _read(path)
    if not 0 <= view.frame < _frames(data):
        raise PictureError(f"This image has {_frames(data)} frames; the frame asked for is none of them.")
    values = _values(path, data, view.frame)
    centre, width = view.centre, view.width
    if (centre is None or width is None) and values.ndim == 2:
        centre, width = _own_window(data) or (
            float(values.min() + values.max()) / 2,
            float(np.ptp(values)) or 1.0,
        )
    shown = _windowed(values, centre, width)
    if data.get("PhotometricInterpretation") == "MONOCHROME1":
        shown = 255 - shown
    return Image.fromarray(shown).convert("RGB")


def _windowed(values: NDArray[Any], centre: float | None, width: float | None) -> NDArray[np.uint8]:
    """Values as 0 to 255, linear over the window; what lies outside is black or white."""
    if centre is None or width is None:
        centre, width = 127.5, 255.0  # colour as it is
    if not (np.isfinite(centre) and np.isfinite(width) and abs(centre) <= WIDEST and 0 < width <= WIDEST):
        raise PictureError(f"A window has a width above 0 and numbers up to {WIDEST:,.0f}.")
    scaled = (np.asarray(values, np.float64) - (centre - width / 2)) / width
    shown: NDArray[np.uint8] = np.rint(np.clip(scaled, 0.0, 1.0) * 255.0).astype(np.uint8)
    return shown


def _read(path: Path) -> "Dataset":
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hospitals' headers break many rules that do not matter here
        return pydicom.dcmread(path)


def _values(path: Path, data: "Dataset", frame: int) -> NDArray[Any]:
    """One frame in the units of the modality (Hounsfield units, say); colour as it is."""
    from pydicom.pixels.processing import apply_modality_lut
    from pydicom.pixels.utils import pixel_array

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pixels = np.asarray(pixel_array(path, index=frame))
        return pixels if pixels.ndim == 3 else np.asarray(apply_modality_lut(pixels, data), np.float64)


def _frames(data: "Dataset") -> int:
    return max(1, int(data.get("NumberOfFrames") or 1))


def _own_window(data: "Dataset") -> tuple[float, float] | None:
    """The first window that the file itself gives."""
    centre, width = data.get("WindowCenter"), data.get("WindowWidth")
    if centre is None or width is None:
        return None
    first = [float(one[0]) if hasattr(one, "__len__") else float(one) for one in (centre, width)]
    sound = np.isfinite(first).all() and abs(first[0]) <= WIDEST and 0 < first[1] <= WIDEST
    return (first[0], first[1]) if sound else None


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(128)
        return stream.read(4) == b"DICM"


def _encoded(image: "Image") -> bytes:
    from PIL import Image

    bare = Image.fromarray(np.asarray(image))  # pixels alone: no text, profile or date that a file may carry
    if max(bare.size) > LONGEST_SIDE:
        bare.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    buffer = io.BytesIO()
    bare.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@contextmanager
def _clearly() -> "Iterator[None]":
    """Whatever a decoder stumbles over, as one sentence that holds nothing of the file.

    One image at a time: decoding takes memory, and what silences its warnings is not made for threads.
    """
    with _ONE_AT_A_TIME:
        try:
            yield
        except PictureError:
            raise
        except Exception as error:  # noqa: BLE001 -- decoders of untrusted files raise anything
            raise PictureError(
                f"This image cannot be shown: {type(error).__name__} while its pixels were read."
            ) from None
