"""Carries an outcome out on a connection: paced chunks, and ends that a well-behaved server never makes."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol

from llmreplay.core.model import Chunk, End, Failure, Headers, Outcome, Response, TransportFailure
from llmreplay.simulator.encoding import Encoder, encoder_for

_FRAMING = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"}
)
_LINGER_ZERO = struct.pack("ii", 1, 0)

Message = dict[str, Any]


class Connection(Protocol):
    """The client's connection, below HTTP."""

    transport: asyncio.Transport

    def set_reason(self, reason: str) -> None:
        """Set the reason phrase of the next response; empty for the standard one."""
        ...


async def send_outcome(
    outcome: Outcome,
    connection: Connection,
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Message], Awaitable[None]],
    *,
    compress: str | None = None,
) -> None:
    """Let the client see an outcome, in real time.

    Args:
        outcome: What the client is to see. A body that the client closed, or that ran into its timeout, ends
            in silence until the client goes.
        connection: Where to cause what HTTP has no word for.
        receive: Of the ASGI application, after the request's body was read.
        send: Of the ASGI application.
        compress: Content coding of the body; None for none.
    """
    if isinstance(outcome, TransportFailure):
        await pause(outcome.after_s + outcome.delay_s)
        await _end(_END_OF_FAILURE[outcome.kind], connection, receive)
        return
    await _send_response(outcome, connection, send, encoder_for(compress) if compress else None, compress)
    if outcome.end is not End.COMPLETE:
        await pause(outcome.end_delay_s)
        await _end(outcome.end, connection, receive)


async def pause(seconds: float) -> None:
    """Let real time pass, whatever clock a test has put in place of `asyncio.sleep`."""
    if seconds <= 0:
        return
    loop = asyncio.get_running_loop()
    passed = asyncio.Event()
    timer = loop.call_later(seconds, passed.set)
    try:
        await passed.wait()
    finally:
        timer.cancel()


_END_OF_FAILURE = {
    Failure.READ_ERROR: End.RESET,
    Failure.READ_TIMEOUT: End.READ_TIMEOUT,
    Failure.PROTOCOL_ERROR: End.PEER_CLOSED,
    Failure.CLIENT_CLOSED: End.CLIENT_CLOSED,
}


async def _send_response(
    response: Response,
    connection: Connection,
    send: Callable[[Message], Awaitable[None]],
    encoder: Encoder | None,
    coding: str | None,
) -> None:
    chunks = response.chunks
    await pause(response.delay_s + (_wait_before(chunks[0]) if chunks else 0.0))
    encoder = encoder if chunks else None
    pieces = _encoded(response, encoder)
    first = next(pieces, b"")
    headers = _headers(response.headers)
    if encoder is not None and coding is not None:
        headers.append((b"content-encoding", coding.encode()))
    is_whole = response.end is End.COMPLETE
    has_body = response.status not in (204, 304)
    if is_whole and len(chunks) <= 1 and has_body:
        headers.append((b"content-length", str(len(first)).encode()))
    connection.set_reason(response.reason)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": first if has_body else b"", "more_body": True})
    for chunk, piece in zip(chunks[1:], pieces, strict=True):
        await pause(_wait_before(chunk))
        if connection.transport.is_closing():
            return
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if is_whole:
        await pause(response.end_delay_s)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _encoded(response: Response, encoder: Encoder | None) -> Iterator[bytes]:
    last = len(response.chunks) - 1
    for index, chunk in enumerate(response.chunks):
        if encoder is None:
            yield chunk.data
        else:
            yield encoder(chunk.data, index == last and response.end is End.COMPLETE)


def _wait_before(chunk: Chunk) -> float:
    return chunk.after_s + chunk.delay_s


def _headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [
        (name.encode("latin-1"), value.encode("latin-1", "replace").strip())
        for name, value in headers
        if name.lower() not in _FRAMING
    ]


async def _end(end: End, connection: Connection, receive: Callable[[], Awaitable[Any]]) -> None:
    transport = connection.transport
    if end is End.RESET:
        while transport.get_write_buffer_size() and not transport.is_closing():
            await pause(0.001)
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()
    elif end is End.PEER_CLOSED:
        transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
