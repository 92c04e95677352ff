"""Small random checkpoints in open_clip's own format, as it writes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from examples.replay.checkpoints import fast_tokenizer

TEXT_TOWER = "org/bert-of-reports"
_PREPROCESSING = {"mean": [0.48, 0.45, 0.4], "std": [0.26, 0.26, 0.27], "interpolation": "bicubic"}
_SIGHT = {"image_size": 32, "patch_size": 16, "width": 32, "layers": 2, "head_width": 16}
_WORDS = {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}


def biomedclip(folder: Path) -> Path:
    """Shaped as BiomedCLIP is: a vision transformer of timm, and a BERT that is named by a repository."""
    import open_clip
    import torch
    from open_clip.push_to_hf_hub import save_for_hf
    from transformers import BertConfig

    tokenizer = fast_tokenizer()
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    tower = folder / TEXT_TOWER
    tower.mkdir(parents=True)
    BertConfig(vocab_size=len(tokenizer), max_position_embeddings=32, **small).save_pretrained(tower)
    text = {
        "hf_model_name": TEXT_TOWER,
        "hf_tokenizer_name": TEXT_TOWER,
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 24,
    }
    sight = {"timm_model_name": "test_vit", "timm_model_pretrained": False, "timm_pool": "", "timm_proj": "linear"}
    config = {"embed_dim": 16, "vision_cfg": sight | {"image_size": 32}, "text_cfg": text}
    torch.manual_seed(0)
    there = text | {"hf_model_name": str(tower), "hf_model_pretrained": False}
    model = open_clip.CustomTextCLIP(**config | {"text_cfg": there})
    open_clip.model.set_model_preprocess_cfg(model, _PREPROCESSING | {"resize_mode": "shortest"})
    save_for_hf(model, tokenizer, config, folder, safe_serialization=True)
    return folder


def plain(folder: Path, bias: float | None = None) -> Path:
    """With open_clip's own towers and tokenizer; with a bias it is trained as SigLIP is."""
    import open_clip
    import torch
    from open_clip.push_to_hf_hub import save_config_for_hf
    from safetensors.torch import save_file

    config: dict[str, Any] = {"embed_dim": 16, "vision_cfg": _SIGHT, "text_cfg": _WORDS}
    config |= {} if bias is None else {"init_logit_bias": bias, "init_logit_scale": 1.5}
    torch.manual_seed(0)
    model = open_clip.CLIP(**config)
    open_clip.model.set_model_preprocess_cfg(model, _PREPROCESSING | {"resize_mode": "squash"})
    folder.mkdir()
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    save_config_for_hf(model, folder / "open_clip_config.json", config)
    return folder


MADE: dict[str, Callable[[Path], Path]] = {
    "biomedclip": biomedclip,
    "clip": plain,
    "siglip": lambda folder: plain(folder, bias=-0.5),
}
