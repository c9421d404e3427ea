"""Record every exchange of the corpus from the simulator with a real client, replay it offline, compare.

    python benchmarks/corpus_round_trip.py ../shared/corpus

Each exchange is asked for under the provider's address (`upstream` leads to the simulator), by httpx and httpx2,
sync and async in turn, and recorded into a cassette for each cassette of the corpus. Then it is replayed, offline.
Prints the count and ends with 1 if any exchange or cassette differs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
from corpus import Exchange, by_cassette, exchanges_of

from llmreplay import use_cassette
from llmreplay.core.model import Chunk, Request, Response, TransportFailure
from llmreplay.core.redaction import Redactor
from llmreplay.simulator import Simulator, serve_interactions
from llmreplay.storage.codec import encode
from llmreplay.storage.files import load

_TIMEOUT_S = 20.0
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of a response: its status and the chunks in which its body came."""

    status: int
    chunks: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks)


@dataclass(slots=True)
class Verdict:
    """What became of the corpus.

    Attributes:
        exchanges: Exchanges asked for.
        same: Those of them that came back with the same status, bytes and chunks.
        redacted: Those of the same in which secrets were redacted; all else in them is as it was.
        cassettes: Cassettes recorded.
        same_cassettes: Those of them that are the same file when read and written again.
        problems: What differed, a line each.
    """

    exchanges: int = 0
    same: int = 0
    redacted: int = 0
    cassettes: int = 0
    same_cassettes: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing differed."""
        return not self.problems and self.same == self.exchanges and self.same_cassettes == self.cassettes

    def __str__(self) -> str:
        return (
            f"{self.same} of {self.exchanges} exchanges replayed with the same status, bytes and chunks "
            f"({self.redacted} of them with redacted values)\n"
            f"{self.same_cassettes} of {self.cassettes} cassettes read and written again are the same file"
        )


class Clients:
    """The four clients that take turns."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._clients: list[Any] = []

    async def __aenter__(self) -> Clients:
        for library in (httpx, httpx2):
            self._clients.append(self._stack.enter_context(library.Client(timeout=_TIMEOUT_S)))
            self._clients.append(await self._stack.enter_async_context(library.AsyncClient(timeout=_TIMEOUT_S)))
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._stack.aclose()

    async def send(self, turn: int, request: Request) -> Seen:
        """Send a request with the client whose turn it is, and read the response chunk by chunk."""
        client = self._clients[turn % len(self._clients)]
        sending = client.stream(
            request.method, request.url, headers=list(request.headers), content=request.body or None
        )
        if isinstance(client, httpx.Client | httpx2.Client):
            with sending as response:
                return Seen(response.status_code, tuple(response.iter_bytes()))
        async with sending as response:
            return Seen(response.status_code, tuple([chunk async for chunk in response.aiter_bytes()]))


async def round_trip(
    groups: Sequence[Sequence[Exchange]],
    folder: Path,
    *,
    compress: str | None = None,
) -> Verdict:
    """Record and replay exchanges.

    Args:
        groups: Exchanges that share a cassette.
        folder: For the cassettes.
        compress: Content coding in which the simulator sends its bodies.
    """
    verdict = Verdict()
    interactions = [exchange.interaction for group in groups for exchange in group]
    turn = 0
    with Simulator(serve_interactions(interactions), compress=compress) as simulator:
        async with Clients() as clients:
            for number, group in enumerate(groups):
                path = folder / f"{number // 100:02}" / f"{number % 100:02}.json"
                recorded = await _play(clients, turn, group, path, "once", simulator.url)
                asked = len(simulator.requests)
                replayed = await _play(clients, turn, group, path, "none", simulator.url)
                if len(simulator.requests) != asked:
                    verdict.problems.append(f"{group[0].cassette}: the replay reached the simulator")
                for exchange, first, second in zip(group, recorded, replayed, strict=True):
                    _judge(verdict, exchange, first, second)
                verdict.cassettes += 1
                verdict.same_cassettes += path.read_bytes() == encode(load(path) or ())
                turn += len(group)
    return verdict


async def _play(
    clients: Clients, turn: int, group: Sequence[Exchange], path: Path, mode: str, url: str
) -> list[Seen | str]:
    seen: list[Seen | str] = []
    origins = {_origin(exchange.interaction.request.url) for exchange in group}
    hosts = tuple(urlsplit(origin).hostname or "" for origin in origins)
    settings = {"upstream": dict.fromkeys(origins, url), "hosts": hosts, "on_unplayed": "ignore"}
    with use_cassette(path, mode=mode, **settings):
        for offset, exchange in enumerate(group):
            try:
                seen.append(await clients.send(turn + offset, exchange.interaction.request))
            except (httpx.HTTPError, httpx2.HTTPError) as error:
                seen.append(repr(error))
    return seen


def _origin(url: str) -> str:
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.netloc.decode('ascii')}"


def _judge(verdict: Verdict, exchange: Exchange, recorded: Seen | str, replayed: Seen | str) -> None:
    verdict.exchanges += 1
    outcome = exchange.interaction.outcome
    assert isinstance(outcome, Response)
    if isinstance(recorded, str) or isinstance(replayed, str):
        verdict.problems.append(f"{exchange.source}: recorded {recorded!r:.200}, replayed {replayed!r:.200}")
    elif (recorded.status, recorded.body) != (outcome.status, outcome.body):
        verdict.problems.append(f"{exchange.source}: the client did not get what the corpus holds")
    elif recorded == replayed:
        verdict.same += 1
    elif replayed == _redacted(exchange, recorded):
        verdict.same += 1
        verdict.redacted += 1
    else:
        verdict.problems.append(f"{exchange.source}: {_difference(recorded, replayed)}")


def _redacted(exchange: Exchange, seen: Seen) -> Seen:
    # Second opinion: a fresh redactor, which has met only this exchange.
    outcome = exchange.interaction.outcome
    assert not isinstance(outcome, TransportFailure)
    redactor = Redactor()
    redactor.learn_from_request(exchange.interaction.request)
    redactor.learn_from_response(outcome)
    redacted = redactor.outcome(replace(outcome, chunks=tuple(Chunk(data) for data in seen.chunks)))
    assert isinstance(redacted, Response)
    return Seen(seen.status, tuple(chunk.data for chunk in redacted.chunks))


def _difference(recorded: Seen, replayed: Seen) -> str:
    if recorded.status != replayed.status:
        return f"status {recorded.status} became {replayed.status}"
    if recorded.body == replayed.body:
        return f"{len(recorded.chunks)} chunks became {len(replayed.chunks)}, or were cut elsewhere"
    pairs = enumerate(zip(recorded.body, replayed.body, strict=False))
    place = next((index for index, (one, other) in pairs if one != other), len(replayed.body))
    before, after = (seen.body[max(0, place - 30) : place + 30] for seen in (recorded, replayed))
    return f"byte {place}: {before!r} became {after!r}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the round trip and print the count; give 0 if all is the same."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", type=Path, help="folder of the corpus")
    parser.add_argument("--seed", type=int, default=0, help="of the chunk boundaries")
    parser.add_argument("--every", type=int, default=1, help="take every n-th cassette only")
    parser.add_argument("--compress", help="content coding of the simulator's bodies")
    options = parser.parse_args(arguments)
    groups = by_cassette(exchanges_of(options.corpus, seed=options.seed))[:: options.every]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        verdict = asyncio.run(round_trip(groups, Path(folder), compress=options.compress))
    for problem in verdict.problems[:_SHOWN]:
        sys.stdout.write(f"{problem}\n")
    if len(verdict.problems) > _SHOWN:
        sys.stdout.write(f"and {len(verdict.problems) - _SHOWN} more\n")
    sys.stdout.write(f"{verdict}\n{time.perf_counter() - started:.1f} s\n")
    return 0 if verdict.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
