"""Interceptor for httpx and httpx2: one code for both, at the seam of their transports."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import Any

from llmreplay.core.model import End, TransportFailure
from llmreplay.core.plan import Answered, PassThrough, Send
from llmreplay.interceptors import httpx_exchange as exchange
from llmreplay.interceptors.delivery import Delivery, fail, fail_async, gave_up, pass_time, pass_time_async
from llmreplay.interceptors.dispatch import DISPATCH, Opened, current_origin
from llmreplay.interceptors.patches import Patches

MODULES = ("httpx2", "httpx")
# Any other address is the library's own to refuse: nothing is sent, in a replay neither.
_REACHABLE = ("http://", "https://", "ws://", "wss://")


def patch(library: ModuleType, patches: Patches) -> None:
    """Intercept the transports of a library, sync and async."""
    patches.replace(library.HTTPTransport, "handle_request", lambda original: _sync(library, original))
    patches.replace(library.AsyncHTTPTransport, "handle_async_request", lambda original: _async(library, original))


def _opened_for(native: Any) -> Opened | None:
    return DISPATCH.current(lambda: f"{native.method} {native.url}")


def _sync(library: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    streams = _streams(library)

    def handle_request(self: Any, request: Any) -> Any:
        opened = _opened_for(request)
        if opened is None:
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
        return exchange.response_to(library, outcome, streams.replay_sync(Delivery(opened, plan, outcome), request))

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
        except BaseException as error:
            gave_up(opened, plan.attempt, error, sent_s)
            raise
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
        return exchange.response_to(library, outcome, streams.replay_async(Delivery(opened, plan, outcome), request))

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
        except BaseException as error:
            gave_up(opened, plan.attempt, error, sent_s)
            raise
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


@cache
def _streams(library: ModuleType) -> Any:
    """Make the stream classes of a library: its clients accept no others."""

    class ReplaySync(library.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, delivery: Delivery, request: Any) -> None:
            self._delivery = delivery
            self._request = request

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
            end = delivery.ended()
            if end is not End.COMPLETE:
                raise exchange.exception_at(library, end, self._request)

        def close(self) -> None:
            self._delivery.left()

    class ReplayAsync(library.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, delivery: Delivery, request: Any) -> None:
            self._delivery = delivery
            self._request = request

        async def __aiter__(self) -> AsyncIterator[bytes]:
            delivery = self._delivery
            opened, speed = delivery.opened, delivery.plan.speed
            for chunk in delivery.outcome.chunks:
                if speed or chunk.delay_s:
                    await pass_time_async(opened, chunk.delay_s, chunk.after_s, speed)
                delivery.took()
                yield chunk.data
            await pass_time_async(opened, delivery.outcome.end_delay_s + delivery.patience_s)
            end = delivery.ended()
            if end is not End.COMPLETE:
                raise exchange.exception_at(library, end, self._request)

        async def aclose(self) -> None:
            self._delivery.left()

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
        replay_sync, replay_async = ReplaySync, ReplayAsync
        tee_sync, tee_async = TeeSync, TeeAsync

    return Streams
