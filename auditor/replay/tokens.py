"""What was generated: text, how likely its tokens were, and the probability of yes against no."""

from dataclasses import dataclass
from typing import Any, Final

_YES: Final = ("yes", "Yes", " yes", " Yes", "YES")
_NO: Final = ("no", "No", " no", " No", "NO")


@dataclass(frozen=True)
class Generated:
    """One answer. `confidence` holds `sequence`, exp of the mean log-probability of its tokens, and, where it
    begins with yes or no, `yes_no`: the probability of the word it chose, of the two.
    """

    text: str
    tokens: int  # read and written
    confidence: dict[str, float]
    says_yes: float | None  # P(yes) of yes and no at the first token; null where neither was said


def read_tokens(torch: Any, out: Any, read: Any, tokenizer: Any, generation: Any) -> list[Generated]:
    """One `Generated` a row of a batch, from `generate(..., output_logits=True)`.

    Tokens from the end mark on are no part of an answer, and in no mean.
    """
    steps = len(out.logits)
    written = out.sequences[:, -steps:]
    logp = torch.log_softmax(torch.stack(out.logits, dim=1).float(), dim=-1)  # (rows, steps, vocabulary)
    ends = generation.eos_token_id
    stop = {end for end in (ends if isinstance(ends, list) else [ends]) if end is not None}
    made = []
    for row in range(written.shape[0]):
        said = written[row].tolist()
        length = next((i + 1 for i, token in enumerate(said) if token in stop), steps)
        text = tokenizer.decode(said[:length], skip_special_tokens=True).strip()
        chosen = logp[row, torch.arange(length), written[row, :length]]
        confidence = {"sequence": _probability(chosen.mean().exp().item())}
        yes = _yes_of_both(torch, logp[row, 0], tokenizer)
        word = text.lower()[:3]
        if yes is None or not (word == "yes" or (word[:2] == "no" and not word[2:].isalpha())):
            yes = None
        else:
            confidence["yes_no"] = yes if word == "yes" else 1.0 - yes
        made.append(Generated(text, int(read["attention_mask"][row].sum()) + length, confidence, yes))
    return made


def _yes_of_both(torch: Any, logp: Any, tokenizer: Any) -> float | None:
    """P(yes)/(P(yes) + P(no)) over their spellings' first tokens; null where the two share one."""
    yes, no = (
        {ids[0] for word in words if (ids := tokenizer.encode(word, add_special_tokens=False))}
        for words in (_YES, _NO)
    )
    if not yes - no or not no - yes:
        return None
    at = [torch.logsumexp(logp[sorted(side)], dim=0) for side in (yes - no, no - yes)]
    return _probability(torch.softmax(torch.stack(at), dim=0)[0].item())


def _probability(value: float) -> float:
    return min(1.0, max(0.0, value))
