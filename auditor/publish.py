"""Write a report's files to a folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from reports import export_json, html
from reports.dossier import Dossier


def write_report(dossier: Dossier, pages: Mapping[str, str], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the dossier in each format, and Evidently's pages beside the HTML; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "html": ("report.html", lambda: html.render(dossier)),
        "json": ("report.json", lambda: export_json.dumps(dossier)),
    }
    written = []
    for name in formats:
        file, make = files[name]
        path = folder / f"{dossier.provenance.audit}-{file}"
        path.write_text(make(), encoding="utf-8")
        written.append(path)
    if "html" in formats:
        for task, page in pages.items():
            path = folder / f"{dossier.provenance.audit}-evidently-{task}.html"
            path.write_text(page, encoding="utf-8")
            written.append(path)
    return written
