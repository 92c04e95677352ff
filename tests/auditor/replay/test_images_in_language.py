"""Where a language model is given the images, in families that do it otherwise or lack a processor here."""

from typing import Any

import pytest

from auditor.replay.embedding import given_to_language, of_images

torch = pytest.importorskip("torch")

# the libraries warn of what they fall back to; none of it is ours
pytestmark = pytest.mark.filterwarnings("ignore")

_TEXT = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_SIGHT = {**_TEXT, "image_size": 32, "patch_size": 16}
_IMAGE = 70


def test_images_of_different_size_in_one_batch() -> None:
    """Qwen-VL gives an image as many tokens as it needs; its processor needs more libraries than are here."""
    import transformers as tf

    turns = {"rope_type": "default", "mrope_section": [4, 2, 2], "rope_theta": 1e4}
    config = tf.Qwen2VLConfig(
        text_config={**_TEXT, "vocab_size": 80, "num_key_value_heads": 2, "rope_parameters": turns},
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 2,
            "mlp_ratio": 1,
            "patch_size": 8,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
        image_token_id=_IMAGE,
        video_token_id=71,
        vision_start_token_id=72,
        vision_end_token_id=73,
    )
    torch.manual_seed(0)
    model = tf.Qwen2VLForConditionalGeneration(config).eval()
    grid, pixels = torch.tensor([[1, 4, 4], [1, 4, 2]]), torch.randn(24, 3 * 2 * 8 * 8)
    ids = torch.tensor([[1, 72, *[_IMAGE] * 4, 73, 4], [0, 0, 1, 72, *[_IMAGE] * 2, 73, 4]])
    more = {"image_grid_thw": grid, "mm_token_type_ids": (ids == _IMAGE).int()}
    found = _asked(model, ids, pixel_values=pixels, **more)
    with torch.inference_mode():
        expected = [one.mean(dim=0).tolist() for one in model.get_image_features(pixels, grid).pooler_output]
    assert found == [pytest.approx(one, abs=1e-6) for one in expected]


def test_a_language_model_with_an_encoder_is_given_them_there() -> None:
    import transformers as tf

    config = tf.Blip2Config(
        vision_config=_SIGHT,
        qformer_config={**_TEXT, "vocab_size": 80, "encoder_hidden_size": 32, "max_position_embeddings": 64},
        text_config={
            "model_type": "t5",
            "d_model": 32,
            "d_ff": 32,
            "d_kv": 16,
            "num_layers": 2,
            "num_heads": 2,
            "vocab_size": 80,
            "decoder_start_token_id": 0,
        },
        num_query_tokens=4,
        image_token_index=_IMAGE,
    )
    torch.manual_seed(0)
    model = tf.Blip2ForConditionalGeneration(config).eval()
    pixels = torch.randn(2, 3, 32, 32)
    found = _asked(model, torch.tensor([[*[_IMAGE] * 4, 7, 8, 9], [0, *[_IMAGE] * 4, 7, 8]]), pixel_values=pixels)
    with torch.inference_mode():
        expected = model.get_image_features(pixels).pooler_output.mean(dim=1).tolist()
    assert found == [pytest.approx(one, abs=1e-6) for one in expected]


def test_images_that_are_shown_by_cross_attention_have_none() -> None:
    """The token of an image keeps its own vector there; that is the same for every image."""
    import transformers as tf

    text = {**_TEXT, "num_key_value_heads": 2, "vocab_size": 80, "cross_attention_layers": [1], "pad_token_id": 0}
    config = tf.MllamaConfig(
        text_config={**text, "rope_parameters": {"rope_type": "default", "rope_theta": 1e4}},
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_global_layers": 1,
            "attention_heads": 2,
            "image_size": 32,
            "patch_size": 16,
            "vision_output_dim": 64,
            "intermediate_layers_indices": [0],
            "max_num_tiles": 1,
            "supported_aspect_ratios": [[1, 1]],
        },
        image_token_index=_IMAGE,
    )
    ones = {"aspect_ratio_ids": (1, 1), "aspect_ratio_mask": (1, 1, 1), "cross_attention_mask": (1, 4, 1, 1)}
    more = {name: torch.ones(*shape, dtype=torch.long) for name, shape in ones.items()}
    model = tf.MllamaForConditionalGeneration(config).eval()
    assert _asked(
        model, torch.tensor([[1, _IMAGE, 4, 5]]), pixel_values=torch.randn(1, 1, 1, 3, 32, 32), **more
    ) == [None]


def _asked(model: Any, ids: Any, **more: Any) -> list[tuple[float, ...] | None]:
    with torch.inference_mode(), given_to_language(model) as given:
        model.generate(input_ids=ids, attention_mask=(ids != 0).long(), max_new_tokens=2, do_sample=False, **more)
    return of_images(torch, model, ids, given)
