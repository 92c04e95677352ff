"""A model behind any server that speaks OpenAI's chat completions (vLLM, TGI, hosted models)."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from auditor.intake.rendering import RENDERING, PictureError
from auditor.judges.chat import Chat, ChatError, Completion, server_key
from auditor.judges.failure import UNSETTLED, Failure
from auditor.model_settings import HttpModel
from auditor.replay.images import data_url
from auditor.replay.protocol import Answer, Prompt
from auditor.replay.shown import shown

#: What is kept of a failure that is a fact about the case.
_WORDS: Final = {
    Failure.REFUSAL: "the model declined to answer",
    Failure.TOO_LONG: "the answer was cut short or too long",
    Failure.UNREADABLE: "the answer was empty",
}
#: It takes other questions, so this one would be refused another day too.
_DECLINED: Final = "the server would not take this question"
#: After so many failures of the server in a row nothing more is asked.
MOST_IN_A_ROW: Final = 10


class HttpServed:
    """Asks several questions at once; answers come as they arrive."""

    def __init__(
        self,
        setting: HttpModel,
        folder: Path,
        *,
        environment: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._setting, self._folder = setting, folder
        self._environment, self._sleep, self._clock = environment, sleep, clock
        self._lock, self._in_a_row, self._served, self._next = threading.Lock(), 0, False, 0.0
        said = [setting.base_url, setting.model, setting.temperature, setting.max_tokens, RENDERING]
        self.fingerprint = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
        self.facts = {"family": "http", "model": setting.model}

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """One answer a prompt. Raises ServerKeyError where the key is not where the setting says."""
        source = iter(prompts)
        key = server_key(self._setting, self._environment)
        chat = Chat(self._setting, key, sleep=self._sleep, clock=self._clock)
        declined: list[Answer] = []  # before any was taken: the fault may be the server's or the question's
        with chat, ThreadPoolExecutor(self._setting.concurrency) as pool:
            # no more is asked than can be answered at once: a caller who stops has paid for nothing else
            waiting = {pool.submit(self._one, chat, p) for p in islice(source, self._setting.concurrency)}
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    answer = future.result()
                    if answer.error == str(Failure.DECLINED):
                        declined.append(answer)
                    else:
                        yield answer
                    waiting |= self._more(pool, chat, source)
        # where it took other questions since, it would refuse these another day too
        yield from (replace(a, error=_DECLINED, settled=True) if self._served else a for a in declined)

    def _more(self, pool: ThreadPoolExecutor, chat: Chat, source: Iterator[Prompt]) -> set[Future[Answer]]:
        return {pool.submit(self._one, chat, prompt) for prompt in islice(source, 1)}

    def _one(self, chat: Chat, prompt: Prompt) -> Answer:
        try:
            images = [data_url(image) for image in shown(prompt, self._folder)]
        except PictureError as error:
            return Answer(prompt, error=str(error))
        start = self._clock()
        try:
            said = self._ask(chat, prompt, images)
        except ChatError as error:
            if error.failure is Failure.DECLINED and self._served:
                return Answer(prompt, error=_DECLINED)
            if error.failure in UNSETTLED:
                return Answer(prompt, error=str(error.failure), settled=False)
            return Answer(prompt, error=_WORDS[error.failure], latency_ms=1000.0 * (self._clock() - start))
        latency = 1000.0 * (self._clock() - start)
        if not said.text.strip():
            return Answer(prompt, error=_WORDS[Failure.UNREADABLE], latency_ms=latency, tokens=said.tokens)
        likely = {} if said.likelihood is None else {"sequence": said.likelihood}
        return Answer(prompt, text=said.text, confidence=likely, latency_ms=latency, tokens=said.tokens)

    def _ask(self, chat: Chat, prompt: Prompt, images: list[str]) -> Completion:
        if self._in_a_row >= MOST_IN_A_ROW:
            raise ChatError(Failure.NOT_ASKED)
        self._wait_for_turn()
        content: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in images]
        content.append({"type": "text", "text": prompt.text})
        body: dict[str, Any] = {
            "max_tokens": self._setting.max_tokens,
            "messages": [{"role": "user", "content": content}],
        }
        if self._setting.logprobs:
            body["logprobs"] = True
        try:
            said = chat.complete(body)
        except ChatError as error:
            self._note(failed=error.failure in UNSETTLED)
            raise
        self._note(failed=False)
        return said

    def _wait_for_turn(self) -> None:
        """Hold questions apart, whichever thread asks, so that no more than `per_minute` begin in a minute."""
        if self._setting.per_minute is None:
            return
        with self._lock:
            turn = max(self._clock(), self._next)
            self._next = turn + 60.0 / self._setting.per_minute
        if (wait := turn - self._clock()) > 0:
            self._sleep(wait)

    def _note(self, *, failed: bool) -> None:
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if failed else 0
            self._served |= not failed
