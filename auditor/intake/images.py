"""Images by their address: their hash, and (only when asked) whether they can be opened.

A hash is recorded for every image that lies on this machine and came without one; nothing else is fetched.
Opening is separate, because it costs time and because an image file is untrusted input: sizes are limited
before a pixel is unpacked.
"""

import hashlib
import logging
import warnings
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

#: Largest file and largest picture that are opened: a chest radiograph has about 10 million pixels.
MAX_BYTES: Final = 512 << 20
MAX_PIXELS: Final = 200_000_000
logging.getLogger("pydicom").addFilter(lambda _: False)  # its warnings quote what stands in headers


class Images:
    """Hashes and checks images relative to a folder; remembers them, so that one file is read once a batch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hashes: dict[str, str | None] = {}
        self._faults: dict[str, str | None] = {}

    def sha256(self, uri: str) -> str | None:
        """The hash of a local image; None where it is elsewhere or cannot be read."""
        if uri not in self._hashes:
            path = local_path(uri, self.folder)
            try:
                self._hashes[uri] = None if path is None else file_sha256(path)
            except OSError:
                self._hashes[uri] = None
        return self._hashes[uri]

    def fault(self, uri: str, sha256: str | None) -> str | None:
        """Why an image cannot be used: not here, too large, unreadable, or not the file that was hashed."""
        if uri not in self._faults:
            path = local_path(uri, self.folder)
            self._faults[uri] = "it is not on this machine" if path is None else unreadable(path)
        if self._faults[uri] is None and sha256 is not None and self.sha256(uri) not in (sha256, None):
            path = local_path(uri, self.folder)
            if path is not None and file_sha256(path) != sha256:
                return "its sha256 is not the one given"
        return self._faults[uri]


def local_path(uri: str, folder: Path) -> Path | None:
    """The regular file that an address means, relative to `folder`; None for addresses elsewhere."""
    if "\0" in uri:
        return None
    if "://" in uri:
        parts = urlsplit(uri)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            return None
        uri = unquote(parts.path)
    path = folder / uri
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):
        return None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read piece by piece."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unreadable(path: Path) -> str | None:
    """Why a file cannot be opened as an image; None where it can."""
    if path.stat().st_size > MAX_BYTES:
        return f"it is larger than {MAX_BYTES >> 20} MB"
    with path.open("rb") as stream:
        stream.seek(128)
        is_dicom = stream.read(4) == b"DICM"
    return _dicom_fault(path) if is_dicom else _picture_fault(path)


def _picture_fault(path: Path) -> str | None:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its warning of large pictures is our limit below
            with Image.open(path) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return f"it has more than {MAX_PIXELS // 1_000_000} million pixels"
                picture.load()
    except Image.DecompressionBombError:
        return f"it has more than {MAX_PIXELS // 1_000_000} million pixels"
    except Exception:  # noqa: BLE001 -- decoders of untrusted files raise anything
        return "it cannot be opened as an image"
    return None


def _dicom_fault(path: Path) -> str | None:
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hospitals' headers break many rules that do not matter here
            data = pydicom.dcmread(path)
            pixels = int(data.Rows) * int(data.Columns) * int(data.get("NumberOfFrames") or 1)
            if pixels > MAX_PIXELS:
                return f"it has more than {MAX_PIXELS // 1_000_000} million pixels"
            if "PixelData" not in data:
                return "it is DICOM without pixel data"
    except Exception:  # noqa: BLE001 -- decoders of untrusted files raise anything
        return "it cannot be opened as DICOM"
    return None
