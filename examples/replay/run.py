"""Ask two live models on this machine again, probe what they see, and audit them beside recorded answers.

    python examples/replay/run.py NIH_IMAGES VQA_RAD [--workspace DIR] [--cases N]

NIH_IMAGES: a folder of radiographs with manifest.csv (image, patient_id, age, sex, view, labels). VQA_RAD: a
folder with images/, train_questions.json and med_hallmark_answers.csv (what another model answered). Both models
are made on the spot, untrained: a small CLIP and a small LLaVA. The audit must find that they do not look. Needs
`pip install 'lvlm-auditor[replay]'`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from checkpoints import clip, llava

HERE = Path(__file__).parent
CLASSIFIER, ANSWERS = "zero-shot-findings", "image-answers"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("radiographs", type=Path)
    parser.add_argument("vqa_rad", type=Path)
    parser.add_argument("--workspace", type=Path, default=Path("replay-workspace"))
    parser.add_argument("--cases", type=int, default=60, help="how many of the images with questions")
    asked = parser.parse_args()

    workspace = asked.workspace.resolve()
    if not (workspace / "workspace.json").exists():
        auditor(workspace, "init", str(workspace))
    models = workspace / "models"
    clip(models / "clip")
    llava(models / "llava")
    codes = []
    for system, settings, rows, images in (
        (CLASSIFIER, "classifier.yaml", radiographs(asked.radiographs), asked.radiographs),
        (ANSWERS, "answers.yaml", questions(asked.vqa_rad, asked.cases), asked.vqa_rad / "images"),
    ):
        text = (HERE / settings).read_text()
        for name in ("clip", "llava"):
            text = text.replace(f"  path: {name} ", f"  path: {models / name} ")
            text = text.replace(f"  path: {name}\n", f"  path: {models / name}\n")
        applied = workspace / settings
        applied.write_text(text)
        auditor(workspace, "apply", str(applied))
        for kind, records in rows.items():
            file = workspace / f"{system}-{kind}.jsonl"
            file.write_text("".join(json.dumps(row) + "\n" for row in records))
            auditor(workspace, "ingest", kind, str(file), "--system", system)
        auditor(workspace, "replay", system, "--images", str(images), "--dry-run")
        auditor(workspace, "replay", system, "--images", str(images))
        codes.append(auditor(workspace, "audit", system, ok=(0, 1, 3)))
        auditor(workspace, "report", system, "--format", "html,json", "--output", str(workspace / "report"))
    return max(codes)


def radiographs(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Cases and label sets of the manifest; what it does not name is absent."""
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    known = sorted({name for row in rows for name in row["labels"].split("|")} - {"No Finding"})
    cases = [
        {
            "case_id": row["image"],
            "patient_id": row["patient_id"],
            "images": [row["image"]],
            "attributes": {"age": row["age"], "sex": row["sex"], "view": row["view"]},
        }
        for row in rows
    ]
    labels = [
        {
            "case_id": row["image"],
            "task": "classification",
            "reference_kind": "label_set",
            "labels": {name: int(name in row["labels"].split("|")) for name in known},
        }
        for row in rows
    ]
    return {"cases": cases, "references": labels}


def questions(folder: Path, count: int) -> dict[str, list[dict[str, Any]]]:
    """Images with their questions and true answers, and what another model answered about the same images."""
    names = sorted(path.name for path in (folder / "images").iterdir())[:count]
    cases = [{"case_id": name, "images": [name]} for name in names]
    references = [
        {
            "case_id": row["image_name"],
            "task": "vqa",
            "reference_kind": "answer",
            "item": f"q{row['qid']}",
            "question": row["question"],
            "text": str(row["answer"]),
            **options(row),
        }
        for row in json.loads((folder / "train_questions.json").read_text())
        if row["image_name"] in names
    ]
    outputs = []
    with (folder / "med_hallmark_answers.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["image"] in names:
                about = {"case_id": row["image"], "task": "vqa", "item": f"m{row['id']}"}
                said = {"version": "recorded", "prompt": row["question"], "text": row["model_answer"]}
                outputs.append(about | said)
                asked = {"reference_kind": "answer", "text": row["ground_truth"]}
                references.append(about | asked)
    return {"cases": cases, "references": references, "outputs": outputs}


def options(row: dict[str, Any]) -> dict[str, list[str]]:
    """Every third yes/no question is asked as a choice between the two, so that their order can be changed."""
    closed = str(row["answer"]).strip().lower() in ("yes", "no")
    return {"options": ["Yes", "No"]} if closed and int(row["qid"]) % 3 == 0 else {}


def auditor(workspace: Path, *command: str, ok: tuple[int, ...] = (0,)) -> int:
    """Run one command as a person would, and stop where it refuses."""
    print("$ auditor", *command, file=sys.stderr)
    environment = os.environ | {"AUDITOR_WORKSPACE": str(workspace)}
    code = subprocess.run([sys.executable, "-m", "auditor", *command], env=environment).returncode
    if code not in ok:
        sys.exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
