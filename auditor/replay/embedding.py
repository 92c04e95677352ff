"""What a model made of the images of a question, as one vector, for the drift of what it sees.

A model that writes turns each image into vectors that stand among those of the words. They are read where the
language model is given them, at its first step, so they cost nothing, and their mean is the embedding of the case.
Where a family shows images in another way (by cross-attention), there is none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from auditor.records import MAX_EMBEDDING

Embedding = tuple[float, ...]


def vector(values: Any) -> Embedding | None:
    """A tensor of one dimension in 32 bits; None where a record cannot hold it: too wide, or not finite."""
    plain = values.float().cpu()
    if len(plain) > MAX_EMBEDDING or not plain.isfinite().all():
        return None
    return tuple(plain.tolist())


@contextmanager
def given_to_language(model: Any) -> Iterator[list[Any]]:
    """A list that holds, once `model.generate` was called, what its language model read first.

    That is one tensor (rows, positions, width), with the vectors of the images in place of their tokens.
    """
    language = model.get_decoder()
    if getattr(language.config, "is_encoder_decoder", False):
        language = language.get_encoder()
    given: list[Any] = []

    def keep(module: Any, positional: Any, named: dict[str, Any]) -> None:
        if not given and named.get("inputs_embeds") is not None:
            given.append(named["inputs_embeds"])

    handle = language.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        yield given
    finally:
        handle.remove()


def of_images(torch: Any, model: Any, ids: Any, given: list[Any]) -> list[Embedding | None]:
    """The mean over the image tokens of each row of `ids` (rows, positions)."""
    token = getattr(model.config, "image_token_id", None)
    if token is None or not given or given[0].shape[:2] != ids.shape:
        return [None] * len(ids)
    word = model.get_input_embeddings()(torch.tensor([token], device=ids.device))
    made = []
    for row, places in zip(given[0], (ids == token).to(given[0].device), strict=True):
        seen = row[places]
        # with the token's own vector still in its place, the images are shown elsewhere
        empty = not len(seen) or torch.equal(seen, word.to(seen).expand_as(seen))
        made.append(None if empty else vector(seen.float().mean(dim=0)))
    return made
