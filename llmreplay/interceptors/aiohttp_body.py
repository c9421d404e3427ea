"""Bodies for aiohttp that come when the client asks for more: chunk by chunk, in the client's own task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Protocol

from llmreplay.core.model import End
from llmreplay.interceptors.aiohttp_exchange import end_from
from llmreplay.interceptors.delivery import Delivery
from llmreplay.interceptors.dispatch import DISPATCH
from llmreplay.interceptors.tee import Tee


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that came together.

    Attributes:
        data: Empty where only the end of a chunk came.
        ends_chunk: Whether an HTTP chunk ends with them.
    """

    data: bytes
    ends_chunk: bool = True


class Source(Protocol):
    """Where a body comes from."""

    async def next(self) -> Piece | None:
        """Wait for what comes next; None at the end, an exception where the body breaks off."""
        ...


class RecordedBody:
    """The body of a recording, at the pace of the test's clock."""

    def __init__(self, delivery: Delivery, timer: Any, exception_at: Callable[[End], BaseException]) -> None:
        self._delivery = delivery
        self._timer = timer
        self._exception_at = exception_at
        self._due_s: float | None = None

    async def next(self) -> Piece | None:
        """Give the next chunk when it is due."""
        chunk = self._delivery.next_chunk
        if chunk is not None:
            await self._pass_time(chunk.delay_s, chunk.after_s)
            self._delivery.took()
            return Piece(chunk.data)
        patience_s = self._delivery.patience_s
        await self._pass_time(self._delivery.outcome.end_delay_s + patience_s, is_patient=patience_s > 0)
        end = self._delivery.ended()
        if end is not End.COMPLETE:
            raise self._exception_at(end)
        return None

    async def _pass_time(self, delay_s: float, after_s: float = 0.0, *, is_patient: bool = False) -> None:
        loop, pacer, speed = asyncio.get_running_loop(), self._delivery.opened.pacer, self._delivery.plan.speed
        try:
            with self._timer:
                if self._due_s is None:
                    if speed and after_s:
                        await pacer.pace_async(after_s, speed)
                    # A read that is broken off, by wait_for say, does not make the provider begin again.
                    self._due_s = loop.time() + delay_s
                else:
                    delay_s = self._due_s - loop.time()
                if delay_s > 0:
                    await pacer.sleep_async(delay_s, is_patient=is_patient)
        except TimeoutError:
            self._delivery.left(End.READ_TIMEOUT)
            raise
        self._due_s = None


class LiveBody:
    """The body of a real response: noted, and passed on as it comes."""

    def __init__(self, payload: Any, tee: Tee, *, is_chunked: bool) -> None:
        self._payload = payload
        self._tee = tee
        self._is_chunked = is_chunked
        # Of an HTTP chunk that has not come in full: on replay it comes at once.
        self._part = b""

    async def next(self) -> Piece | None:
        """Wait for what arrives next."""
        data, ends_chunk = b"", False
        try:
            # The payload of an answer without a body reports ends for ever.
            while not self._payload.at_eof():
                with DISPATCH.awaiting(self._tee.recorder):
                    data, ends_chunk = await self._payload.readchunk()
                if data or self._part or not ends_chunk:
                    break
                # HTTP's own last chunk is empty, and ends nothing.
                ends_chunk = False
        except Exception as error:
            self._ended(end_from(error))
            raise
        if not data and not ends_chunk:
            self._ended(End.COMPLETE)
            return None
        self._part += data
        if ends_chunk or not self._is_chunked:
            self._note()
        return Piece(data, ends_chunk)

    def _note(self) -> None:
        if self._part:
            self._tee.feed(self._part)
            self._part = b""

    def _ended(self, end: End) -> None:
        self._note()
        self._tee.ended(end)

    def close(self) -> None:
        """Note that the client wants no more; what has arrived in full is kept in full."""
        if self._tee.has_ended:
            return
        if self._payload.is_eof() and self._payload.exception() is None:
            self._part += self._payload.read_nowait(-1)
            self._ended(End.COMPLETE)
        else:
            self._ended(End.CLIENT_CLOSED)


class _NoFlow:
    """In the place of a protocol: there is no flow to control where nothing comes unasked."""

    connected = True
    _reading_paused = False

    def pause_reading(self) -> None: ...

    def resume_reading(self, resume_parser: bool = True) -> None: ...


@cache
def _reader_class(library: ModuleType) -> Any:
    class PulledReader(library.StreamReader):  # type: ignore[misc, name-defined]
        """A StreamReader that fetches the next chunk where others wait for it."""

        def __init__(self, source: Source, sink_of: Callable[[Any], Any], is_chunked: bool, **options: Any) -> None:
            super().__init__(_NoFlow(), options.pop("limit"), **options)
            self._source = source
            self._sink = sink_of(self)
            self._is_chunked = is_chunked
            self._is_pulling = False

        async def _wait(self, func_name: str) -> None:
            if self._is_pulling:
                raise RuntimeError(f"{func_name}() called while another coroutine is already waiting for incoming data")
            self._is_pulling = True
            try:
                self.feed(await self._source.next())
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                # A client's own deadline says nothing about the connection.
                if type(error) is not TimeoutError:
                    self.set_exception(error)
                raise
            finally:
                self._is_pulling = False

        async def wait_eof(self) -> None:
            while not self.is_eof():
                await self._wait("wait_eof")

        def feed(self, piece: Piece | None) -> None:
            """Take what came, or the end."""
            try:
                if piece is None:
                    self._sink.feed_eof()
                    return
                if self._is_chunked:
                    self.begin_http_chunk_receiving()
                rest = piece.data
                # It says whether it holds back what it has decoded.
                while self._sink.feed_data(rest, len(rest)):
                    rest = b""
                if self._is_chunked and piece.ends_chunk:
                    self.end_http_chunk_receiving()
            except (library.http_exceptions.HttpProcessingError, AssertionError) as error:
                raise library.ClientPayloadError(str(error)) from error

    return PulledReader


def pulled_reader(
    library: ModuleType, source: Source, *, is_chunked: bool, coding: str = "", limit: int, timer: Any
) -> Any:
    """Make the body of a response.

    Args:
        library: aiohttp.
        source: Where its chunks come from.
        is_chunked: Whether every chunk is one of HTTP's too: `iter_chunks` says where one ends.
        coding: Content coding that is left to undo; empty for none.
        limit: The client's `read_bufsize`.
        timer: The client's total timeout.
    """

    def sink_of(reader: Any) -> Any:
        return library.http_parser.DeflateBuffer(reader, coding) if coding else reader

    return _reader_class(library)(
        source, sink_of, is_chunked, limit=limit, timer=timer, loop=asyncio.get_running_loop()
    )
