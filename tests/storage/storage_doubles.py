"""Interactions of every kind, and a disk on which any operation can fail."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from hypothesis import strategies as st

from llmreplay.core.model import Chunk, End, Failure, Interaction, Request, Response, TransportFailure
from llmreplay.storage.disk import RealDisk

AN_EVENT = b'event: ping\ndata: {"type": "ping"   }\n\n'


def a_response(*chunks: bytes, **others: object) -> Response:
    return Response(200, chunks=tuple(Chunk(data, 0.5) for data in chunks), **others)


def an_interaction(*chunks: bytes, body: bytes = b'{"model":"m"}', recorded_at: str = "") -> Interaction:
    request = Request("POST", "https://api.example.com/v1/messages", (("x-beta", "1"),), body)
    return Interaction(request, a_response(*(chunks or (b'{"answer":1}',))), recorded_at)


_texts = st.text(st.characters(), max_size=12) | st.text(st.characters(codec="utf-8"), max_size=12)
_names = st.sampled_from(["a", "A", "b", "x-id", "é", "\udcff"])
_headers = st.lists(st.tuples(_names, _texts), max_size=5).map(tuple)
_seconds = st.floats(0, 1e6).map(lambda value: round(value, 6))
_json_texts = st.sampled_from(
    [
        b'{"a":1.0,"a":-0,"b":[]}',
        b'{"a": [1E400, {"b": null}], "c": "\xc3\xa9\\u00e9"}',
        b'{\n  "a": [\n    1,\n    {}\n  ]\n}\n',
        b'{\n    "a": 1\n}',
        b'\n   \n\n{"a":1}\r\n',
        b'{"a" :1}',
        b'{"a":"\\ud800"}',
        b"[{}\r\n,\n{}]",
        b'{"a":1}\n{"b":2}\n',
        b"123",
        b"null",
    ]
)
_pieces = st.sampled_from(
    [
        AN_EVENT,
        b'data: {"a":1}\n\n',
        b'data: {"a":"\xf0\x9f\x98\x80"}\r\n\r\n',
        b"data: [DONE]\n\n",
        b"data: \n\n",
        b'data:{"a":1}\n\n',
        b"event: x\n\n",
        b": ping\n\n",
        b"\n",
        b"data: a\ndata: b\n\n",
        b'id: 1\nevent: x\ndata: {"a":1}\n\n',
        b'data: {"a":"\\udfff"}\n\n',
        b'{"a":1}\n',
        b'{"a":1}\r\n',
        b"\xff\xfe",
        b"\xef\xbf\xbe\x00",
    ]
)
_bodies = st.binary(max_size=40) | _json_texts | st.lists(_pieces, max_size=6).map(b"".join)


@st.composite
def _cut_bodies(draw: Callable[..., object]) -> tuple[Chunk, ...]:
    body = draw(_bodies)
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=6)))
    edges = [0, *cuts, len(body)]
    return tuple(Chunk(body[start:stop], draw(_seconds)) for start, stop in pairwise(edges))


_answered = st.builds(
    Response,
    st.integers(100, 999),
    _headers,
    _cut_bodies() | st.just(()),
    st.sampled_from(End),
    _texts,
)
_left = st.builds(
    lambda response, end_after_s: replace(response, end=End.CLIENT_CLOSED, end_after_s=end_after_s), _answered, _seconds
)
_responses = _answered | _left
_failures = st.builds(TransportFailure, st.sampled_from(Failure), _texts, _seconds)
_requests = st.builds(
    Request, st.sampled_from(["GET", "POST"]), st.just("https://a.example/b?c=%20"), _headers, _bodies
)
interactions = st.builds(
    Interaction,
    _requests,
    _responses | _failures,
    st.just("2026-11-21T09:14:03Z") | st.just(""),
    st.sampled_from(["setup", "call", "teardown"]),
)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Killed(BaseException):
    """The process is gone: nothing that would have run after this has run."""


class FailingDisk(RealDisk):
    """A disk whose n-th operation fails, and which counts them.

    Attributes:
        fail_at: The operation that fails, from 1; 0 for none.
        how: `ENOSPC`, `EIO`, `torn` (half is written, then EIO), `interrupt` (KeyboardInterrupt) or `kill`: from
            then on nothing works, as if the process were gone.
        after: Whether the operation is carried out before it fails.
    """

    def __init__(self, fail_at: int, how: str, *, after: bool = False) -> None:
        self.fail_at = fail_at
        self.how = how
        self.after = after
        self.count = 0
        self.names: list[str] = []

    def _do(self, name: str, operation: Callable[..., object], *arguments: object) -> object:
        if self.how == "kill" and self.fail_at and self.count >= self.fail_at:
            raise Killed
        self.count += 1
        self.names.append(name)
        if self.count != self.fail_at:
            return operation(*arguments)
        if self.how == "torn" and name == "write":
            operation(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        elif self.after:
            operation(*arguments)
        if self.how == "interrupt":
            raise KeyboardInterrupt
        if self.how == "kill":
            raise Killed
        number = errno.ENOSPC if self.how == "ENOSPC" else errno.EIO
        raise OSError(number, os.strerror(number))

    def make_folders(self, folder: Path) -> None:
        self._do("make_folders", super().make_folders, folder)

    def create(self, path: Path, mode: int) -> int:
        return self._do("create", super().create, path, mode)

    def open_append(self, path: Path, mode: int) -> int:
        return self._do("open_append", super().open_append, path, mode)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        return self._do("write", super().write, descriptor, data)

    def read_at(self, descriptor: int, offset: int, size: int) -> bytes:
        return self._do("read_at", super().read_at, descriptor, offset, size)

    def sync(self, descriptor: int) -> None:
        self._do("sync", super().sync, descriptor)

    def close(self, descriptor: int) -> None:
        try:
            self._do("close", super().close, descriptor)
        except BaseException:
            with suppress(OSError):
                os.close(descriptor)  # the test's own process lives on
            raise

    def replace(self, source: Path, target: Path) -> None:
        self._do("replace", super().replace, source, target)

    def sync_folder(self, folder: Path) -> None:
        self._do("sync_folder", super().sync_folder, folder)

    def remove(self, path: Path) -> None:
        self._do("remove", super().remove, path)
