"""Which class asks which family of models; each is imported only when a system names it."""

from pathlib import Path

from auditor.replay.protocol import Model
from auditor.settings import HttpModel


def open_model(setting: HttpModel, folder: Path) -> Model:
    """The model that audit.yaml names; `folder` is where relative addresses of images start."""
    from auditor.replay.http import HttpServed

    return HttpServed(setting, folder)
