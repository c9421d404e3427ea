"""httpx and httpx2: their requests, responses and exceptions to our values and back."""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType
from typing import Any

from llmreplay.core.attempt import Attempt
from llmreplay.core.model import End, Failure, Headers, Request, Response, TransportFailure, header
from llmreplay.core.recorder import Recorder
from llmreplay.core.surroundings import NO_TIMEOUTS, Timeouts
from llmreplay.interceptors.content_encoding import decoded_body
from llmreplay.interceptors.tee import Tee as PlainTee

_EXCEPTION_NAMES = {
    Failure.CONNECT_ERROR: "ConnectError",
    Failure.CONNECT_TIMEOUT: "ConnectTimeout",
    Failure.READ_ERROR: "ReadError",
    Failure.READ_TIMEOUT: "ReadTimeout",
    Failure.WRITE_ERROR: "WriteError",
    Failure.WRITE_TIMEOUT: "WriteTimeout",
    Failure.POOL_TIMEOUT: "PoolTimeout",
    Failure.PROTOCOL_ERROR: "RemoteProtocolError",
}
_FAILURES = {name: failure for failure, name in _EXCEPTION_NAMES.items()}
# Exceptions that are no failure's own: their name stands before the message, and they are made again from it.
_NAMED_IN_MESSAGE = {
    "ProxyError": Failure.CONNECT_ERROR,
    "LocalProtocolError": Failure.PROTOCOL_ERROR,
    "CloseError": Failure.READ_ERROR,
}
_ENDINGS = {
    End.PEER_CLOSED: (
        "RemoteProtocolError",
        "peer closed connection without sending complete message body (incomplete chunked read)",
    ),
    End.RESET: ("ReadError", "[Errno 104] Connection reset by peer"),
    End.READ_TIMEOUT: ("ReadTimeout", "The read operation timed out"),
}
_LENGTH = (b"Content-Length", b"content-length")
_END_OF = {"ReadTimeout": End.READ_TIMEOUT, "ReadError": End.RESET}


# A client sends nearly the same headers with every request: they are read once, and are one object in memory.
@lru_cache(maxsize=200)
def _read_headers(raw: tuple[tuple[bytes, bytes], ...]) -> tuple[Headers, bool]:
    """Give headers as text, and whether they say that the body is encoded."""
    kept = (pair for pair in raw if pair[0].lower() != b"content-length")
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in kept)
    return headers, header(headers, "content-encoding") is not None


def request_from(native: Any, body: bytes) -> Request:
    """Read a request of httpx; its body is decoded, and its length is left to the body."""
    raw = native.headers.raw
    # Its length differs from request to request; it stands near the end.
    for place in range(len(raw) - 1, -1, -1):
        if raw[place][0] in _LENGTH:
            del raw[place]
            break
    headers, is_encoded = _read_headers(tuple(raw))
    if is_encoded:
        headers, body = decoded_body(headers, body)
    return Request(native.method.upper(), str(native.url), headers, body)


def timeouts_from(native: Any) -> Timeouts:
    """Read how long the client of a request waits."""
    timeout = native.extensions.get("timeout")
    return _timeouts(timeout.get("connect"), timeout.get("read")) if timeout else NO_TIMEOUTS


@lru_cache(maxsize=50)
def _timeouts(connect_s: float | None, read_s: float | None) -> Timeouts:
    return Timeouts(connect_s=connect_s, read_s=read_s)


def redirected(library: ModuleType, native: Any, url: str) -> Any:
    """Give the same request, addressed elsewhere."""
    target = library.URL(url)
    headers = library.Headers(native.headers)
    headers["host"] = target.netloc.decode("ascii")
    return library.Request(
        native.method, target, headers=headers, stream=native.stream, extensions=dict(native.extensions)
    )


def response_to(library: ModuleType, response: Response, stream: Any) -> Any:
    """Make a response of httpx whose body is `stream`."""
    extensions: dict[str, Any] = {"http_version": b"HTTP/1.1"}
    if response.reason:
        extensions["reason_phrase"] = response.reason.encode("latin-1", "replace")
    return library.Response(
        response.status, headers=_written_headers(response.headers), stream=stream, extensions=extensions
    )


def _written_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    try:
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    except UnicodeEncodeError:
        return [(name.encode("latin-1", "replace"), _header_bytes(value)) for name, value in headers]


def _header_bytes(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8")


def exception_for(library: ModuleType, failure: TransportFailure, native: Any) -> BaseException:
    """Make the exception that this library raises for a failure."""
    name, message = _EXCEPTION_NAMES[failure.kind], failure.message
    first, _, rest = message.partition(": ")
    if _NAMED_IN_MESSAGE.get(first) is failure.kind:
        name, message = first, rest
    exception: BaseException = getattr(library, name)(message, request=native)
    return exception


def exception_at(library: ModuleType, end: End, native: Any) -> BaseException:
    """Make the exception with which this library reports that a body ended badly."""
    name, message = _ENDINGS[end]
    exception: BaseException = getattr(library, name)(message, request=native)
    return exception


def failure_from(error: BaseException, after_s: float) -> TransportFailure:
    """Read an exception of this library as a failure."""
    for kind in type(error).__mro__:
        if kind.__name__ in _FAILURES:
            return TransportFailure(_FAILURES[kind.__name__], str(error), after_s)
        if kind.__name__ in _NAMED_IN_MESSAGE:
            return TransportFailure(_NAMED_IN_MESSAGE[kind.__name__], f"{kind.__name__}: {error}", after_s)
    return TransportFailure(Failure.PROTOCOL_ERROR, str(error), after_s)


class Tee(PlainTee):
    """Notes the chunks of a response of httpx."""

    def __init__(self, recorder: Recorder, attempt: Attempt, native: Any, sent_s: float) -> None:
        headers = tuple((name.decode("latin-1"), _header_text(value)) for name, value in native.headers.raw)
        reason = native.extensions.get("reason_phrase", b"").decode("latin-1")
        super().__init__(recorder, attempt, native.status_code, headers, reason, sent_s)

    def broke(self, error: BaseException) -> None:
        """Record that the body broke off with an exception of this library."""
        self.ended(_END_OF.get(type(error).__name__, End.PEER_CLOSED))


def _header_text(value: bytes) -> str:
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        return value.decode("latin-1")
