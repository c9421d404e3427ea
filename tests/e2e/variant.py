"""The ways to ask an SDK: sync and async; plain, streamed, by helper, raw; what each client sees, as plain values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import openai

CLAUDE, GPT, EMBEDDER = "claude-haiku-4-5", "gpt-5-mini", "text-embedding-3-small"
MESSAGES, CHAT, RESPONSES, EMBEDDINGS = (
    "anthropic.messages",
    "openai.chat.completions",
    "openai.responses",
    "openai.embeddings",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of one answer.

    Attributes:
        items: Events, lines or the whole answer, as text, in order.
        error: The exception that ended it: its class, its text, and for one of an SDK the class of its cause.
    """

    items: tuple[str, ...]
    error: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to ask.

    Attributes:
        api: Name of the api that it reaches.
        way: `create`, `stream`, `helper`, `raw`, `streaming`, `final` or `beta`.
        is_async: Whether it is asked on an event loop.
        ask: Takes the keyword arguments of the client and a prompt; gives what the client sees, one by one.
    """

    api: str
    way: str
    is_async: bool
    ask: Callable[..., Any]

    def __str__(self) -> str:
        return f"{self.api}-{self.way}-{'async' if self.is_async else 'sync'}"

    @property
    def is_streamed(self) -> bool:
        """Whether the answer comes event by event."""
        return self.way in ("stream", "helper", "final", "beta-stream")

    def run(self, prompt: str, **client: Any) -> tuple[str, ...]:
        """Ask, and give all that the client saw; what it raises is raised."""
        items: list[str] = []
        self._run_into(items, prompt, client)
        return tuple(items)

    def see(self, prompt: str, **client: Any) -> Seen:
        """Ask, and give what the client saw, an exception included; a refusal is raised."""
        items: list[str] = []
        try:
            self._run_into(items, prompt, client)
        except Exception as error:
            # The cause of an HTTP library's own exception lies in its transport, which replay has none of.
            is_of_sdk = isinstance(error, anthropic.AnthropicError | openai.OpenAIError)
            return Seen(tuple(items), (name_of(error), str(error), name_of(error.__cause__) if is_of_sdk else ""))
        return Seen(tuple(items))

    async def gather(self, prompt: str, **client: Any) -> tuple[str, ...]:
        """Ask on the running loop."""
        return tuple([as_text(item) async for item in self.ask(client, prompt)])

    def _run_into(self, items: list[str], prompt: str, client: dict[str, Any]) -> None:
        if not self.is_async:
            items.extend(as_text(item) for item in self.ask(client, prompt))
            return

        async def collect() -> None:
            async for item in self.ask(client, prompt):
                items.append(as_text(item))

        asyncio.run(collect())


def name_of(value: object) -> str:
    """Give the class of a value by name, whatever its module: httpx's errors and httpx2's are the same to us."""
    return type(value).__name__


def as_text(item: Any) -> str:
    """Write what a client saw as text."""
    return item.model_dump_json(warnings=False) if hasattr(item, "model_dump_json") else str(item)


VARIANTS: list[Variant] = []


def variant(api: str, way: str, *, is_async: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a generator function as a way to ask."""

    def enter(ask: Callable[..., Any]) -> Callable[..., Any]:
        VARIANTS.append(Variant(api, way, is_async, ask))
        return ask

    return enter


def of(api: str, *ways: str) -> list[Variant]:
    """Give the variants of an api, of the given ways or of all."""
    return [one for one in VARIANTS if one.api == api and (not ways or one.way in ways)]


def claude_asks(prompt: str) -> dict[str, Any]:
    """Give the arguments of a message."""
    return {"model": CLAUDE, "max_tokens": 64, "messages": [{"role": "user", "content": prompt}]}


def chat_asks(prompt: str) -> dict[str, Any]:
    """Give the arguments of a chat completion."""
    return {"model": GPT, "messages": [{"role": "user", "content": prompt}]}
