"""Models that write about images, through transformers: BLIP-2, InstructBLIP, LLaVA, Gemma 3 and others."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Final

from auditor.intake.rendering import RENDERING, PictureError
from auditor.model_settings import GenerativeModel
from auditor.replay.checkpoint import (
    Checkpoint,
    cannot_load,
    device_of,
    library_versions,
    loading_errors,
    torch_or_advice,
)
from auditor.replay.embedding import Embedding, given_to_language, of_images
from auditor.replay.protocol import Answer, Prompt, ReplayError
from auditor.replay.shown import shown
from auditor.replay.tokens import Generated, read_tokens

#: How a family is asked where its checkpoint has no chat template; {images} is one marker an image.
_PLAIN: Final = {
    "blip2": "Question: {text} Answer:",
    "instructblip": "{text}",
    "llava": "USER: {images}\n{text} ASSISTANT:",
    "gemma3": "{images}{text}",
    "paligemma": "{images}{text}",
}
_MARKER: Final = {"gemma3": "<start_of_image>"}
#: Families that look at one image at a time.
_SINGLE: Final = ("blip2", "instructblip")


class Generative:
    """Greedy or sampled text, with the probability of its tokens; batched where nothing is drawn by chance."""

    def __init__(self, setting: GenerativeModel, folder: Path) -> None:
        self._setting, self._folder = setting, folder
        self._checkpoint = Checkpoint.at(setting.path)
        how = [setting.family, setting.template, setting.temperature, setting.max_tokens, setting.precision]
        said = [*how, self._checkpoint.files, RENDERING]
        self.fingerprint = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
        self.facts = {
            "family": setting.family,
            "weights": self._checkpoint.weights,
            **library_versions(setting.family),
        }

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """One answer a prompt, in order. Raises ReplayError where the checkpoint cannot be loaded."""
        torch = torch_or_advice()
        model, processor = self._load(torch)
        # what is drawn for one question must not hang on which others stand in its batch
        size = 1 if self._setting.temperature > 0 else self._setting.batch
        source = iter(prompts)
        with torch.inference_mode():
            while block := list(islice(source, size)):
                yield from self._block(torch, model, processor, block)

    def _load(self, torch: Any) -> tuple[Any, Any]:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        path, device = self._setting.path, device_of(torch, self._setting.device)
        precision = self._precision(torch, device)
        try:
            processor = AutoProcessor.from_pretrained(path, local_files_only=True)
            model = AutoModelForImageTextToText.from_pretrained(
                path, local_files_only=True, use_safetensors=True, **precision
            )
        except loading_errors() as error:
            raise cannot_load(path, error) from None
        tokenizer = processor.tokenizer
        tokenizer.padding_side = "left"  # a decoder goes on from the last token of each question
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return (model if self._setting.precision == "4bit" else model.to(device)).eval(), processor

    def _precision(self, torch: Any, device: str) -> dict[str, Any]:
        wanted = self._setting.precision
        if wanted == "4bit":
            if not device.startswith("cuda"):
                raise ReplayError("precision 4bit needs a GPU; write bfloat16 or float32.")
            if find_spec("bitsandbytes") is None:
                raise ReplayError("precision 4bit needs bitsandbytes: pip install 'lvlm-auditor[replay-4bit]'.")
            from transformers import BitsAndBytesConfig

            quantised = BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
            )
            return {"quantization_config": quantised, "device_map": device}
        half = wanted == "bfloat16" or (wanted == "auto" and device.startswith("cuda"))
        return {"dtype": torch.bfloat16 if half else torch.float32}

    def _block(self, torch: Any, model: Any, processor: Any, block: Sequence[Prompt]) -> Iterator[Answer]:
        images: dict[str, list[Any]] = {}
        for prompt in block:
            try:
                found = shown(prompt, self._folder)
            except PictureError as error:
                yield Answer(prompt, error=str(error))
                continue
            if len(found) != 1 and self._setting.family in _SINGLE:
                yield Answer(prompt, error="this family of models looks at exactly one image")
            elif not found:
                yield Answer(prompt, error="the case has no image")
            else:
                images[prompt.id] = found
        asked = [prompt for prompt in block if prompt.id in images]
        if asked:
            yield from self._asked(torch, model, processor, asked, images)

    def _asked(
        self, torch: Any, model: Any, processor: Any, block: Sequence[Prompt], images: dict[str, list[Any]]
    ) -> Iterator[Answer]:
        start = time.monotonic()
        try:
            made = self._generate(torch, model, processor, block, images)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            if len(block) > 1:  # one question that cannot be asked must not cost the others
                for prompt in block:
                    yield from self._asked(torch, model, processor, [prompt], images)
                return
            yield Answer(block[0], error=f"the model failed: {type(error).__name__}")
            return
        share = 1000.0 * (time.monotonic() - start) / len(block)
        for prompt, (one, seen) in zip(block, made, strict=True):
            embedding = seen if prompt.probe is None else None
            answer = Answer(prompt, latency_ms=share, tokens=one.tokens, embedding=embedding)
            if not one.text.strip():
                yield replace(answer, error="the answer was empty")
                continue
            scores = None if one.says_yes is None else {"yes": one.says_yes}
            yield replace(answer, text=one.text, scores=scores, confidence=one.confidence)

    def _generate(
        self, torch: Any, model: Any, processor: Any, block: Sequence[Prompt], images: dict[str, list[Any]]
    ) -> list[tuple[Generated, Embedding | None]]:
        texts = [self._text(processor, prompt, len(images[prompt.id])) for prompt in block]
        shown_images = [images[p.id][0] if self._setting.family in _SINGLE else images[p.id] for p in block]
        read = processor(images=shown_images, text=texts, return_tensors="pt", padding=True)
        read = read.to(model.device, model.dtype)
        how: dict[str, Any] = {"max_new_tokens": self._setting.max_tokens, "do_sample": False}
        if self._setting.temperature > 0:
            how |= {"do_sample": True, "temperature": self._setting.temperature, "top_k": 0}
        with torch.random.fork_rng(), given_to_language(model) as given:
            torch.manual_seed(int.from_bytes(hashlib.sha256(block[0].id.encode()).digest()[:7]))
            out = model.generate(**read, **how, output_logits=True, return_dict_in_generate=True)
        said = read_tokens(torch, out, read, processor.tokenizer, model.generation_config)
        return list(zip(said, of_images(torch, model, read["input_ids"], given), strict=True))

    def _text(self, processor: Any, prompt: Prompt, count: int) -> str:
        family = self._setting.family
        template = self._setting.template
        if template is None and getattr(processor, "chat_template", None):
            content = [{"type": "image"}] * count + [{"type": "text", "text": prompt.text}]
            said = [{"role": "user", "content": content}]
            return str(processor.apply_chat_template(said, add_generation_prompt=True, tokenize=False))
        template = template or _PLAIN.get(family)
        if template is None:
            raise ReplayError("The checkpoint has no chat template; give model.template with {text} in it.")
        marker = _MARKER.get(family, "<image>") * count
        return template.replace("{images}", marker).replace("{text}", prompt.text)
