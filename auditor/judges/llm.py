"""A language model as judge, behind the same protocol as the rules.

Its answers are validated and counted, never evaluated; what it cannot answer is a missing judgement with a
reason from a fixed list, which holds no word of any report.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, Final, Protocol

from auditor.judges.chat import Chat, ChatError, server_key
from auditor.judges.failure import UNSETTLED, Failure
from auditor.judges.llm_report import ReportSubject
from auditor.judges.llm_vqa import VqaSubject
from auditor.judges.pairs import BadPairError
from auditor.judges.prompts import schema_of, text_of
from auditor.model_settings import LlmSetting

#: Raised by hand whenever the reading of answers changes what a judgement says.
VERSION: Final = "llm-1"
#: The least number of pairs between two commits: what a crash can cost in paid answers.
SMALLEST_BLOCK: Final = 16
#: After so many failures in a row the server is not asked any more: thousands of pairs would wait in vain.
MOST_IN_A_ROW: Final = 10


class Subject(Protocol):
    """What a language model is asked about the pairs of one task, and how its answers are read."""

    prompt: str

    def settled(self, pair: Mapping[str, Any], judge: str) -> dict[str, Any] | None: ...
    def failed(self, pair: Mapping[str, Any], failure: Failure, judge: str) -> dict[str, Any]: ...
    def question(self, pair: Mapping[str, Any]) -> str: ...
    def read(self, pair: Mapping[str, Any], answer: str, judge: str) -> dict[str, Any]: ...


_SUBJECTS: Final[dict[str, Callable[[], Subject]]] = {"report": ReportSubject, "vqa": VqaSubject}


class LlmJudge:
    """Asks a server about each pair, several at once; results come in the order of the pairs.

    `digest` names prompt, schema, server, model, temperature and the number of the repeat. Failures of the
    server are counted over the life of the object: after `MOST_IN_A_ROW` the rest is not asked.
    """

    remote = True

    def __init__(
        self,
        task: str,
        setting: LlmSetting,
        repeat: int = 0,
        *,
        environment: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if task not in _SUBJECTS:
            raise BadPairError(f"no language model judges the task {task!r}: it judges report and vqa")
        self._subject = _SUBJECTS[task]()
        self._setting = setting
        self._environment, self._sleep, self._clock = environment, sleep, clock
        self._lock, self._in_a_row = threading.Lock(), 0
        self.name = f"{task} by {setting.model}"
        self.block = max(SMALLEST_BLOCK, 4 * setting.concurrency)
        prompt = self._subject.prompt
        said = [VERSION, text_of(prompt), schema_of(prompt), setting.base_url, setting.model]
        named = json.dumps([*said, setting.temperature, repeat], sort_keys=True)
        self.digest = hashlib.sha256(named.encode()).hexdigest()[:32]

    def judge(self, pairs: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """One result a pair, in order. Raises ServerKeyError when the key is not where the setting says."""
        source = iter(pairs)
        key = server_key(self._setting, self._environment)
        make = partial(Chat, self._setting, key, sleep=self._sleep, clock=self._clock)
        with make() as chat, ThreadPoolExecutor(self._setting.concurrency) as pool:
            while some := list(islice(source, self.block)):
                yield from pool.map(partial(self.one, chat), some)

    def one(self, chat: Chat, pair: Mapping[str, Any]) -> dict[str, Any]:
        """The result of one pair. Raises BadPairError when a field has the wrong type."""
        label = f"{self.name}:{self.digest}"
        settled = self._subject.settled(pair, label)
        if settled is not None:
            return settled
        try:
            return self._subject.read(pair, self._ask(chat, self._subject.question(pair)), label)
        except ChatError as error:
            return self._subject.failed(pair, error.failure, label)

    def _ask(self, chat: Chat, question: str) -> str:
        if self._in_a_row >= MOST_IN_A_ROW:
            raise ChatError(Failure.NOT_ASKED)
        prompt = self._subject.prompt
        try:
            answer = chat.ask(text_of(prompt), question, prompt, schema_of(prompt))
        except ChatError as error:
            self._note(failed=error.failure in UNSETTLED)
            raise
        self._note(failed=False)
        return answer

    def _note(self, *, failed: bool) -> None:
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if failed else 0
