"""Loaded before the tests of open_clip: torchvision can be imported beside a torch that it was not built for.

Its wheels are built for torch with a GPU. With another torch their library does not load, and the import fails for
want of two operators that no transform of an image uses; they are declared here, where that library is not.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

_ARGUMENTS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_HELD: list[Any] = []  # what is declared is gone when nothing holds it


def pytest_configure() -> None:
    """Called by pytest before anything is collected, where it is told of this plugin."""
    import torch

    try:
        torch.ops.load_library(_library())
    except OSError:
        operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            operators.define(name + _ARGUMENTS)
        _HELD.append(operators)


def _library() -> Path:
    found = find_spec("torchvision")  # looks for it, and does not import it
    assert found is not None and found.origin is not None, "torchvision is not in PYTHONPATH"
    return Path(found.origin).with_name("_C.so")
