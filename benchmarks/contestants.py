"""Who is compared: each writes a cassette of its own, loads it, and replays it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import anthropic
from material import ANSWER_HEADERS, URL, a_client, answer_body, answering_in_turn, request_body, the_ordinary_client

_SENT_HEADERS = (("content-type", "application/json"), ("anthropic-version", "2023-06-01"))
_RECORDED_AT = "2026-11-21T09:14:03Z"


class Contestant(Protocol):
    """One way to answer without a provider.

    Attributes:
        name: As the tables show it.
        suffix: Of its files; empty if it has none.
        answers_all_clients: Whether it answers clients with a transport of their own too, while it is open.
    """

    name: str
    suffix: str
    answers_all_clients: bool

    def write(self, path: Path, count: int, body_bytes: int) -> None:
        """Write a cassette of so many interactions, as the contestant itself writes them after recording."""
        ...

    def load(self, path: Path) -> object:
        """Read a cassette, as the contestant does before it answers."""
        ...

    def replaying(self, path: Path, count: int, body_bytes: int) -> AbstractContextManager[anthropic.Anthropic]:
        """Give a client that is answered from a cassette."""
        ...


class Mock:
    """`MockTransport` of the HTTP library, its answers at hand: the limit."""

    name = "MockTransport"
    suffix = ""
    answers_all_clients = False

    def write(self, path: Path, count: int, body_bytes: int) -> None:
        raise NotImplementedError("has no file")

    def load(self, path: Path) -> object:
        raise NotImplementedError("has no file")

    @contextmanager
    def replaying(self, path: Path, count: int, body_bytes: int) -> Iterator[anthropic.Anthropic]:
        yield a_client(answering_in_turn([answer_body(number, body_bytes) for number in range(count)]))


class LlmReplay:
    """This project; `settings` are those of `use_cassette`."""

    suffix = ".json"
    answers_all_clients = False

    def __init__(self, name: str = "llmreplay", **settings: object) -> None:
        self.name = name
        self._settings = settings

    def write(self, path: Path, count: int, body_bytes: int) -> None:
        from llmreplay.core.model import Chunk, Interaction, Request, Response
        from llmreplay.storage.files import save

        def interaction(number: int) -> Interaction:
            request = Request("POST", URL, _SENT_HEADERS, request_body(number, body_bytes))
            response = Response(200, ANSWER_HEADERS, (Chunk(answer_body(number, body_bytes), 0.31),))
            return Interaction(request, response, _RECORDED_AT)

        save(path, [interaction(number) for number in range(count)], lambda _: "anthropic.messages")

    def load(self, path: Path) -> object:
        from llmreplay.storage.files import load

        return load(path)

    @contextmanager
    def replaying(self, path: Path, count: int, body_bytes: int) -> Iterator[anthropic.Anthropic]:
        from llmreplay import use_cassette

        client = the_ordinary_client()
        with use_cassette(path, mode="none", on_unplayed="ignore", **self._settings):
            yield client


class Vcrpy:
    """vcrpy, matching the body as well."""

    name = "vcrpy"
    suffix = ".yaml"
    answers_all_clients = True

    def write(self, path: Path, count: int, body_bytes: int) -> None:
        from vcr.persisters.filesystem import FilesystemPersister
        from vcr.request import Request
        from vcr.serializers import yamlserializer

        headers = dict(_SENT_HEADERS)
        held: dict[str, list[Any]] = {"requests": [], "responses": []}
        for number in range(count):
            held["requests"].append(Request("POST", URL, request_body(number, body_bytes), headers))
            response = {
                "status": {"code": 200, "message": "OK"},
                "headers": {name: [value] for name, value in ANSWER_HEADERS},
                "body": {"string": answer_body(number, body_bytes)},
            }
            held["responses"].append(response)
        FilesystemPersister.save_cassette(path, held, yamlserializer)

    def load(self, path: Path) -> object:
        from vcr.persisters.filesystem import FilesystemPersister
        from vcr.serializers import yamlserializer

        return FilesystemPersister.load_cassette(path, yamlserializer)

    @contextmanager
    def replaying(self, path: Path, count: int, body_bytes: int) -> Iterator[anthropic.Anthropic]:
        import vcr

        client = the_ordinary_client()
        match_on = ["method", "scheme", "host", "port", "path", "query", "body"]
        with vcr.use_cassette(str(path), record_mode="none", match_on=match_on):
            yield client


class Cassetter:
    """cassetter with its matcher `json_body`."""

    name = "cassetter"
    suffix = ".yaml"
    answers_all_clients = True

    def write(self, path: Path, count: int, body_bytes: int) -> None:
        from cassetter import HttpInteraction, HttpRequest, HttpResponse
        from cassetter._core import Cassette, process_body

        cassette = Cassette()
        sent = {name: [value] for name, value in _SENT_HEADERS}
        got = {name: [value] for name, value in ANSWER_HEADERS}
        for number in range(count):
            asked = process_body(request_body(number, body_bytes), "application/json")
            answered = process_body(answer_body(number, body_bytes), "application/json")
            request, response = HttpRequest("POST", URL, sent, asked), HttpResponse(200, got, answered)
            cassette.add_interaction(HttpInteraction(request, response, _RECORDED_AT))
        cassette.save(str(path))

    def load(self, path: Path) -> object:
        from cassetter._core import Cassette

        return Cassette.load(str(path))

    @contextmanager
    def replaying(self, path: Path, count: int, body_bytes: int) -> Iterator[anthropic.Anthropic]:
        from cassetter import RecordMode, use_cassette

        client = the_ordinary_client()
        with use_cassette(str(path), record_mode=RecordMode.NONE, match_on=["method", "uri", "json_body"]):
            yield client


MOCK = Mock()
PRODUCT = LlmReplay(guard="off")
CONTESTANTS: tuple[Contestant, ...] = (MOCK, PRODUCT, Vcrpy(), Cassetter())
FILED: tuple[Contestant, ...] = CONTESTANTS[1:]
