"""Does the same work without a recorder, recording, and on replay, for clients that take an address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmreplay import use_cassette
from llmreplay.core.model import Chunk, Response
from llmreplay.simulator import Simulator

PROVIDER = "https://api.openai.com"
PATH = "/v1/chat/completions"
ASKS = {"model": "gpt-5-mini", "stream": True, "messages": [{"role": "user", "content": "Where is Paris?"}]}
EVENTS = tuple(f"data: {number}\n\n".encode() for number in range(4))
SSE = (("content-type", "text/event-stream"),)
STREAM = Response(200, SSE, tuple(Chunk(event, 0.01) for event in EVENTS))
JSON = Response(200, (("content-type", "application/json"), ("x-request-id", "r1")), (Chunk(b'{"id": "x1"}'),))


def always(*outcomes: Any) -> Callable[[Any], Any]:
    """Give a source that answers with the outcomes in order, and with the last one from then on."""
    left = list(outcomes)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


@dataclass(slots=True)
class ThreeTimes:
    """Does the same work three times.

    Attributes:
        path: The cassette.
        run: Does the work at an address; gives what it saw, an exception as plain values.
        requests: What the provider got, without a recorder and with one.
        calls: Of the replay.
    """

    path: Path
    run: Callable[..., Any]
    requests: list[list[Any]] = field(default_factory=list)
    calls: Any = None

    def __call__(self, work: Callable[[str], Any], *outcomes: Any, compress: str | None = None) -> list[Any]:
        """Give what the work saw, each time."""
        seen = []
        with Simulator(always(*outcomes), compress=compress) as simulator:
            seen.append(self.run(work, simulator.url))
            self.requests.append(list(simulator.requests))
        with Simulator(always(*outcomes), compress=compress) as simulator:
            upstream = {PROVIDER: simulator.url}
            with use_cassette(self.path, mode="once", upstream=upstream):
                seen.append(self.run(work, PROVIDER))
            self.requests.append(list(simulator.requests))
            with use_cassette(self.path, mode="none", upstream=upstream) as replay:
                seen.append(self.run(work, PROVIDER))
            self.calls = replay.calls
            assert len(simulator.requests) == len(self.requests[1]), "the replay asked the provider"
        return seen


def alike(seen: list[Any]) -> Any:
    """Give what was seen, once it is the same each time."""
    assert seen[0] == seen[1], "recording changes what the client sees"
    assert seen[1] == seen[2], "the replay differs from the recording"
    return seen[2]


def recorded_with(path: Path, ask: Callable[[], Any], outcome: Any, **settings: Any) -> use_cassette:
    """Record one answer, and give the cassette to replay."""
    upstream: dict[str, str]
    with Simulator(always(outcome)) as simulator:
        upstream = {PROVIDER: simulator.url}
        with use_cassette(path, mode="once", upstream=upstream):
            ask()
    return use_cassette(path, mode="none", **settings)
