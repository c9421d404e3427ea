"""Interceptor for httpx and httpx2: one code for both, at the seam of their transports."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import Any, ClassVar

from llmreplay.core.model import COMPLETE, End, TransportFailure
from llmreplay.core.plan import Answered, PassThrough, Send
from llmreplay.core.recorder import Recorder
from llmreplay.interceptors import httpx_exchange as exchange
from llmreplay.interceptors.delivery import Delivery, fail, fail_async, gave_up, pass_time, pass_time_async
from llmreplay.interceptors.dispatch import DISPATCH, Opened, current_origin
from llmreplay.interceptors.httpx_mocked import is_mocked
from llmreplay.interceptors.patches import Patches

MODULES = ("httpx2", "httpx")
# Any other address is the library's own to refuse: nothing is sent, in a replay neither.
_REACHABLE = ("http://", "https://", "ws://", "wss://")


def patch(library: ModuleType, patches: Patches) -> None:
    """Intercept the transports of a library, sync and async."""
    patches.replace(library.HTTPTransport, "handle_request", lambda original: _sync(library, original))
    patches.replace(library.AsyncHTTPTransport, "handle_async_request", lambda original: _async(library, original))


def _sync(library: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    replayed, recorded = _stream(_ReplayedSync, library), _stream(_RecordedSync, library)

    def handle_request(self: Any, request: Any) -> Any:
        opened = DISPATCH.current(lambda: f"{request.method} {request.url}")
        if opened is None or (library.__name__ == "httpx" and is_mocked(request)):
            return original(self, request)
        asked = exchange.request_from(request, request.read())
        if not asked.url.startswith(_REACHABLE):
            return original(self, request)
        plan = opened.recorder.plan(asked, origin=current_origin(), timeouts=exchange.timeouts_from(request))
        if isinstance(plan, PassThrough):
            with DISPATCH.sending():
                return original(self, request)
        if isinstance(plan, Send):
            return send(self, request, opened, plan)
        return answer(opened, plan, request)

    def answer(opened: Opened, plan: Answered, request: Any) -> Any:
        outcome = plan.outcome
        if isinstance(outcome, TransportFailure):
            fail(opened, plan, outcome)
            raise exchange.exception_for(library, outcome, request)
        if outcome.delay_s:
            pass_time(opened, outcome.delay_s)
        return exchange.response_to(library, outcome, replayed(Delivery(opened, plan, outcome), request))

    def send(transport: Any, request: Any, opened: Opened, plan: Send) -> Any:
        outgoing = exchange.redirected(library, request, plan.url) if plan.url else request
        sent_s = time.monotonic()
        try:
            with DISPATCH.sending(), DISPATCH.awaiting(opened.recorder):
                response = original(transport, outgoing)
        except library.TransportError as error:
            failure = exchange.failure_from(error, time.monotonic() - sent_s)
            opened.recorder.record(plan.attempt, failure)
            if plan.change is None:
                raise
            return answer(opened, plan.change(failure), request)
        except BaseException as error:
            gave_up(opened, plan.attempt, error, sent_s)
            raise
        tee = exchange.Tee(opened.recorder, plan.attempt, response, sent_s)
        stream = recorded(response.stream, tee)
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
    replayed, recorded = _stream(_ReplayedAsync, library), _stream(_RecordedAsync, library)

    async def handle_async_request(self: Any, request: Any) -> Any:
        opened = DISPATCH.current(lambda: f"{request.method} {request.url}")
        if opened is None or (library.__name__ == "httpx" and is_mocked(request)):
            return await original(self, request)
        asked = exchange.request_from(request, await request.aread())
        if not asked.url.startswith(_REACHABLE):
            return await original(self, request)
        plan = opened.recorder.plan(asked, origin=current_origin(), timeouts=exchange.timeouts_from(request))
        if isinstance(plan, PassThrough):
            with DISPATCH.sending():
                return await original(self, request)
        if isinstance(plan, Send):
            return await send(self, request, opened, plan)
        return await answer(opened, plan, request)

    async def answer(opened: Opened, plan: Answered, request: Any) -> Any:
        outcome = plan.outcome
        if isinstance(outcome, TransportFailure):
            await fail_async(opened, plan, outcome)
            raise exchange.exception_for(library, outcome, request)
        try:
            await pass_time_async(opened, outcome.delay_s)
        except BaseException:
            # Cancelled before anything came: the next try gets the answer.
            if plan.attempt is not None:
                opened.recorder.delivered(plan.attempt, 0, End.CLIENT_CLOSED)
            raise
        return exchange.response_to(library, outcome, replayed(Delivery(opened, plan, outcome), request))

    async def send(transport: Any, request: Any, opened: Opened, plan: Send) -> Any:
        outgoing = exchange.redirected(library, request, plan.url) if plan.url else request
        sent_s = time.monotonic()
        try:
            with DISPATCH.sending(), DISPATCH.awaiting(opened.recorder):
                response = await original(transport, outgoing)
        except library.TransportError as error:
            failure = exchange.failure_from(error, time.monotonic() - sent_s)
            opened.recorder.record(plan.attempt, failure)
            if plan.change is None:
                raise
            return await answer(opened, plan.change(failure), request)
        except BaseException as error:
            gave_up(opened, plan.attempt, error, sent_s)
            raise
        tee = exchange.Tee(opened.recorder, plan.attempt, response, sent_s)
        stream = recorded(response.stream, tee)
        if plan.change is None:
            response.stream = stream
            return response
        with suppress(library.TransportError):
            async for _ in stream:
                pass
        await stream.aclose()
        return await answer(opened, plan.change(tee.outcome), request)

    return handle_async_request


class _Replayed:
    """A replayed body; joined with the base class of a library, whose clients accept no other."""

    library: ClassVar[ModuleType]

    def __init__(self, delivery: Delivery, request: Any) -> None:
        self._delivery = delivery
        self._request = request

    def _end(self) -> None:
        end = self._delivery.ended()
        if end is not COMPLETE:
            raise exchange.exception_at(self.library, end, self._request)


class _ReplayedSync(_Replayed):
    def __iter__(self) -> Iterator[bytes]:
        delivery = self._delivery
        opened, speed = delivery.opened, delivery.plan.speed
        for chunk in delivery.outcome.chunks:
            if speed or chunk.delay_s:
                pass_time(opened, chunk.delay_s, chunk.after_s, speed)
            delivery.took()
            yield chunk.data
        if delivery.outcome.end_delay_s:
            pass_time(opened, delivery.outcome.end_delay_s)
        self._end()

    def close(self) -> None:
        self._delivery.left()


class _ReplayedAsync(_Replayed):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        delivery = self._delivery
        opened, speed = delivery.opened, delivery.plan.speed
        for chunk in delivery.outcome.chunks:
            if speed or chunk.delay_s:
                await pass_time_async(opened, chunk.delay_s, chunk.after_s, speed)
            delivery.took()
            yield chunk.data
        await pass_time_async(opened, delivery.outcome.end_delay_s, patience_s=delivery.patience_s)
        self._end()

    async def aclose(self) -> None:
        self._delivery.left()


class _Recorded:
    """A body that is recorded while it is passed on; joined as `_Replayed` is."""

    library: ClassVar[ModuleType]

    def __init__(self, inner: Any, tee: exchange.Tee) -> None:
        self._inner = inner
        self._tee = tee


class _RecordedSync(_Recorded):
    def __iter__(self) -> Iterator[bytes]:
        try:
            for data in self._inner:
                self._tee.feed(data)
                yield data
        except self.library.TransportError as error:
            self._tee.broke(error)
            raise
        self._tee.ended(End.COMPLETE)

    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            self._tee.ended(End.CLIENT_CLOSED)


class _RecordedAsync(_Recorded):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for data in _awaited(self._inner, self._tee.recorder):
                self._tee.feed(data)
                yield data
        except self.library.TransportError as error:
            self._tee.broke(error)
            raise
        self._tee.ended(End.COMPLETE)

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._tee.ended(End.CLIENT_CLOSED)


async def _awaited(chunks: Any, recorder: Recorder) -> AsyncIterator[bytes]:
    """Pass chunks on; while one is waited for, virtual time stands still."""
    chunks = aiter(chunks)
    while True:
        with DISPATCH.awaiting(recorder):
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
        yield chunk


@cache
def _stream(ours: type, library: ModuleType) -> Any:
    """Give one of the classes above as a stream of a library."""
    base = library.SyncByteStream if hasattr(ours, "__iter__") else library.AsyncByteStream
    return type(ours.__name__.lstrip("_"), (ours, base), {"library": library})
