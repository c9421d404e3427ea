"""urllib3: its requests, responses and exceptions to our values and back."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from types import ModuleType
from typing import Any

from llmreplay.core.model import End, Failure, Headers, Request, Response, TransportFailure
from llmreplay.core.surroundings import Timeouts
from llmreplay.interceptors.content_encoding import decoded_body
from llmreplay.interceptors.tee import standard_reason

_OS_ERROR = re.compile(r"\[Errno (-?\d+)\] (.*)", re.DOTALL)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def body_of(body: Any) -> tuple[bytes, Any]:
    """Read the body of a request: its bytes, and what to send in its place, framed as urllib3 would have."""
    if body is None:
        return b"", None
    if isinstance(body, str):
        return body.encode(), body
    try:
        return bytes(memoryview(body)), body
    except TypeError:
        pass
    pieces = [body.read()] if hasattr(body, "read") else list(body)
    data = b"".join(piece.encode() if isinstance(piece, str) else bytes(piece) for piece in pieces)
    # A tuple has no length in bytes: it goes out in chunks, as a file or a generator does.
    return data, (data,)


def url_of(pool: Any, target: str) -> str:
    """Give the address of a request: the pool knows the host, the request only the path."""
    if "://" in target.split("?", 1)[0]:
        return target
    host = f"[{pool.host}]" if ":" in pool.host else pool.host
    port = "" if pool.port in (None, _DEFAULT_PORTS.get(pool.scheme)) else f":{pool.port}"
    return f"{pool.scheme}://{host}{port}{target}"


def request_from(pool: Any, method: str, target: str, headers: Mapping[str, Any], body: bytes) -> Request:
    """Read a request of urllib3; its body is decoded."""
    pairs = tuple((_text(name), _text(value)) for name, value in headers.items())
    pairs, body = decoded_body(pairs, body)
    return Request(method.upper(), url_of(pool, target), pairs, body)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def timeouts_from(pool: Any, timeout: Any) -> Timeouts:
    """Read how long a client waits."""
    clock = pool._get_timeout(timeout)
    clock.start_connect()
    resolve = clock.resolve_default_timeout
    return Timeouts(connect_s=resolve(clock.connect_timeout), read_s=resolve(clock.read_timeout))


def headers_of(native: Any) -> Headers:
    """Read the headers of a response, repeats kept."""
    return tuple((str(name), str(value)) for name, value in native.headers.iteritems())


def head_of(response: Response, headers: Headers) -> bytes:
    """Write the head of a response as it stands on the wire."""
    reason = response.reason or standard_reason(response.status)
    lines = [f"HTTP/1.1 {response.status} {reason}".encode("latin-1", "replace")]
    lines += [_header_bytes(f"{name}: {value}") for name, value in headers]
    return b"\r\n".join([*lines, b"", b""])


def _header_bytes(line: str) -> bytes:
    line = line.replace("\r", " ").replace("\n", " ")
    try:
        return line.encode("latin-1")
    except UnicodeEncodeError:
        return line.encode("utf-8")


# Failures


def exception_for(
    library: ModuleType, failure: TransportFailure, pool: Any, connection: Any, target: str, timeouts: Timeouts
) -> BaseException:
    """Make the exception that a pool meets; urllib3 wraps those of the operating system, and retries."""
    kind, message, errors = failure.kind, failure.message, library.exceptions
    made: BaseException
    if kind is Failure.CONNECT_ERROR:
        number, text = _os_error(message, errno.ECONNREFUSED)
        made = errors.NewConnectionError(connection, f"Failed to establish a new connection: [Errno {number}] {text}")
    elif kind is Failure.CONNECT_TIMEOUT:
        made = errors.ConnectTimeoutError(
            connection, f"Connection to {pool.host} timed out. (connect timeout={timeouts.connect_s})"
        )
    elif kind is Failure.READ_TIMEOUT:
        made = errors.ReadTimeoutError(pool, target, f"Read timed out. (read timeout={timeouts.read_s})")
    elif kind is Failure.POOL_TIMEOUT:
        made = errors.EmptyPoolError(pool, message or "Pool is empty and no connections are allowed.")
    elif kind is Failure.WRITE_TIMEOUT:
        made = TimeoutError(message or "The write operation timed out")
    elif kind is Failure.PROTOCOL_ERROR:
        made = RemoteDisconnected(message or "Remote end closed connection without response")
    else:
        default = errno.EPIPE if kind is Failure.WRITE_ERROR else errno.ECONNRESET
        made = OSError(*_os_error(message, default))
    return made


def _os_error(message: str, default: int) -> tuple[int, str]:
    found = _OS_ERROR.search(message)
    return (int(found[1]), found[2]) if found else (default, message)


def error_at(end: End) -> OSError | None:
    """Give what the operating system reports where a body ends badly; None where the bytes just end."""
    if end is End.RESET:
        return ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    return TimeoutError("timed out") if end is End.READ_TIMEOUT else None


def failure_from(library: ModuleType, error: BaseException, after_s: float) -> TransportFailure:
    """Read an exception, raised before a response began, as a failure."""
    errors = library.exceptions
    inner = _inner(library, error)
    message = str(inner)
    if isinstance(inner, errors.NewConnectionError):
        # Its own text names a connection, anew each time.
        kind, message = Failure.CONNECT_ERROR, message.rsplit("Failed to establish a new connection: ", 1)[-1]
    elif isinstance(inner, errors.ConnectTimeoutError):
        kind = Failure.CONNECT_TIMEOUT
    elif isinstance(inner, errors.ReadTimeoutError):
        kind = Failure.READ_TIMEOUT
    elif isinstance(inner, HTTPException):
        kind = Failure.PROTOCOL_ERROR
    elif isinstance(inner, TimeoutError):
        kind = Failure.WRITE_TIMEOUT
    elif isinstance(inner, BrokenPipeError):
        kind = Failure.WRITE_ERROR
    elif isinstance(inner, ConnectionError):
        kind = Failure.READ_ERROR
    else:
        kind = Failure.CONNECT_ERROR
    return TransportFailure(kind, message, after_s)


def _inner(library: ModuleType, error: BaseException) -> BaseException:
    """Give what a ProtocolError was made of."""
    is_wrapped = isinstance(error, library.exceptions.ProtocolError) and len(error.args) > 1
    return error.args[1] if is_wrapped and isinstance(error.args[1], BaseException) else error


def end_from(library: ModuleType, error: BaseException) -> End:
    """Read the exception that broke a body off."""
    inner = _inner(library, error)
    if isinstance(inner, TimeoutError | library.exceptions.TimeoutError):
        return End.READ_TIMEOUT
    if isinstance(inner, ConnectionError) and not isinstance(inner, IncompleteRead):
        return End.RESET
    return End.PEER_CLOSED
