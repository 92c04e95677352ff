"""The same question with its options in another order, and with "None of the above" in place of the right one.

A model that knows the answer names it wherever it stands, and says so where it is not offered. Sources:
HALT-MedVQA and MedVH (questions whose right option is taken away).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auditor.options import NONE_OF_THE_ABOVE, as_shown, can_be_reordered, can_lose_one, parted
from auditor.probe_names import NONE_OF_THESE, OPTION_ORDER
from auditor.replay.protocol import Prompt
from auditor.replay.questions import asked, place_of, row_of
from auditor.settings import AuditSettings

Truth = Mapping[tuple[str, str | None], str]


def option_probes(
    settings: AuditSettings, fingerprint: str, bases: Sequence[Prompt], truth: Truth
) -> Iterator[Prompt]:
    """The probes of `probes.options`; `truth` has the right answer of each (case, item), in words.

    Only questions in the form in which replay asks them: of a recorded one nobody knows where its options stand.
    """
    for base in bases:
        if not (found := parted(base.text)):
            continue
        question, options = found
        right = truth.get((base.case_id, base.item))
        changed: dict[str, list[str]] = {}
        if "order" in settings.probes.options and can_be_reordered(options):
            changed[OPTION_ORDER] = rotated(options, place_of(base.id, settings.seed))
        if "none_of_the_above" in settings.probes.options and right in options and can_lose_one(options):
            changed[NONE_OF_THESE] = [NONE_OF_THE_ABOVE if one == right else one for one in options]
        for probe, shown in changed.items():
            row: dict[str, Any] = row_of(base) | {"prompt": as_shown(question, shown)}
            yield asked(settings, fingerprint, base.task, row, 0, probe, base.id)


def rotated(options: Sequence[str], drawn: bytes) -> list[str]:
    """The options begun at another one, which `drawn` chooses: each of them gets another letter.

    >>> rotated(["mass", "effusion"], b"any")
    ['effusion', 'mass']
    """
    step = 1 + int.from_bytes(drawn[:8]) % (len(options) - 1)
    return [*options[step:], *options[:step]]
