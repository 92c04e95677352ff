"""The family open_clip: its tests run in a process of their own with its libraries; folders are read here."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.model_settings import ContrastiveModel
from auditor.replay.contrastive import Contrastive
from auditor.replay.open_clip_folder import OpenClipFolder
from auditor.replay.protocol import ReplayError

ROOT = Path(__file__).parents[3]
LIBRARIES = Path(sys.prefix) / "open-clip"


def test_with_its_own_libraries() -> None:
    assert (LIBRARIES / "installed").exists(), "the libraries of open_clip are not here: make install"
    asked = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.auditor.replay.torchvision_here",
    ]
    process = subprocess.run(
        [*asked, "--color=no", "-rA", "tests/auditor/replay/open_clip_cases.py"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{LIBRARIES}", "HF_HUB_OFFLINE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout[-8000:] + process.stderr[-2000:]
    assert process.stdout.count("\nPASSED ") >= 13, process.stdout[-8000:]


def described(folder: Path, text: Any = None, vision: Any = None) -> Path:
    """A folder that looks like a model of open_clip as far as it can be seen without its libraries."""
    folder.mkdir(exist_ok=True)
    model = {"embed_dim": 8, "text_cfg": text or {"context_length": 8}, "vision_cfg": vision or {"width": 8}}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model}))
    (folder / "open_clip_model.safetensors").write_bytes(b"weights")
    return folder


CHANGES: list[tuple[Callable[[Path], Any], str]] = [
    (lambda folder: (folder / "open_clip_config.json").unlink(), r"it has no open_clip_config\.json"),
    (lambda folder: (folder / "open_clip_config.json").write_text("{"), "not as open_clip writes it"),
    (lambda folder: (folder / "open_clip_config.json").write_text("[1]"), "not as open_clip writes it"),
    (
        lambda folder: (folder / "open_clip_config.json").write_text('{"model_cfg": {"text_cfg": 3}}'),
        "not as open",
    ),
    (lambda folder: (folder / "open_clip_model.safetensors").unlink(), r"no \.safetensors weights"),
    (
        lambda folder: (folder / "open_clip_model.safetensors").rename(folder / "x.safetensors"),
        r"no weights named open_clip_model\.safetensors",
    ),
    (lambda folder: described(folder, vision={"timm_model_name": "hf-hub:org/vit"}), "by an address"),
    (
        lambda folder: described(folder, text={"hf_model_name": "org/bert"}),
        r"its text tower 'org/bert'.*nothing is",
    ),
    (
        lambda folder: described(folder, text={"hf_tokenizer_name": "org/bert"}),
        r"its tokenizer 'org/bert'.*nothing",
    ),
    (lambda folder: described(folder, text={"hf_model_name": "/no such\x00place"}), "its text tower"),
    (lambda folder: described(folder, text={"hf_model_name": "x" * 5000}), "its text tower"),
    (lambda folder: described(folder, text={"hf_model_name": ["a"]}), "its text tower"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_what_is_missing_is_said(change: Callable[[Path], Any], said: str, tmp_path: Path) -> None:
    folder = described(tmp_path / "model")
    OpenClipFolder.at(folder)
    change(folder)
    with pytest.raises(ReplayError, match=said):
        OpenClipFolder.at(folder)


def test_a_file_that_may_run_code_is_never_taken_for_the_weights(tmp_path: Path) -> None:
    """open_clip prefers some pickles to a safetensors of another name."""
    folder = described(tmp_path / "model")
    (folder / "open_clip_model.safetensors").rename(folder / "model.safetensors")
    (folder / "open_clip_pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ReplayError, match=r"no weights named open_clip_model\.safetensors"):
        OpenClipFolder.at(folder)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    setting = ContrastiveModel(family="open_clip", version="1", path=described(tmp_path / "model"))
    with pytest.raises(ReplayError, match=r"pip install 'lvlm-auditor\[open-clip\]'"):
        list(Contrastive(setting, ["Mass"], tmp_path).answer([]))
