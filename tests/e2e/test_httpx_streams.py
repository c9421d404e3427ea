"""httpx and httpx2 without an SDK: redirects, uploads, downloads, and streams left early or read twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from io import BytesIO
from types import ModuleType
from typing import Any

import pytest

from llmreplay import use_cassette
from llmreplay.core.errors import ReadPastEnd, UnmatchedRequest
from llmreplay.core.model import Chunk, End, Response
from llmreplay.simulator import script

from .conftest import RecordThenReplay
from .plain_http import EVERY_BYTE, FETCH, LINES, SITE, facts, fetched, in_pieces, routes, text


@FETCH
def test_redirects_are_followed_again(
    record_then_replay: RecordThenReplay, library: ModuleType, fetch: Callable[..., Any]
) -> None:
    """Each hop is a recording of its own, and the client ends where it ended."""
    answers = {
        "old": text(b"", ("location", "/moved?to=1"), status=302),
        "moved": text(b"", ("location", f"{SITE}/new"), status=307),
        "new": text(b"here"),
    }

    twice = record_then_replay(fetch(library, "GET", "old", follow_redirects=True), routes(answers))

    assert twice.replayed == twice.live
    assert twice.live[3:] == (b"here", f"{SITE}/new")
    assert [attempt.status for attempt in twice.calls.attempts] == [302, 307, 200]


@FETCH
def test_an_upload_matches_whatever_its_boundary(
    record_then_replay: RecordThenReplay, library: ModuleType, fetch: Callable[..., Any]
) -> None:
    """A form with a file matches by its parts: the boundary is drawn anew each time, the bytes are not."""
    parts = {"file": ("a.bin", EVERY_BYTE, "application/octet-stream"), "note": ("note.txt", "één".encode())}
    upload = fetch(library, "POST", "upload", files=parts, data={"purpose": "test"})

    twice = record_then_replay(upload, script([text(b"stored")]))

    assert twice.replayed == twice.live
    assert EVERY_BYTE in record_then_replay.requests[0].body
    other = {**parts, "file": ("a.bin", EVERY_BYTE[:-1], "application/octet-stream")}
    with pytest.raises(UnmatchedRequest), use_cassette(twice.path, mode="none"):
        fetch(library, "POST", "upload", files=other, data={"purpose": "test"})()


def test_a_request_body_that_is_made_as_it_is_sent_is_recorded(
    record_then_replay: RecordThenReplay, library: ModuleType
) -> None:
    """A generator or a file as the request's body is sent whole, and matched by what it gave."""

    def work() -> list[Any]:
        with library.Client() as client:
            made = client.post(f"{SITE}/made", content=(piece for piece in (b"a", b"b", b"c")))
            read = client.post(f"{SITE}/read", content=BytesIO(b"from a file"))
            return [facts(made), facts(read)]

    twice = record_then_replay(work, routes({"made": text(b"1"), "read": text(b"2")}))

    assert twice.replayed == twice.live
    assert [request.body for request in record_then_replay.requests] == [b"abc", b"from a file"]


@pytest.mark.parametrize("way", ["iter_raw", "iter_bytes", "iter_text", "iter_lines"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_download_is_read_piece_by_piece(
    record_then_replay: RecordThenReplay, library: ModuleType, way: str, size: int
) -> None:
    """Every way of reading a stream gives the same pieces on replay, wherever the chunks cut the text."""

    def work() -> list[Any]:
        with library.Client() as client, client.stream("GET", f"{SITE}/file") as response:
            return list(getattr(response, way)())

    twice = record_then_replay(work, script([in_pieces(LINES, size)]))

    # Two chunks may arrive in one read; what is recorded is what arrived.
    assert twice.replayed == twice.live
    joined = [piece.encode() if isinstance(piece, str) else piece for piece in twice.live]
    assert b"".join(joined) == (b"".join(LINES.splitlines()) if way == "iter_lines" else LINES)


@pytest.mark.parametrize("way", ["aiter_raw", "aiter_bytes", "aiter_text", "aiter_lines"])
def test_a_download_is_read_piece_by_piece_on_a_loop(
    record_then_replay: RecordThenReplay, library: ModuleType, way: str
) -> None:
    """The same holds for an async client."""

    async def ask() -> list[Any]:
        async with library.AsyncClient() as client, client.stream("GET", f"{SITE}/file") as response:
            return [piece async for piece in getattr(response, way)()]

    twice = record_then_replay(lambda: asyncio.run(ask()), script([in_pieces(LINES, 7)]))

    assert twice.replayed == twice.live
    assert twice.live


@pytest.mark.parametrize("compress", ["gzip", "deflate"])
def test_a_compressed_download_is_decoded_once(
    record_then_replay: RecordThenReplay, library: ModuleType, compress: str
) -> None:
    """What came compressed is the same text on replay, and no header says that it is still compressed."""

    def work() -> str:
        with library.Client() as client:
            body: str = client.get(f"{SITE}/file").text
            return body

    twice = record_then_replay(work, script([in_pieces(LINES * 100, 900)]), compress=compress)

    assert twice.replayed == twice.live == (LINES * 100).decode()


def test_a_download_left_early_ends_there_again(record_then_replay: RecordThenReplay, library: ModuleType) -> None:
    """A client that closes early may close there again; one that reads on is refused."""
    endless = Response(200, (), (Chunk(b"one "), Chunk(b"two ")), End.CLIENT_CLOSED)

    def first_piece() -> bytes:
        with library.Client() as client, client.stream("GET", f"{SITE}/file") as response:
            return bytes(next(response.iter_raw())[:4])

    twice = record_then_replay(first_piece, script([endless]))

    assert twice.replayed == twice.live == b"one "
    with pytest.raises(ReadPastEnd), use_cassette(twice.path, mode="none"):
        fetched(library, "GET", "file")()


def test_a_body_that_nobody_reads_is_replayed_unread(record_then_replay: RecordThenReplay, library: ModuleType) -> None:
    """A client that only looks at the headers finds them again."""

    def headers_only() -> Any:
        with library.Client() as client, client.stream("GET", f"{SITE}/file") as response:
            return response.status_code, response.headers["x-trial-a"]

    twice = record_then_replay(headers_only, script([text(b"unread", ("x-trial-a", "1"))]))

    assert twice.replayed == twice.live == (200, "1")


def test_a_body_can_be_looked_at_twice_but_streamed_once(
    record_then_replay: RecordThenReplay, library: ModuleType
) -> None:
    """Read once, a body may be looked at again; streamed once, it is gone: the library says so as it does live."""

    def work() -> list[Any]:
        with library.Client() as client:
            whole = client.get(f"{SITE}/file")
            seen: list[Any] = [whole.content, whole.content, list(whole.iter_bytes()), whole.text]
            with client.stream("GET", f"{SITE}/file") as streamed:
                seen.append(b"".join(streamed.iter_raw()))
                for again in (streamed.iter_raw, streamed.read):
                    try:
                        list(again())
                    except library.StreamError as error:
                        seen.append(type(error).__name__)
            return seen

    twice = record_then_replay(work, script([text(LINES)] * 2))

    assert twice.replayed == twice.live
    assert twice.live[-1] == "StreamConsumed"


def test_queries_are_told_apart(record_then_replay: RecordThenReplay, library: ModuleType) -> None:
    """Each query gets its own answer, in whatever order they are asked for on replay."""
    names = ["a", "b", "ü", "a b", "a&b"]
    answers = script([text(name.encode()) for name in names])

    def work(order: list[str]) -> dict[str, str]:
        with library.Client() as client:
            return {name: client.get(f"{SITE}/file", params={"q": name}).text for name in order}

    twice = record_then_replay(lambda: work(names), answers)

    assert twice.replayed == {name: name for name in names}
    with use_cassette(twice.path, mode="none"):
        assert work(names[::-1]) == twice.live


def test_cookies_of_a_client_do_not_count(record_then_replay: RecordThenReplay, library: ModuleType) -> None:
    """A session cookie that the server sets is no part of what is asked, and is not written down."""
    secret = "session-8c6f2d1e9b7a4035"
    first = text(b"in", ("set-cookie", f"session={secret}; Path=/"))

    def work() -> list[str]:
        with library.Client() as client:
            return [client.get(f"{SITE}/in").text, client.get(f"{SITE}/page").text]

    twice = record_then_replay(work, routes({"in": first, "page": text(b"page")}))

    assert twice.replayed == twice.live == ["in", "page"]
    assert secret not in twice.path.read_text("utf-8")
