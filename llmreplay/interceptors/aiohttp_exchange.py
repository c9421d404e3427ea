"""aiohttp: its requests, responses and exceptions to our values and back."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from llmreplay.core.model import End, Failure, Headers, Request, Response, TransportFailure
from llmreplay.core.surroundings import Timeouts
from llmreplay.interceptors.content_encoding import decoded_body
from llmreplay.interceptors.tee import standard_reason

CONNECTING = frozenset((Failure.CONNECT_ERROR, Failure.CONNECT_TIMEOUT, Failure.POOL_TIMEOUT))
"""Failures that aiohttp reports before there is a connection."""

_OS_ERROR = re.compile(r"\[Errno (-?\d+)\] (.*)", re.DOTALL)
# What aiohttp's parser says of a response that breaks HTTP, or that it cannot decode.
_BAD_HTTP = re.compile(r"(\d+), message:\n  (.*)", re.DOTALL)
_CUT = (
    "Response payload is not completed: "
    "<TransferEncodingError: 400, message='Not enough data to satisfy transfer length header.'>"
)
_RESET = "ConnectionResetError(104, 'Connection reset by peer')"
_NO_DATA = "Timeout on reading data from socket"


class _Collector:
    """Stands in for aiohttp's writer, and keeps the body that a payload writes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    async def write(self, chunk: Any, *_: Any, **__: Any) -> None:
        """Keep a piece."""
        self.parts.append(bytes(chunk))

    async def write_eof(self, chunk: Any = b"") -> None:
        """Keep the last piece."""
        self.parts.append(bytes(chunk))

    async def drain(self) -> None:
        """Nothing waits here."""


async def body_of(library: ModuleType, native: Any) -> bytes:
    """Read the body of a request, before content coding; a body that can be read but once is put back as bytes."""
    body = native.body
    if not body:
        return b""
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    collector = _Collector()
    await body.write(collector)
    data = b"".join(collector.parts)
    if not isinstance(body, library.BytesPayload):
        # Made empty and filled: aiohttp warns of bytes that are long, which an application that streams avoids.
        whole = library.BytesPayload(b"")
        whole._value, whole._size = data, len(data)
        if hasattr(native, "_body"):
            native._body = whole
        else:
            native.body = whole
    return data


def request_from(native: Any, body: bytes) -> Request:
    """Read a request of aiohttp; its body is decoded."""
    headers: Headers = tuple((str(name), str(value)) for name, value in native.headers.items())
    if native.compress:
        # aiohttp compresses on the way out: the body is still plain.
        headers = tuple((name, value) for name, value in headers if name.lower() != "content-encoding")
    headers, body = decoded_body(headers, body)
    return Request(native.method.upper(), str(native.url), headers, body)


def timeouts_from(timeout: Any) -> Timeouts:
    """Read how long a client waits; the total counts for each."""

    def shortest(*seconds: float | None) -> float | None:
        # aiohttp takes 0 for no timeout.
        return min((one for one in seconds if one), default=None)

    return Timeouts(
        connect_s=shortest(timeout.sock_connect, timeout.connect, timeout.total),
        read_s=shortest(timeout.sock_read, timeout.total),
    )


@contextmanager
def addressed_to(library: ModuleType, native: Any, url: str | None) -> Iterator[None]:
    """Address a request elsewhere for a while: to connect, and again to send. None: where it is addressed to."""
    if url is None:
        yield
        return
    own = native.url, native.headers.get("Host"), native.proxy
    native.url = library.client_reqrep.URL(url)
    native.headers["Host"] = native.url.authority
    # A stand-in is near: the proxy leads away from it.
    native.proxy = None
    try:
        yield
    finally:
        native.url, host, native.proxy = own
        if host is not None:
            native.headers["Host"] = host


def headers_of(message: Any) -> Headers:
    """Read the headers of a response."""
    return tuple((name.decode("utf-8", "surrogateescape"), _text(value)) for name, value in message.raw_headers)


def _text(value: bytes) -> str:
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _bytes(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8")


def message_of(library: ModuleType, response: Response) -> Any:
    """Make the head of a response."""
    from multidict import CIMultiDict, CIMultiDictProxy

    raw = tuple((_bytes(name), _bytes(value)) for name, value in response.headers)
    return library.http.RawResponseMessage(
        library.HttpVersion11,
        response.status,
        response.reason or standard_reason(response.status),
        CIMultiDictProxy(
            CIMultiDict(
                (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
                for name, value in raw
            )
        ),
        raw,
        True,
        None,
        False,
        False,
    )


def exception_for(library: ModuleType, failure: TransportFailure, native: Any, timeout: Any) -> BaseException | None:
    """Make the exception that aiohttp raises for a failure; None if it has none."""
    kind, message = failure.kind, failure.message
    made: BaseException | None = None
    if kind is Failure.CONNECT_ERROR:
        made = library.ClientConnectorError(native.connection_key, OSError(*_os_error(message, errno.ECONNREFUSED)))
    elif kind in (Failure.CONNECT_TIMEOUT, Failure.POOL_TIMEOUT):
        # The session makes a ConnectionTimeoutError of it.
        made = TimeoutError(message)
    elif kind is Failure.READ_TIMEOUT:
        made = library.SocketTimeoutError(message or _NO_DATA) if timeout.sock_read else TimeoutError()
    elif kind is Failure.READ_ERROR:
        made = library.ClientOSError(*_os_error(message, errno.ECONNRESET))
    elif kind is Failure.WRITE_ERROR:
        made = library.ClientOSError(*_os_error(message, errno.EPIPE))
    elif kind is Failure.PROTOCOL_ERROR:
        bad = _BAD_HTTP.fullmatch(message)
        made = (
            library.http_exceptions.HttpProcessingError(code=int(bad[1]), message=bad[2])
            if bad
            else library.ServerDisconnectedError(message or None)
        )
    return made


def _os_error(message: str, default: int) -> tuple[int, str]:
    found = _OS_ERROR.fullmatch(message)
    return (int(found[1]), found[2]) if found else (default, message)


def exception_at(library: ModuleType, end: End, timeout: Any) -> BaseException:
    """Make the exception with which aiohttp reports that a body ended badly."""
    if end is End.READ_TIMEOUT:
        timed_out: BaseException = library.SocketTimeoutError(_NO_DATA) if timeout.sock_read else TimeoutError()
        return timed_out
    cut: BaseException = library.ClientPayloadError(f"{_CUT}. {_RESET}" if end is End.RESET else _CUT)
    return cut


def failure_from(library: ModuleType, error: BaseException, after_s: float, *, is_connecting: bool) -> TransportFailure:
    """Read an exception of aiohttp, raised before a response began, as a failure."""
    message = str(error)
    if isinstance(error, library.ClientConnectorError):
        # Its own text is made anew, from the host, for whoever gets it.
        kind, message = Failure.CONNECT_ERROR, str(getattr(error, "os_error", error))
    elif isinstance(error, asyncio.TimeoutError):
        kind = Failure.CONNECT_TIMEOUT if is_connecting else Failure.READ_TIMEOUT
    elif is_connecting:
        kind = Failure.CONNECT_ERROR
    elif isinstance(error, OSError):
        kind = Failure.WRITE_ERROR if "write request body" in message else Failure.READ_ERROR
    else:
        kind = Failure.PROTOCOL_ERROR
    return TransportFailure(kind, message, after_s)


def end_from(error: BaseException) -> End:
    """Read the exception that broke a body off."""
    if isinstance(error, asyncio.TimeoutError):
        return End.READ_TIMEOUT
    return End.RESET if isinstance(error, OSError) or "ConnectionResetError" in str(error) else End.PEER_CLOSED
