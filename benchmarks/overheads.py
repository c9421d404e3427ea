"""What the parts of a replay cost: faults, the clock, the guard, streams, an order unlike that recorded."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import anthropic
import openai
from contestants import PRODUCT, LlmReplay
from material import KEY, ask, prompt

_COUNT = 200
_BODY_BYTES = 2000
_REPETITIONS = 11
_OPENINGS = 100


@dataclass(frozen=True, slots=True)
class Overhead:
    """A call replayed in a certain way, compared with a plain replay in the same run; medians."""

    name: str
    call_us: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Opening:
    """Milliseconds to open and close a cassette of one interaction, its file in the cache of the system; median."""

    name: str
    open_and_close_ms: float


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Milliseconds that a call takes which is told three times to come back after 30 seconds; median."""

    client: str
    real_ms: float
    waited_s: float


def measure(folder: Path) -> list[Overhead]:
    """Replay the same cassette in several ways, in turn; the first is the plain one."""
    from llmreplay import always, faults, first
    from llmreplay.core.fault import Injection, Scenario

    def scenario(fault: faults.Fault) -> Scenario:
        return Scenario((Injection(fault, always()),))

    never = Scenario((Injection(faults.Overloaded(), first(1, when=lambda request: False)),))
    path = folder / "overheads.json"
    PRODUCT.write(path, _COUNT, _BODY_BYTES)
    in_order = [prompt(number, _BODY_BYTES) for number in range(_COUNT)]
    shuffled = random.Random(7).sample(in_order, _COUNT)
    ways: dict[str, tuple[LlmReplay, list[str]]] = {
        "plain (guard off, clock real)": (LlmReplay(guard="off", clock="real"), in_order),
        "clock=retries": (LlmReplay(guard="off", clock="retries"), in_order),
        "clock=virtual": (LlmReplay(guard="off", clock="virtual"), in_order),
        "guard=test": (LlmReplay(guard="test", clock="real"), in_order),
        "guard=strict": (LlmReplay(guard="strict", clock="real"), in_order),
        "as by default": (LlmReplay(), in_order),
        "a fault that hits none": (LlmReplay(guard="off", clock="real", faults=never, on_unfired="ignore"), in_order),
        "faults.Delay(20) on all": (LlmReplay(guard="off", faults=scenario(faults.Delay(20.0))), in_order),
        "in another order": (LlmReplay(guard="off", clock="real"), shuffled),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_REPETITIONS):
        for name, (one, questions) in ways.items():
            times[name].append(_call_us(one.replaying(path, _COUNT, _BODY_BYTES), questions))
    plain = next(iter(times.values()))
    return [
        Overhead(name, median(taken), median(a / b for a, b in zip(taken, plain, strict=True)))
        for name, taken in times.items()
    ]


def openings(folder: Path) -> list[Opening]:
    """Open and close a cassette without a call, as a fixture does for each test."""
    path = folder / "opening.json"
    PRODUCT.write(path, 1, _BODY_BYTES)
    ways = {
        "guard off, clock real": LlmReplay(guard="off", clock="real"),
        "clock=retries": LlmReplay(guard="off"),
        "guard=test": LlmReplay(guard="test", clock="real"),
        "as by default": LlmReplay(),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_OPENINGS):
        for name, one in ways.items():
            began = time.perf_counter()
            with one.replaying(path, 1, _BODY_BYTES):
                pass
            times[name].append((time.perf_counter() - began) * 1e3)
    return [Opening(name, median(taken)) for name, taken in times.items()]


def _call_us(replaying: AbstractContextManager[anthropic.Anthropic], questions: Sequence[str]) -> float:
    clock = time.perf_counter
    times = []
    gc.collect()
    with replaying as client:
        for question in questions:
            before = clock()
            ask(client, question)
            times.append(clock() - before)
    return median(times) * 1e6


def retries(folder: Path) -> list[RetryAfter]:
    """Tell each SDK three times to wait for 30 seconds, then answer; nothing else in the process needs that long."""
    from llmreplay import faults, first, use_cassette

    message: Any = [{"role": "user", "content": "Weather in Paris?"}]

    def a_call(client: Any) -> Callable[[], Any]:
        if isinstance(client, anthropic.Anthropic | anthropic.AsyncAnthropic):
            return lambda: client.messages.create(model="claude-haiku-4-5", max_tokens=100, messages=message)
        return lambda: client.chat.completions.create(model="gpt-5-mini", messages=message)

    kinds: dict[str, Callable[[], Any]] = {
        "anthropic, sync": lambda: anthropic.Anthropic(api_key=KEY, max_retries=3),
        "anthropic, async": lambda: anthropic.AsyncAnthropic(api_key=KEY, max_retries=3),
        "openai, sync": lambda: openai.OpenAI(api_key=KEY, max_retries=3),
        "openai, async": lambda: openai.AsyncOpenAI(api_key=KEY, max_retries=3),
    }
    found = []
    for name, make in kinds.items():
        times, waited = [], []
        for number in range(_REPETITIONS):
            with use_cassette(folder / f"none-{name}-{number}.json", on_unfired="ignore") as replay:
                client = make()
                replay.inject(faults.RateLimited(retry_after_s=30), on=first(3))
                replay.reply("Sunny.")
                call = a_call(client)
                times.append(_real_ms(call, is_async="async" in name.split()))
                waited.append(sum(replay.calls.waits_s))
        found.append(RetryAfter(name, median(times), median(waited)))
    return found


_real_clock = time.clock_gettime


def _real_ms(call: Callable[[], Any], *, is_async: bool) -> float:
    # Of the operating system: the clocks of `time` count waits as if they had passed.
    began = _real_clock(time.CLOCK_MONOTONIC)
    if is_async:

        async def wait() -> None:
            await call()

        asyncio.run(wait())
    else:
        call()
    return (_real_clock(time.CLOCK_MONOTONIC) - began) * 1e3
