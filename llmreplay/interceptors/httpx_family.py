"""Interceptor for httpx and httpx2: one code for both, at the seam of their transports."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import Any

from llmreplay.core.model import End, Response, TransportFailure
from llmreplay.core.plan import Answered, PassThrough, Send
from llmreplay.interceptors import httpx_exchange as exchange
from llmreplay.interceptors.dispatch import DISPATCH, Opened, current_origin
from llmreplay.interceptors.patches import Patches

MODULES = ("httpx2", "httpx")


def patch(library: ModuleType, patches: Patches) -> None:
    """Intercept the transports of a library, sync and async."""
    patches.replace(library.HTTPTransport, "handle_request", lambda original: _sync(library, original))
    patches.replace(library.AsyncHTTPTransport, "handle_async_request", lambda original: _async(library, original))


def _opened_for(native: Any) -> Opened | None:
    if DISPATCH.is_idle:
        return None
    return DISPATCH.current(f"{native.method} {native.url}")


def _sync(library: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    streams = _streams(library)

    def handle_request(self: Any, request: Any) -> Any:
        opened = _opened_for(request)
        if opened is None:
            return original(self, request)
        plan = opened.recorder.plan(
            exchange.request_from(request, request.read()),
            origin=current_origin(),
            timeouts=exchange.timeouts_from(request),
        )
        if isinstance(plan, PassThrough):
            with DISPATCH.sending():
                return original(self, request)
        if isinstance(plan, Send):
            return send(self, request, opened, plan)
        return answer(opened, plan, request)

    def answer(opened: Opened, plan: Answered, request: Any) -> Any:
        outcome = plan.outcome
        if isinstance(outcome, TransportFailure):
            _pass_time(opened, outcome.delay_s, outcome.after_s, plan.speed)
            if plan.attempt is not None:
                opened.recorder.failed(plan.attempt)
            raise exchange.exception_for(library, outcome, request)
        _pass_time(opened, outcome.delay_s)
        return exchange.response_to(library, outcome, streams.replay_sync(opened, plan, outcome, request))

    def send(transport: Any, request: Any, opened: Opened, plan: Send) -> Any:
        outgoing = exchange.redirected(library, request, plan.url) if plan.url else request
        sent_s = time.monotonic()
        try:
            with DISPATCH.sending():
                response = original(transport, outgoing)
        except library.TransportError as error:
            failure = exchange.failure_from(error, time.monotonic() - sent_s)
            opened.recorder.record(plan.attempt, failure)
            if plan.change is None:
                raise
            return answer(opened, plan.change(failure), request)
        tee = exchange.Tee(opened.recorder, plan.attempt, response, sent_s)
        stream = streams.tee_sync(response.stream, tee)
        if plan.change is None:
            response.stream = stream
            return response
        with suppress(library.TransportError):
            for _ in stream:
                pass
        stream.close()
        return answer(opened, plan.change(tee.outcome), request)

    return handle_request


def _async(library: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    streams = _streams(library)

    async def handle_async_request(self: Any, request: Any) -> Any:
        opened = _opened_for(request)
        if opened is None:
            return await original(self, request)
        plan = opened.recorder.plan(
            exchange.request_from(request, await request.aread()),
            origin=current_origin(),
            timeouts=exchange.timeouts_from(request),
        )
        if isinstance(plan, PassThrough):
            with DISPATCH.sending():
                return await original(self, request)
        if isinstance(plan, Send):
            return await send(self, request, opened, plan)
        return await answer(opened, plan, request)

    async def answer(opened: Opened, plan: Answered, request: Any) -> Any:
        outcome = plan.outcome
        if isinstance(outcome, TransportFailure):
            try:
                await _pass_time_async(opened, outcome.delay_s, outcome.after_s, plan.speed)
            finally:
                if plan.attempt is not None:
                    opened.recorder.failed(plan.attempt)
            raise exchange.exception_for(library, outcome, request)
        try:
            await _pass_time_async(opened, outcome.delay_s)
        except BaseException:
            # Cancelled before anything came: the next try gets the answer.
            if plan.attempt is not None:
                opened.recorder.delivered(plan.attempt, 0, End.CLIENT_CLOSED)
            raise
        return exchange.response_to(library, outcome, streams.replay_async(opened, plan, outcome, request))

    async def send(transport: Any, request: Any, opened: Opened, plan: Send) -> Any:
        outgoing = exchange.redirected(library, request, plan.url) if plan.url else request
        sent_s = time.monotonic()
        try:
            with DISPATCH.sending():
                response = await original(transport, outgoing)
        except library.TransportError as error:
            failure = exchange.failure_from(error, time.monotonic() - sent_s)
            opened.recorder.record(plan.attempt, failure)
            if plan.change is None:
                raise
            return await answer(opened, plan.change(failure), request)
        tee = exchange.Tee(opened.recorder, plan.attempt, response, sent_s)
        stream = streams.tee_async(response.stream, tee)
        if plan.change is None:
            response.stream = stream
            return response
        with suppress(library.TransportError):
            async for _ in stream:
                pass
        await stream.aclose()
        return await answer(opened, plan.change(tee.outcome), request)

    return handle_async_request


def _pass_time(opened: Opened, delay_s: float, after_s: float = 0.0, speed: float = 0.0) -> None:
    """Wait as the recording did, then as a fault asks."""
    if speed and after_s:
        opened.pacer.pace(after_s, speed)
    if delay_s > 0:
        opened.pacer.sleep(delay_s)


async def _pass_time_async(opened: Opened, delay_s: float, after_s: float = 0.0, speed: float = 0.0) -> None:
    """Wait as the recording did, then as a fault asks."""
    if speed and after_s:
        await opened.pacer.pace_async(after_s, speed)
    if delay_s > 0:
        await opened.pacer.sleep_async(delay_s)


class _Replay:
    """What sync and async replay of a body have in common."""

    def __init__(self, library: ModuleType, opened: Opened, plan: Answered, outcome: Response, request: Any) -> None:
        self._library = library
        self._opened = opened
        self._plan = plan
        self._outcome = outcome
        self._request = request
        self._taken = 0
        self._has_ended = False

    def _took(self) -> None:
        if self._taken == 0 and self._plan.attempt is not None:
            self._opened.recorder.first_byte(self._plan.attempt)
        self._taken += 1

    def _closed(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            if self._plan.attempt is not None:
                self._opened.recorder.delivered(self._plan.attempt, self._taken, End.CLIENT_CLOSED)

    def _ended(self) -> None:
        """Note the end; raise where the recorded body ended badly."""
        self._has_ended = True
        end, attempt, recorder = self._outcome.end, self._plan.attempt, self._opened.recorder
        if attempt is None:
            return
        if end is End.CLIENT_CLOSED:
            raise recorder.read_past_end(attempt, self._taken)
        recorder.delivered(attempt, self._taken, end)
        if end is not End.COMPLETE:
            raise exchange.exception_at(self._library, end, self._request)


@cache
def _streams(library: ModuleType) -> Any:
    """Make the stream classes of a library: its clients accept no others."""

    class ReplaySync(_Replay, library.SyncByteStream):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Iterator[bytes]:
            for chunk in self._outcome.chunks:
                _pass_time(self._opened, chunk.delay_s, chunk.after_s, self._plan.speed)
                self._took()
                yield chunk.data
            _pass_time(self._opened, self._outcome.end_delay_s)
            self._ended()

        def close(self) -> None:
            self._closed()

    class ReplayAsync(_Replay, library.AsyncByteStream):  # type: ignore[misc, name-defined]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in self._outcome.chunks:
                await _pass_time_async(self._opened, chunk.delay_s, chunk.after_s, self._plan.speed)
                self._took()
                yield chunk.data
            await _pass_time_async(self._opened, self._outcome.end_delay_s)
            self._ended()

        async def aclose(self) -> None:
            self._closed()

    class TeeSync(library.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, tee: exchange.Tee) -> None:
            self._inner = inner
            self._tee = tee

        def __iter__(self) -> Iterator[bytes]:
            try:
                for data in self._inner:
                    self._tee.feed(data)
                    yield data
            except library.TransportError as error:
                self._tee.broke(error)
                raise
            self._tee.ended(End.COMPLETE)

        def close(self) -> None:
            try:
                self._inner.close()
            finally:
                self._tee.ended(End.CLIENT_CLOSED)

    class TeeAsync(library.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, tee: exchange.Tee) -> None:
            self._inner = inner
            self._tee = tee

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for data in self._inner:
                    self._tee.feed(data)
                    yield data
            except library.TransportError as error:
                self._tee.broke(error)
                raise
            self._tee.ended(End.COMPLETE)

        async def aclose(self) -> None:
            try:
                await self._inner.aclose()
            finally:
                self._tee.ended(End.CLIENT_CLOSED)

    class Streams:
        tee_sync, tee_async = TeeSync, TeeAsync

        @staticmethod
        def replay_sync(*arguments: Any) -> Any:
            return ReplaySync(library, *arguments)

        @staticmethod
        def replay_async(*arguments: Any) -> Any:
            return ReplayAsync(library, *arguments)

    return Streams
