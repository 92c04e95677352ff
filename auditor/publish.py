"""Write a report's files to a folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from reports import export_json, html
from reports.dossier import Dossier


def write_report(dossier: Dossier, pages: Mapping[str, str], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the dossier in each format, and Evidently's pages beside the HTML; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    render = {"html": html.render, "json": export_json.dumps}
    written = []
    for name in formats:
        path = folder / f"{dossier.provenance.audit}-report.{name}"
        path.write_text(render[name](dossier), encoding="utf-8")
        written.append(path)
    if "html" in formats:
        for task, page in pages.items():
            path = folder / f"{dossier.provenance.audit}-evidently-{task}.html"
            path.write_text(page, encoding="utf-8")
            written.append(path)
    return written
