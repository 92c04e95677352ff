"""Small random checkpoints of real architectures, made here and saved as `save_pretrained` writes them."""

from pathlib import Path
from typing import Any

WORDS = [
    *("yes", "no", "a", "the", "chest", "radiograph", "showing", "without", "heart", "lung", "is", "there"),
    *("effusion", "left", "right", "normal", "large", "in", "pneumothorax", "cardiomegaly", "question", "answer"),
    *("user", "assistant", "describe", "findings", "what", ".", ",", ":", "?", "|"),
]


def fast_tokenizer(special: tuple[str, ...] = (), named: dict[str, str] | None = None) -> Any:
    """A tokenizer of whole words; `named` are special tokens that processors know by a name."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = ["<pad>", "<s>", "</s>", "<unk>", *special, *WORDS]
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(names)}, unk_token="<unk>"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        **({"extra_special_tokens": named} if named else {"additional_special_tokens": list(special)}),
    )


_TEXT = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_SIGHT = {**_TEXT, "image_size": 32, "patch_size": 16}


def clip(folder: Path, seed: int = 0) -> Path:
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    torch.manual_seed(seed)
    tokenizer = fast_tokenizer()
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = CLIPConfig(
        text_config={**_TEXT, "vocab_size": len(tokenizer), "max_position_embeddings": 64, **ids},
        vision_config=_SIGHT,
        projection_dim=16,
    )
    CLIPModel(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    pictures = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    CLIPProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


def siglip(folder: Path) -> Path:
    import torch
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel, SiglipProcessor

    torch.manual_seed(0)
    tokenizer = fast_tokenizer()
    tokenizer.model_max_length = 64
    config = SiglipConfig(
        text_config={**_TEXT, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": 32},
        vision_config=_SIGHT,
    )
    SiglipModel(config).save_pretrained(folder)
    SiglipProcessor(SiglipImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder


def llava(folder: Path, seed: int = 0, chat_template: str | None = None) -> Path:
    import torch
    from transformers import CLIPImageProcessor, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

    torch.manual_seed(seed)
    tokenizer = fast_tokenizer(("<image>",))
    config = LlavaConfig(
        text_config={
            "model_type": "llama",
            **_TEXT,
            "vocab_size": len(tokenizer),
            "num_key_value_heads": 2,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
        },
        vision_config={"model_type": "clip_vision_model", **_SIGHT},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        image_seq_length=4,
    )
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size),
        tokenizer,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_template,
    ).save_pretrained(folder)
    return folder


def blip2(folder: Path, instruct: bool = False) -> Path:
    import torch
    import transformers as tf

    torch.manual_seed(0)
    tokenizer = fast_tokenizer(("<image>",))
    vision = {**_SIGHT, "image_size": 32}
    former = {**_TEXT, "vocab_size": len(tokenizer), "encoder_hidden_size": 32, "max_position_embeddings": 64}
    text = {
        "model_type": "opt",
        "hidden_size": 32,
        "ffn_dim": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "vocab_size": len(tokenizer),
        "word_embed_proj_dim": 32,
        "max_position_embeddings": 128,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    kind = "InstructBlip" if instruct else "Blip2"
    make = getattr(tf, f"{kind}Config")
    config = make(
        vision_config=vision,
        qformer_config=former,
        text_config=text,
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    getattr(tf, f"{kind}ForConditionalGeneration")(config).save_pretrained(folder)
    pictures = tf.BlipImageProcessor(size={"height": 32, "width": 32})
    if instruct:
        tf.InstructBlipProcessor(pictures, tokenizer, fast_tokenizer(), num_query_tokens=4).save_pretrained(folder)
    else:
        tf.Blip2Processor(pictures, tokenizer, num_query_tokens=4).save_pretrained(folder)
    return folder


def paligemma(folder: Path) -> Path:
    import torch
    import transformers as tf

    torch.manual_seed(0)
    tokenizer = fast_tokenizer(("<image>",))
    text = {
        "model_type": "gemma",
        **_TEXT,
        "vocab_size": len(tokenizer) + 1100,  # the processor adds tokens of places
        "num_key_value_heads": 2,
        "head_dim": 16,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    config = tf.PaliGemmaConfig(
        text_config=text,
        vision_config={
            "model_type": "siglip_vision_model",
            **_SIGHT,
            "projection_dim": 32,
            "vision_use_head": False,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=32,
    )
    tf.PaliGemmaForConditionalGeneration(config).save_pretrained(folder)
    pictures = tf.SiglipImageProcessor(size={"height": 32, "width": 32})
    pictures.image_seq_length = 4
    tf.PaliGemmaProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


def gemma3(folder: Path) -> Path:
    import torch
    import transformers as tf

    torch.manual_seed(0)
    named = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    tokenizer = fast_tokenizer(tuple(named.values()), named)
    ids = {name: tokenizer.convert_tokens_to_ids(f"<{name}_of_image>") for name in ("start", "end")}
    config = tf.Gemma3Config(
        text_config={
            **_TEXT,
            "vocab_size": len(tokenizer),
            "num_key_value_heads": 2,
            "head_dim": 16,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
        },
        vision_config={"model_type": "siglip_vision_model", **_SIGHT, "vision_use_head": False},
        mm_tokens_per_image=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image_soft_token>"),
        boi_token_index=ids["start"],
        eoi_token_index=ids["end"],
    )
    model = tf.Gemma3ForConditionalGeneration(config)
    torch.nn.init.normal_(
        model.model.multi_modal_projector.mm_input_projection_weight
    )  # else zeros: it sees nothing
    model.save_pretrained(folder)
    template = (
        "{{ bos_token }}{% for m in messages %}user: {% for c in m['content'] %}{% if c['type'] == 'image' %}"
        "<start_of_image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endfor %} assistant:"
    )
    pictures = tf.Gemma3ImageProcessor(size={"height": 32, "width": 32})
    tf.Gemma3Processor(pictures, tokenizer, chat_template=template, image_seq_length=4).save_pretrained(folder)
    return folder


def idefics3(folder: Path) -> Path:
    import torch
    import transformers as tf

    torch.manual_seed(0)
    special = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    tokenizer = fast_tokenizer(special)
    tokenizer.image_token, tokenizer.fake_image_token = special[:2]
    config = tf.Idefics3Config(
        text_config={
            "model_type": "llama",
            **_TEXT,
            "vocab_size": len(tokenizer),
            "num_key_value_heads": 2,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
        },
        vision_config={**_SIGHT, "patch_size": 8},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )
    tf.Idefics3ForConditionalGeneration(config).save_pretrained(folder)
    template = (
        "{% for m in messages %}user : {% for c in m['content'] %}{% if c['type'] == 'image' %}<image>"
        "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endfor %} assistant :"
    )
    size = {"longest_edge": 32}
    pictures = tf.Idefics3ImageProcessor(size=size, max_image_size=size, do_image_splitting=False)
    tf.Idefics3Processor(pictures, tokenizer, image_seq_len=4, chat_template=template).save_pretrained(folder)
    return folder
