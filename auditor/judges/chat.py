"""One question to an OpenAI-compatible server: limits, when to try again, and what can go wrong.

Language models that judge and audited models that are replayed are asked through it.

No exception, log line or repr of this module holds the key, a question or an answer.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from statistics import fmean
from types import TracebackType
from typing import Any, Final, Self

import httpx
from pydantic import BaseModel, Field, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from auditor.judges.failure import Failure
from auditor.model_settings import Server

#: A judgement is a few thousand characters; a longer answer is a model that does not stop.
LARGEST_ANSWER: Final = 1 << 20
#: Seconds. A server that asks for more is left alone until the next audit.
LONGEST_WAIT: Final = 60.0
_LONGEST_BACK_OFF: Final = 30.0
_CONNECT: Final = 10.0


#: What may have passed a moment later. A late answer would be late again; a 4xx would be said again.
_WORTH_ANOTHER_TRY: Final = frozenset({Failure.UNREACHABLE, Failure.BROKEN, Failure.BUSY, Failure.SERVER})


class ChatError(Exception):
    """A question without an answer; `wait` is how many seconds the server asked to be left alone."""

    def __init__(self, failure: Failure, wait: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.wait = wait


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Token(BaseModel):
    logprob: float = Field(allow_inf_nan=False)


class _Logprobs(BaseModel):
    content: list[_Token] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(BaseModel):
    total_tokens: int | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class ServerKeyError(ValueError):
    """One clear sentence about the key of a server, which it never holds."""


def server_key(setting: Server, environment: Mapping[str, str]) -> str | None:
    """The key from the environment variable that the setting names; None where it names none.

    Raises ServerKeyError when it is not there or is no key.
    """
    variable = setting.key_variable
    if variable is None:
        return None
    key = environment.get(variable, "").strip()
    if not key:
        raise ServerKeyError(f"The server's key is not set: put it into the environment variable {variable}.")
    if not (key.isascii() and key.isprintable()):
        # an HTTP library would quote it in its complaint
        raise ServerKeyError(f"The environment variable {variable} holds characters that no key has.")
    return key


@dataclass(frozen=True)
class Completion:
    """What the model said, and what the server told about it.

    `tokens` were read and written; `likelihood` is exp of the mean log-probability of the tokens written. Both
    are None where the server does not say.
    """

    text: str
    tokens: int | None
    likelihood: float | None = None


class Chat:
    """A connection to one server and model; safe to use from many threads.

    `sleep` waits between attempts and `clock` tells seconds for the deadline; both come from outside so that
    tests need not wait.
    """

    def __init__(
        self,
        setting: Server,
        key: str | None,
        *,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._setting = setting
        self._sleep = sleep
        self._clock = clock
        # unpacked answers have no limit of size, so none is asked for
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._client = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(setting.timeout, connect=min(_CONNECT, setting.timeout)),
            limits=httpx.Limits(max_connections=setting.concurrency),
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._client.close()

    def ask(self, instructions: str, question: str, name: str, schema: Mapping[str, Any]) -> str:
        """The text of the answer, which should be JSON of this schema and may be anything.

        Tries again after 1, 2, 4 … seconds, or as long as the server's Retry-After says, when the server is
        busy (429), in trouble (5xx), or the connection fails; never after any other 4xx or a late answer.

        Raises ChatError when there is no answer.
        """
        request = {
            "messages": [
                {"role": "system", "content": instructions},
                {"role": "user", "content": question},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": name, "strict": True, "schema": schema},
            },
        }
        return self.complete(request).text

    def complete(self, request: Mapping[str, Any]) -> Completion:
        """The answer to `request`, which has everything but the model and its temperature; see `ask`.

        Raises ChatError when there is no answer.
        """
        said = {"model": self._setting.model, "temperature": self._setting.temperature}
        body = json.dumps(said | dict(request)).encode("ascii")
        attempts: Retrying = Retrying(
            stop=stop_after_attempt(self._setting.attempts),
            wait=_pause,
            retry=retry_if_exception(_worth_another_try),
            sleep=self._sleep,
            reraise=True,
        )
        return attempts(self._once, body)

    def _once(self, body: bytes) -> Completion:
        try:
            return _answer_in(self._post(body))
        except httpx.ConnectTimeout:
            raise ChatError(Failure.UNREACHABLE) from None
        except httpx.TimeoutException:
            raise ChatError(Failure.LATE) from None
        except httpx.ConnectError:
            raise ChatError(Failure.UNREACHABLE) from None
        except httpx.HTTPError:
            raise ChatError(Failure.BROKEN) from None

    def _post(self, body: bytes) -> bytes:
        """The body of a successful response. A server that sends it byte by byte has no more time than any."""
        start = self._clock()
        received = bytearray()
        url = f"{self._setting.base_url}/chat/completions"
        with self._client.stream("POST", url, content=body) as response:
            _check(response)
            for chunk in response.iter_raw():
                received += chunk
                if len(received) > LARGEST_ANSWER:
                    raise ChatError(Failure.TOO_LONG)
                if self._clock() - start > self._setting.timeout:
                    raise ChatError(Failure.LATE)
        return bytes(received)


def _check(response: httpx.Response) -> None:
    """Raise ChatError for every status but 200."""
    status = response.status_code
    if status == 200:
        return
    if status == 429:
        raise ChatError(Failure.BUSY, _asked_to_wait(response.headers))
    if status >= 500:
        raise ChatError(Failure.SERVER, _asked_to_wait(response.headers))
    if status in (401, 403):
        raise ChatError(Failure.KEY)
    raise ChatError(Failure.NOT_FOUND if status == 404 else Failure.DECLINED)


def _answer_in(body: bytes) -> Completion:
    """What the model said. Raises ChatError for a refusal, half an answer, or what is no chat completion."""
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError:
        raise ChatError(Failure.BROKEN) from None
    choice = completion.choices[0]
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise ChatError(Failure.REFUSAL)
    if choice.finish_reason == "length":
        raise ChatError(Failure.TOO_LONG)
    if not choice.message.content:
        raise ChatError(Failure.UNREADABLE)
    tokens = completion.usage.total_tokens if completion.usage else None
    written = (choice.logprobs and choice.logprobs.content) or []
    likelihood = min(1.0, math.exp(fmean(one.logprob for one in written))) if written else None
    return Completion(choice.message.content, tokens, likelihood)


def _asked_to_wait(headers: httpx.Headers) -> float | None:
    """Seconds of a Retry-After header; a date counts from the server's own clock. None where there is none."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        until, said = parsedate_to_datetime(value), parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (until - said).total_seconds())
    except (ValueError, TypeError):
        return None


def _worth_another_try(error: BaseException) -> bool:
    return (
        isinstance(error, ChatError)
        and error.failure in _WORTH_ANOTHER_TRY
        and (error.wait or 0.0) <= LONGEST_WAIT
    )


def _pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: doubling from one, and never less than the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, ChatError) else None
    return max(asked or 0.0, min(_LONGEST_BACK_OFF, 2.0 ** (state.attempt_number - 1)))
