"""Records against a provider on loopback, replays without it, and compares what the client saw."""

from __future__ import annotations

import base64
import gzip
import json
import os
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
from listening import replays_reach_nobody, simulators_seen  # noqa: F401

from llmreplay import use_cassette
from llmreplay.core.calls import Calls
from llmreplay.core.model import Chunk, Reply, Request, Response
from llmreplay.simulator import Simulator
from llmreplay.simulator.rows import json_body, row_for

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
PROVIDERS = ("https://api.anthropic.com", "https://api.openai.com", "https://files.example.com")


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away keys and addresses that the SDKs would read from the environment."""
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "OPENAI_", "LLMREPLAY_")) and name != "LLMREPLAY_RUN_BEGAN":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def one_tls_context() -> Iterator[None]:
    """Read the certificates of this machine once: every client does it again, 50 ms each, and needs none here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


def upstream_to(simulator: Simulator) -> dict[str, str]:
    """Send what is meant for a provider to a simulator."""
    return dict.fromkeys(PROVIDERS, simulator.url)


def says(reply: Reply) -> Callable[[Request], Response | None]:
    """Give a source that answers every request with the same reply, streamed or not as the request asks."""

    def answer(request: Request) -> Response | None:
        api = row_for(request)
        assert api is not None
        assert api.build_response is not None
        is_streamed = api.is_streamed is not None and api.is_streamed(urlsplit(request.url).path, json_body(request))
        return api.build_response(reply, request, is_streamed)

    return answer


@dataclass(frozen=True, slots=True)
class Twice:
    """What the same work saw while recording and on replay.

    Attributes:
        live: While recording.
        replayed: On replay, with the provider still listening and counted.
        live_calls: The calls of the recording.
        calls: The calls of the replay.
        path: The cassette.
    """

    live: Any
    replayed: Any
    live_calls: Calls
    calls: Calls
    path: Path


@dataclass(slots=True)
class RecordThenReplay:
    """Does the same work twice: recording from a provider on loopback, then offline.

    Attributes:
        folder: Where cassettes go.
        requests: What the provider got, over all recordings.
    """

    folder: Path
    requests: list[Request] = field(default_factory=list)
    _count: int = 0

    def __call__(self, work: Callable[[], Any], *answers: Any, compress: str | None = None, **settings: Any) -> Twice:
        """Record and replay; fails if the replay opened a connection to the provider.

        Args:
            work: What the application does.
            answers: Sources of the provider's answers; made-up ones if not given.
            compress: Content coding of the provider's bodies.
            settings: Of both.
        """
        self._count += 1
        path = self.folder / f"{self._count}.json"
        with Simulator(answers or None, compress=compress) as simulator:
            with use_cassette(path, mode="once", upstream=upstream_to(simulator), **settings) as recording:
                live = work()
            self.requests += simulator.requests
            connections = simulator.connections
            with use_cassette(path, mode="none", upstream=upstream_to(simulator), **settings) as replay:
                replayed = work()
            assert simulator.connections == connections, "the replay connected to the provider"
        return Twice(live, replayed, recording.calls, replay.calls, path)


@pytest.fixture
def record_then_replay(tmp_path: Path) -> RecordThenReplay:
    """Give the function that does the same work twice."""
    return RecordThenReplay(tmp_path)


@dataclass(frozen=True, slots=True)
class RealStream:
    """A recorded stream of a provider, served in pieces.

    Attributes:
        place: Where it stands in the corpus.
        body: Its bytes.
    """

    place: str
    body: bytes

    def response(self, piece_bytes: int) -> Response:
        """Serve it in pieces of so many bytes, whatever they cut."""
        pieces = [self.body[at : at + piece_bytes] for at in range(0, len(self.body), piece_bytes)]
        return Response(200, (("content-type", "text/event-stream"),), tuple(map(Chunk, pieces)))


def _real_streams(file: str, path: str) -> Iterator[RealStream]:
    with gzip.open(CORPUS / file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            exchange = json.loads(line)
            response = exchange["response"]
            is_here = urlsplit(exchange["request"]["url"]).path.endswith(path) and response["status"] == 200
            if not (is_here and exchange["meta"].get("stream") == "sse"):
                continue
            text = response.get("body_text")
            body = base64.b64decode(response["body_base64"]) if text is None else text.encode()
            yield RealStream(f"{file}:{number}", body)


@pytest.fixture(scope="session")
def real_streams() -> Callable[[str, str], Sequence[RealStream]]:
    """Give the corpus's streams of an endpoint; skips where there is no corpus."""

    def find(file: str, path: str) -> Sequence[RealStream]:
        if not (CORPUS / file).is_file():
            pytest.skip("the shared corpus is not in shared/corpus beside the repository")
        return list(_real_streams(file, path))

    return find


@pytest.fixture
def plainly_seen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Give a function that does the work with the provider and without any recorder."""

    def see(work: Callable[[], Any], *answers: Any) -> Any:
        with Simulator(answers or None) as simulator, monkeypatch.context() as patch:
            patch.setenv("ANTHROPIC_BASE_URL", simulator.url)
            patch.setenv("OPENAI_BASE_URL", f"{simulator.url}/v1")
            patch.setenv("ANTHROPIC_API_KEY", "no-key")
            patch.setenv("OPENAI_API_KEY", "no-key")
            return work()

    return see


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> ModuleType:
    """Give httpx or httpx2; skips where it is not installed."""
    found: ModuleType = pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    return found
