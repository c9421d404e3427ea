"""A provider that counts who connects to it, and a fixture that fails a replay which reached anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from weakref import WeakSet

import pytest

from llmreplay.core.model import Outcome, Request
from llmreplay.session.replay import Replay
from llmreplay.simulator import Simulator, make_up

Answering = Callable[[Request], Outcome | None]
PROVIDERS = ("https://api.anthropic.com", "https://api.openai.com", "https://gateway.example.com")


class Listener:
    """A running simulator whose answers a test sets.

    Attributes:
        answer: Gives the answer to a request.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.answer: Answering = make_up()

    def reset(self) -> None:
        """Answer as at the start."""
        self.answer = make_up()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._simulator.url

    @property
    def upstream(self) -> dict[str, str]:
        """Send what is meant for a provider here."""
        return dict.fromkeys(PROVIDERS, self._simulator.url)

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        return self._simulator.connections

    @property
    def requests(self) -> tuple[Request, ...]:
        """What arrived so far."""
        return self._simulator.requests


@pytest.fixture(scope="session")
def simulators_seen() -> Iterator[WeakSet[Simulator]]:
    """Give every simulator that was started during the session."""
    seen: WeakSet[Simulator] = WeakSet()
    start = Simulator.start

    def started(simulator: Simulator) -> None:
        start(simulator)
        seen.add(simulator)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Simulator, "start", started)
        yield seen


@pytest.fixture(autouse=True)
def replays_reach_nobody(monkeypatch: pytest.MonkeyPatch, simulators_seen: WeakSet[Simulator]) -> Iterator[None]:
    """Count what reaches any simulator while replays alone are open; any connection or request fails the test."""
    before: dict[int, dict[int, tuple[int, int]]] = {}
    recording: set[int] = set()
    reached: list[str] = []
    opened, closed = Replay.open, Replay.close

    def counts() -> dict[int, tuple[int, int]]:
        return {id(one): (one.connections, len(one.requests)) for one in simulators_seen}

    def open_counted(replay: Replay) -> None:
        opened(replay)
        if replay.recorder.is_offline:
            before[id(replay)] = counts()
        else:
            # What reaches a simulator from now on is no matter of the replays that are open beside this one.
            recording.add(id(replay))
            before.clear()

    def close_counted(replay: Replay, **options: bool) -> None:
        then, now = before.pop(id(replay), {}), counts()
        reached.extend(
            f"{replay.path.name}: {now[key]} connections and requests, {then[key]} before"
            for key in then.keys() & now.keys()
            if now[key] != then[key] and not recording
        )
        recording.discard(id(replay))
        closed(replay, **options)

    monkeypatch.setattr(Replay, "open", open_counted)
    monkeypatch.setattr(Replay, "close", close_counted)
    yield
    assert reached == [], "a replay reached the provider"
