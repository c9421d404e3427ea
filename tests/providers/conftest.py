"""The shared corpus of recorded exchanges, where it is there."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded exchange: what was asked, what came, and what its index says of it."""

    place: str
    api: str
    method: str
    url: str
    status: int
    body: bytes
    asked: str
    stream: str
    stops: tuple[str, ...]


def _exchanges(provider: str) -> Iterator[Exchange]:
    path = CORPUS / f"{provider}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"the shared corpus is not at {CORPUS.parent.name}/corpus beside the repository")
    stops = {}
    for line in (CORPUS / "index.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        if entry["file"] == path.name:
            stops[entry["line"]] = tuple(entry["stops"])
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            exchange = json.loads(line)
            request, response = exchange["request"], exchange["response"]
            if not {"body_text", "body_base64"} & response.keys():
                continue
            text = response.get("body_text")
            yield Exchange(
                place=f"{path.name}:{number}",
                api=exchange["api"],
                method=request["method"],
                url=request["url"],
                status=response["status"],
                body=base64.b64decode(response["body_base64"]) if text is None else text.encode(),
                asked=request.get("body_text", ""),
                stream=exchange["meta"].get("stream", ""),
                stops=stops[number],
            )


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], list[Exchange]]:
    """Give a provider's recorded exchanges that have a body; skips where there is no corpus."""
    found: dict[str, list[Exchange]] = {}

    def exchanges_of(provider: str) -> list[Exchange]:
        if provider not in found:
            found[provider] = list(_exchanges(provider))
        return found[provider]

    return exchanges_of
