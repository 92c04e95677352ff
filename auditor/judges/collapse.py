"""Mode collapse: a system that says the same whatever the image shows.

A sentence that stands in most of a system's drafts is a template; that is seen over the system, never in one
pair. Sentences are compared in the lexicon's form, so spelling and plurals do not hide a template.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from auditor.claims.lexicon import Lexicon
from auditor.claims.sentences import sentences, tokenise

#: Share of drafts from which on a sentence counts as a template.
MOST = 0.5


@dataclass(frozen=True, slots=True)
class Collapse:
    """How alike the drafts of a system are.

    `templates` maps each sentence that stands in more than half of the drafts to its share, as words of the
    lexicon's form; `same_draft` is the share of the commonest whole draft.
    """

    drafts: int
    same_draft: float | None
    templates: dict[str, float]

    @property
    def collapsed(self) -> bool:
        """Whether any sentence, or one whole draft, stands in more than half of the drafts."""
        return bool(self.templates) or (self.same_draft or 0.0) > MOST


def shares(texts: Iterable[str], templates: Iterable[str], lexicon: Lexicon) -> dict[str, float]:
    """In which share of other texts (say, the radiologists' reports) each template stands; empty without texts."""
    wanted = set(templates)
    total, said = 0, Counter[str]()
    for text in texts:
        tokens = tokenise(text, lexicon)
        if tokens.words:
            total += 1
            said.update(wanted & {" ".join(tokens.words[s.first : s.last]) for s in sentences(tokens, lexicon)})
    return {template: said[template] / total for template in wanted} if total else {}


def collapse(drafts: Iterable[str], lexicon: Lexicon) -> Collapse:
    """Count templates over the drafts of one system and version; drafts without words are left out."""
    total = 0
    said: Counter[str] = Counter()
    whole: Counter[tuple[str, ...]] = Counter()
    for draft in drafts:
        tokens = tokenise(draft, lexicon)
        if not tokens.words:
            continue
        total += 1
        whole[tuple(tokens.words)] += 1
        said.update({" ".join(tokens.words[s.first : s.last]) for s in sentences(tokens, lexicon)})
    if not total:
        return Collapse(0, None, {})
    templates = {sentence: n / total for sentence, n in said.most_common() if n > MOST * total}
    return Collapse(total, whole.most_common(1)[0][1] / total, templates if total > 1 else {})
