"""The prompts of language-model judges. A file once used is never changed: a new wording is a new number."""

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def text_of(name: str) -> str:
    """The instructions of a prompt, for example ``report-1``."""
    return files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")


@cache
def schema_of(name: str) -> dict[str, Any]:
    """The JSON schema that the answer must have."""
    schema: dict[str, Any] = json.loads(files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8"))
    return schema
