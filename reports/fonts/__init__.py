"""The one font of every report: Source Sans 3, regular and semibold, with Latin, Greek and Cyrillic letters."""

import base64
from functools import cache
from importlib import resources
from typing import Final

NAME: Final = "Source Sans 3"
_WEIGHTS: Final = (("Regular", 400), ("SemiBold", 600))


def folder() -> str:
    """Where the font's files are, for programs that read them themselves."""
    with resources.as_file(resources.files("reports.fonts")) as path:
        return str(path)


@cache
def as_css() -> str:
    """The font as @font-face rules with the files inside, so that a page needs nothing from outside."""
    rules = []
    for name, weight in _WEIGHTS:
        content = resources.files("reports.fonts").joinpath(f"SourceSans3-{name}.woff").read_bytes()
        data = base64.b64encode(content).decode("ascii")
        rules.append(
            f'@font-face {{ font-family: "{NAME}"; font-weight: {weight}; '
            f"src: url(data:font/woff;base64,{data}) format('woff'); }}"
        )
    return "\n".join(rules)
