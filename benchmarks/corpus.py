"""The shared corpus of real exchanges as interactions, their bodies cut into chunks by a seeded knife."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmreplay.core.model import Chunk, Headers, Interaction, Request, Response

MOST_CHUNKS = 12
# What frames a message, or names the connection, belongs to the connection that carried it.
_FRAMING = {
    "accept-encoding", "connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "te",
    "transfer-encoding", "upgrade",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of the corpus.

    Attributes:
        source: Its origin: `owner/repo:path#index@commit`.
        interaction: What was asked and answered.
    """

    source: str
    interaction: Interaction

    @property
    def cassette(self) -> str:
        """The cassette it was cut from; exchanges of one cassette stand together and in order."""
        return self.source.rpartition("#")[0]


def exchanges_of(folder: Path, *, seed: int = 0) -> Iterator[Exchange]:
    """Read every exchange of the corpus, file by file, in order.

    Args:
        folder: Holds `<provider>.jsonl.gz`.
        seed: Of the chunk boundaries: the corpus has none.

    Raises:
        FileNotFoundError: The folder holds no corpus.
    """
    paths = sorted(folder.glob("*.jsonl.gz"))
    if not paths:
        raise FileNotFoundError(f"{folder}: no *.jsonl.gz here; give the folder of the corpus.")
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield _exchange(json.loads(line), seed)


def by_cassette(exchanges: Iterable[Exchange]) -> list[list[Exchange]]:
    """Group exchanges by the cassette they were cut from, in order."""
    groups: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        groups.setdefault(exchange.cassette, []).append(exchange)
    return list(groups.values())


def _exchange(line: dict[str, Any], seed: int) -> Exchange:
    sent, received = line["request"], line["response"]
    cuts = random.Random(f"{seed}:{line['source']}")
    response = Response(
        received["status"],
        _headers(received["headers"], cuts),
        tuple(Chunk(piece) for piece in _pieces(_body(received), cuts)),
    )
    # One recorder stores no host, and the corpus could not infer it.
    url = f"https://provider.example{sent['url']}" if sent["url"].startswith("/") else sent["url"]
    request = Request(sent["method"], url, _headers(sent["headers"], cuts), _body(sent))
    return Exchange(line["source"], Interaction(request, response))


def _body(message: dict[str, Any]) -> bytes:
    if "body_base64" in message:
        return base64.b64decode(message["body_base64"])
    return str(message.get("body_text", "")).encode("utf-8")


def _headers(pairs: list[list[str]], cuts: random.Random) -> Headers:
    # The corpus says REDACTED where a secret stood. A recorder has to meet a secret there, and another in each.
    return tuple(
        (name, value.replace("REDACTED", f"sk-{cuts.randbytes(20).hex()}"))
        for name, value in pairs
        if name.lower() not in _FRAMING and not name.startswith(":")
    )


def _pieces(body: bytes, cuts: random.Random) -> list[bytes]:
    if not body:
        return []
    count = min(cuts.randint(0, MOST_CHUNKS - 1), len(body) - 1)
    places = sorted(cuts.sample(range(1, len(body)), count))
    return [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]
