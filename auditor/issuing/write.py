"""A report's files in a folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from auditor.issuing.issue import Issued


def wanted_files(issued: Issued, names: Sequence[str], pages: Mapping[str, str]) -> dict[str, bytes]:
    """Name in the folder -> content: the files asked for, and Evidently's pages by task."""
    stem = issued.audit or issued.report
    found = {}
    for name, data in issued.files.items():
        kind = "model-card.xml" if name.startswith("model-card") else name
        if kind in names:
            found[f"{stem}-{name}"] = data
    return found | {f"{stem}-evidently-{task}.html": page.encode() for task, page in pages.items()}


def write_files(files: Mapping[str, bytes], folder: Path) -> list[Path]:
    """Write them; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, data in files.items():
        path = folder / name
        path.write_bytes(data)
        written.append(path)
    return written
