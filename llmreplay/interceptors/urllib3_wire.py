"""A connection to nobody, for urllib3: the bytes of an answer come from a source when the client reads them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any, Protocol

from llmreplay.core.model import End, Headers, Response, header
from llmreplay.interceptors.delivery import Delivery, pass_time
from llmreplay.interceptors.tee import Tee
from llmreplay.interceptors.urllib3_exchange import end_from, error_at, head_of

_PIECE_BYTES = 65536
_NO_BODY = frozenset((204, 304))


class Source(Protocol):
    """Where an answer comes from."""

    @property
    def head(self) -> Response:
        """Status and headers."""
        ...

    def next(self) -> bytes | None:
        """Wait for the next chunk; None at the end."""
        ...

    def ending(self) -> End:
        """How the body ended, after the last chunk."""
        ...

    def close(self) -> None:
        """Note that the client wants no more."""
        ...


class RecordedSource:
    """A recording, at the pace of the test's clock."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._end = End.COMPLETE

    @property
    def head(self) -> Response:
        """Status and headers."""
        return self._delivery.outcome

    def next(self) -> bytes | None:
        """Give the next chunk when it is due."""
        delivery = self._delivery
        chunk = delivery.next_chunk
        if chunk is None:
            pass_time(delivery.opened, delivery.outcome.end_delay_s)
            self._end = delivery.ended()
            return None
        pass_time(delivery.opened, chunk.delay_s, chunk.after_s, delivery.plan.speed)
        delivery.took()
        return chunk.data

    def ending(self) -> End:
        """How the recorded body ended."""
        return self._end

    def close(self) -> None:
        """Note that the client wants no more."""
        self._delivery.left()


class LiveSource:
    """A real response: noted, and passed on as it comes."""

    def __init__(self, library: ModuleType, native: Any, head: Response, tee: Tee) -> None:
        self._library = library
        self._native = native
        self._tee = tee
        self._end = End.COMPLETE
        self.head = head
        self._pieces = self._read()

    def _read(self) -> Iterator[bytes]:
        native = self._native
        if native.chunked and native.supports_chunked_reads():
            yield from native.read_chunked(decode_content=False)
            return
        read = getattr(native, "read1", native.read)
        while data := read(_PIECE_BYTES, decode_content=False):
            yield data

    def next(self) -> bytes | None:
        """Wait for what arrives next."""
        try:
            for data in self._pieces:
                self._tee.feed(data)
                return bytes(data)
        except (self._library.exceptions.HTTPError, OSError) as error:
            self._end = end_from(self._library, error)
        self._tee.ended(self._end)
        return None

    def ending(self) -> End:
        """How the body ended."""
        return self._end

    def close(self) -> None:
        """Note that the client wants no more."""
        if not self._tee.has_ended:
            with suppress(Exception):
                self._native.close()
            self._tee.ended(End.CLIENT_CLOSED)


def wire_of(source: Source, method: str) -> Iterator[bytes]:
    """Write an answer as HTTP/1.1, a piece for each chunk; raises as a socket does where the body ends badly."""
    head = source.head
    has_body = method.upper() != "HEAD" and head.status not in _NO_BODY
    headers, length = _framed(head, has_body=has_body)
    if not has_body or length == 0:
        source.next()
        yield head_of(head, headers)
        return
    yield head_of(head, headers)
    sent_bytes = 0
    while (data := source.next()) is not None:
        sent_bytes += len(data)
        if sent_bytes == length:
            # The client reads no further: the end comes with the last byte.
            source.next()
            yield data
            return
        yield data if length is not None else b"%x\r\n%b\r\n" % (len(data), data)
    end = source.ending()
    if end is End.COMPLETE:
        yield b"0\r\n\r\n" if length is None else b""
        return
    error = error_at(end)
    if error is not None:
        raise error


def _framed(head: Response, *, has_body: bool) -> tuple[Headers, int | None]:
    """Give the headers to write, and the length they promise; None: the body goes in chunks."""
    promised = header(head.headers, "content-length") or ""
    length = int(promised) if promised.isdecimal() else None
    total = sum(len(chunk.data) for chunk in head.chunks)
    # A recording that was cut short may promise more than it has; a fault may leave a promise that no longer holds.
    is_kept = length is not None and (not head.chunks or length == total or (length > total and _is_cut(head)))
    if not has_body:
        return head.headers, None
    framing = ("transfer-encoding",) if is_kept else ("transfer-encoding", "content-length")
    headers = tuple((name, value) for name, value in head.headers if name.lower() not in framing)
    return (headers, length) if is_kept else ((*headers, ("Transfer-Encoding", "chunked")), None)


def _is_cut(head: Response) -> bool:
    return head.end is not End.COMPLETE


class _Wire(io.RawIOBase):
    """What a socket would receive."""

    def __init__(self, pieces: Iterator[bytes], on_close: Callable[[], None]) -> None:
        self._pieces = pieces
        self._on_close = on_close
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._on_close()


class NowhereSocket:
    """Takes a request and sends it nowhere; gives the answer that is known."""

    def __init__(self, pieces: Iterator[bytes], on_close: Callable[[], None] = lambda: None) -> None:
        self._pieces = pieces
        self._on_close = on_close

    def sendall(self, data: object, flags: int = 0) -> None:
        """Send nothing."""

    def settimeout(self, timeout: float | None) -> None:
        """Do nothing: the source knows the client's timeouts."""

    def shutdown(self, how: int) -> None:
        """Do nothing: there is no peer."""

    def close(self) -> None:
        """Do nothing: an answer that is being read outlives its socket."""

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """Open the answer to read."""
        return io.BufferedReader(_Wire(self._pieces, self._on_close), _PIECE_BYTES)
