"""Image files made by hand, as hospitals have them and as nobody should have them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

SECRET = "Quokka^Secret"


def ramp(rows: int = 32, columns: int = 48, top: int = 4_095) -> NDArray[np.uint16]:
    """Values that rise from left to right, from 0 to `top`."""
    return np.tile(np.linspace(0, top, columns), (rows, 1)).astype(np.uint16)


def dicom(
    path: Path,
    pixels: NDArray[np.uint16],
    *,
    inverted: bool = False,
    window: tuple[float, float] | None = None,
    slope: float = 1.0,
    intercept: float = 0.0,
) -> Path:
    """A DICOM file of 16 bits a pixel; three dimensions are frames."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1")
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.PatientName = SECRET
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape[-2:]
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    data.RescaleSlope, data.RescaleIntercept = slope, intercept
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    if window is not None:
        data.WindowCenter, data.WindowWidth = window
    data.PixelData = pixels.astype("<u2").tobytes()
    data.save_as(path, enforce_file_format=True)
    return path
