"""What each SDK makes of each fault, measured over recordings: the class it raises and how often it tries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import openai

from llmreplay import always, use_cassette
from llmreplay.core.fault import Fault
from llmreplay.core.model import Reply
from llmreplay.session import Replay
from llmreplay.simulator import Simulator

from .conftest import says, upstream_to
from .sdk_variants import CHAT, CLAUDE, GPT, MESSAGES, RESPONSES

APIS = (MESSAGES, CHAT, RESPONSES)
ANSWER = Reply(text="À Paris, près de la Seine, il fait beau; demain aussi, dit-on.")
HELLO = [{"role": "user", "content": "Quel temps fait-il ?"}]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask."""

    api: str
    is_streamed: bool
    is_async: bool

    def __str__(self) -> str:
        streamed = "streamed" if self.is_streamed else "whole"
        return f"{self.api}-{streamed}-{'async' if self.is_async else 'sync'}"

    @property
    def recording(self) -> str:
        """Name of its cassette; sync and async clients send the same."""
        return f"{self.api}-{'streamed' if self.is_streamed else 'whole'}.json"


WAYS = tuple(Way(api, streamed, is_async) for api in APIS for streamed in (False, True) for is_async in (False, True))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a call.

    Attributes:
        raised: The exception's class, with its library where that is not the SDK; None if none was raised.
        attempts: How many there were.
        is_as_recorded: Whether the client saw what it sees without a fault.
        is_complete: Whether the answer was whole, as read from the wire.
        cannot_apply: Why the fault could not be laid over this call; empty if it could.
    """

    raised: str | None
    attempts: int
    is_as_recorded: bool
    is_complete: bool
    cannot_apply: str = ""

    def __str__(self) -> str:
        if self.cannot_apply:
            return "-"
        if self.raised:
            return f"{self.raised} x{self.attempts}"
        if not self.is_complete:
            return "silent, incomplete"
        return "unnoticed" if self.is_as_recorded else "silent, changed"


@dataclass(slots=True)
class Bench:
    """The recordings, and a client of each kind; one for all measurements, as clients take long to make.

    Attributes:
        folder: Where the recordings are.
    """

    folder: Path
    _clients: dict[tuple[str, bool], Any] = field(default_factory=dict)
    _plain: dict[Way, list[str]] = field(default_factory=dict)
    _measured: dict[tuple[Fault, Way], Verdict] = field(default_factory=dict)

    def record(self) -> None:
        """Record one call of each kind from a simulator."""
        with Simulator(says(ANSWER)) as simulator:
            for way in WAYS[::2]:
                with use_cassette(self.folder / way.recording, mode="once", upstream=upstream_to(simulator)):
                    self._plain[way] = list(self._asked(way))
        for way in WAYS[1::2]:
            self._plain[way] = self._plain[Way(way.api, way.is_streamed, is_async=False)]

    def verdict(self, fault: Fault, way: Way) -> Verdict:
        """Lay a fault over every attempt of a call, and give what became of it."""
        if (fault, way) not in self._measured:
            self._measured[fault, way] = self._measure(fault, way)
        return self._measured[fault, way]

    def open(self, way: Way, **settings: Any) -> use_cassette:
        """Give the recording of a way to ask."""
        settings = {"mode": "none", "on_unplayed": "ignore", "on_unfired": "ignore", **settings}
        return use_cassette(self.folder / way.recording, **settings)

    def ask(self, way: Way) -> list[str]:
        """Ask, and give what the client saw; what it raises is raised."""
        return list(self._asked(way))

    def _measure(self, fault: Fault, way: Way) -> Verdict:
        raised: str | None = None
        seen: list[str] = []
        with self.open(way) as replay:
            replay.inject(fault, on=always)
            try:
                seen.extend(self._asked(way))
            except Exception as error:
                raised = _named(error)
        return _judged(replay, raised, seen == self._plain[way])

    def _asked(self, way: Way) -> Iterator[str]:
        client = self._client(way)
        ask = _ASKING[way.api](client)
        arguments = dict(_ARGUMENTS[way.api, way.is_streamed])
        if way.is_async:
            items: list[str] = []
            try:
                asyncio.run(_collect(ask, arguments, items))
            finally:
                yield from items
            return
        answer = ask(**arguments)
        if not way.is_streamed:
            yield answer.model_dump_json(warnings=False) if hasattr(answer, "model_dump_json") else repr(answer)
            return
        with answer:
            for event in answer:
                yield event.model_dump_json(warnings=False)

    def _client(self, way: Way) -> Any:
        sdk = way.api.partition(".")[0]
        if (sdk, way.is_async) not in self._clients:
            self._clients[sdk, way.is_async] = _CLIENTS[sdk, way.is_async](api_key="not-a-key")
        return self._clients[sdk, way.is_async]

    def close(self) -> None:
        """Close the clients."""
        with ExitStack() as stack:
            for (_, is_async), client in self._clients.items():
                stack.callback((lambda client=client: asyncio.run(client.close())) if is_async else client.close)


async def _collect(ask: Callable[..., Any], arguments: dict[str, Any], items: list[str]) -> None:
    answer = await ask(**arguments)
    if not arguments.get("stream"):
        items.append(answer.model_dump_json(warnings=False) if hasattr(answer, "model_dump_json") else repr(answer))
        return
    async with answer:
        async for event in answer:
            items.append(event.model_dump_json(warnings=False))


def _judged(replay: Replay, raised: str | None, is_as_recorded: bool) -> Verdict:
    failures = [armed.failure for armed in replay.recorder.faulting.armed if armed.failure]
    call = replay.calls.one()
    return Verdict(raised, len(call.attempts), is_as_recorded, call.is_complete, "".join(failures))


def _named(error: BaseException) -> str:
    library = type(error).__module__.partition(".")[0]
    name = type(error).__name__
    return name if library in ("anthropic", "openai", "builtins") else f"{library}.{name}"


_CLIENTS = {
    ("anthropic", False): anthropic.Anthropic,
    ("anthropic", True): anthropic.AsyncAnthropic,
    ("openai", False): openai.OpenAI,
    ("openai", True): openai.AsyncOpenAI,
}
_ASKING: dict[str, Callable[[Any], Callable[..., Any]]] = {
    MESSAGES: lambda client: client.messages.create,
    CHAT: lambda client: client.chat.completions.create,
    RESPONSES: lambda client: client.responses.create,
}
_WHOLE: dict[str, dict[str, Any]] = {
    MESSAGES: {"model": CLAUDE, "max_tokens": 64, "messages": HELLO},
    CHAT: {"model": GPT, "messages": HELLO},
    RESPONSES: {"model": GPT, "input": HELLO[0]["content"]},
}
_STREAMED = {api: {**arguments, "stream": True} for api, arguments in _WHOLE.items()}
_STREAMED[CHAT]["stream_options"] = {"include_usage": True}
_ARGUMENTS = {
    **{(api, False): arguments for api, arguments in _WHOLE.items()},
    **{(api, True): arguments for api, arguments in _STREAMED.items()},
}
