"""Interceptor for aiohttp, at the seam of its connector: all above a connection stays aiohttp's own.

Redirects, cookies, middlewares, traces, decompression, `raise_for_status` and timeouts are the session's, and work as
ever. A recorded answer comes through a connection in memory; a real one is noted while it is read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cache
from types import ModuleType
from typing import Any

from llmreplay.core.model import End, Response, TransportFailure, header
from llmreplay.core.plan import Answered, PassThrough, Send
from llmreplay.interceptors import aiohttp_exchange as exchange
from llmreplay.interceptors.aiohttp_body import LiveBody, RecordedBody, pulled_reader
from llmreplay.interceptors.aiohttp_nowhere import NowhereTransport
from llmreplay.interceptors.delivery import Delivery, cannot_express, fail_async, gave_up, pass_time_async
from llmreplay.interceptors.dispatch import DISPATCH, Opened, current_origin
from llmreplay.interceptors.patches import Patches
from llmreplay.interceptors.tee import Tee

MODULES = ("aiohttp",)
_CODINGS = frozenset(("gzip", "deflate", "br", "zstd"))
_NO_BODY = frozenset((204, 304))
_DEFAULT_LIMIT = 2**16


def patch(library: ModuleType, patches: Patches) -> None:
    """Intercept the connectors of every session."""
    patches.replace(library.BaseConnector, "connect", lambda original: _connect(library, original))


def _connect(library: ModuleType, original: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    async def connect(self: Any, req: Any, traces: Any, timeout: Any) -> Any:
        opened = None if DISPATCH.is_idle else DISPATCH.current(lambda: f"{req.method} {req.url}")
        if opened is None or req.headers.get("Upgrade", "").lower() == "websocket":
            return await original(self, req, traces, timeout)
        plan = opened.recorder.plan(
            exchange.request_from(req, await exchange.body_of(library, req)),
            origin=current_origin(),
            timeouts=exchange.timeouts_from(timeout),
        )
        if isinstance(plan, PassThrough):
            with DISPATCH.sending():
                return await original(self, req, traces, timeout)
        answering = _Answering(library, opened, req, timeout)
        if isinstance(plan, Answered):
            return await answering.connection(self, plan)
        sent_s = time.monotonic()
        try:
            with (
                exchange.addressed_to(library, req, plan.url),
                DISPATCH.sending(),
                DISPATCH.awaiting(opened.recorder),
                _timer_of(req),
            ):
                connection = await original(self, req, traces, timeout)
        except (library.ClientError, OSError) as error:
            failure = exchange.failure_from(library, error, time.monotonic() - sent_s, is_connecting=True)
            opened.recorder.record(plan.attempt, failure)
            if plan.change is None:
                raise
            return await answering.connection(self, plan.change(failure))
        except BaseException as error:
            gave_up(opened, plan.attempt, error, sent_s)
            raise
        _Sending(answering, plan, connection, sent_s).watch()
        return connection

    return connect


def _timer_of(req: Any) -> Any:
    """Give the client's total timeout: inside it, what it cancels is seen as the timeout that it is."""
    return req._timer


class _Answering:
    """Gives one request its planned answer."""

    def __init__(self, library: ModuleType, opened: Opened, req: Any, timeout: Any) -> None:
        self.library = library
        self.opened = opened
        self.req = req
        self.timeout = timeout

    async def connection(self, connector: Any, plan: Answered) -> Any:
        """Connect to nobody, as planned."""
        outcome = plan.outcome
        if isinstance(outcome, TransportFailure) and outcome.kind in exchange.CONNECTING:
            await self._fail(plan, outcome)
        loop = asyncio.get_running_loop()
        protocol = _protocol_class(self.library)(loop, self, plan)
        connection = self.library.connector.Connection(connector, self.req.connection_key, protocol, loop)
        connection.add_callback(protocol.left)
        return connection

    async def _fail(self, plan: Answered, failure: TransportFailure) -> None:
        await fail_async(self.opened, plan, failure)
        error = exchange.exception_for(self.library, failure, self.req, self.timeout)
        raise error or cannot_express(self.opened, "aiohttp", failure)

    async def _body_written(self) -> None:
        """Let the session write the body to its end, as it can with a provider that reads before it answers."""
        writer = getattr(self.req, "_writer", None)
        if writer is not None:
            await asyncio.wait({writer})

    async def head(self, plan: Answered, params: dict[str, Any]) -> tuple[Any, Any, Delivery]:
        """Give the head of the answer, its body to be read, and what notes the reading; or raise its failure."""
        library, outcome = self.library, plan.outcome
        if isinstance(outcome, TransportFailure):
            await self._fail(plan, outcome)
        assert isinstance(outcome, Response)
        delivery = Delivery(self.opened, plan, outcome)
        try:
            await self._body_written()
            await pass_time_async(self.opened, outcome.delay_s)
        except BaseException:
            # Cancelled before anything came: the next try gets the answer.
            delivery.left()
            raise
        message = exchange.message_of(library, outcome)
        if params.get("skip_payload") or outcome.status in _NO_BODY:
            delivery.left(End.COMPLETE)
            return message, library.streams.EMPTY_PAYLOAD, delivery
        coding = (header(outcome.headers, "content-encoding") or "").lower()
        body = pulled_reader(
            library,
            RecordedBody(delivery, params["timer"], lambda end: exchange.exception_at(library, end, self.timeout)),
            is_chunked=header(outcome.headers, "content-length") is None,
            coding=coding if params.get("auto_decompress", True) and coding in _CODINGS else "",
            limit=params.get("read_bufsize", _DEFAULT_LIMIT),
            timer=params["timer"],
        )
        if not outcome.chunks and outcome.end is End.COMPLETE and not outcome.end_delay_s:
            delivery.ended()
            body.feed_eof()
        return message, body, delivery


@cache
def _protocol_class(library: ModuleType) -> Any:
    class AnsweringProtocol(library.client_proto.ResponseHandler):  # type: ignore[misc, name-defined]
        """A connection's protocol, whose answer is known."""

        def __init__(self, loop: asyncio.AbstractEventLoop, answering: _Answering, plan: Answered) -> None:
            super().__init__(loop)
            self._answering = answering
            self._plan = plan
            self._params: dict[str, Any] = {}
            self._delivery: Delivery | None = None
            self._is_welcome = False
            self.connection_made(NowhereTransport(self, loop))
            # Never pooled: the next request gets an answer of its own.
            self.force_close()

        def set_response_params(self, **params: Any) -> None:
            self._params = params

        async def read(self) -> Any:
            if self._answering.req.headers.get("Expect", "").lower() == "100-continue" and not self._is_welcome:
                self._is_welcome = True
                return exchange.message_of(library, Response(100)), library.streams.EMPTY_PAYLOAD
            message, payload, self._delivery = await self._answering.head(self._plan, self._params)
            return message, payload

        def left(self) -> None:
            """Note that the client is done with the connection."""
            if self._delivery is not None:
                self._delivery.left()

    return AnsweringProtocol


class _Sending:
    """Watches one real connection while one request and its answer pass."""

    def __init__(self, answering: _Answering, plan: Send, connection: Any, sent_s: float) -> None:
        self._answering = answering
        self._plan = plan
        self._connection = connection
        self._protocol = connection.protocol
        self._sent_s = sent_s
        self._params: dict[str, Any] = {}
        self._body: LiveBody | None = None
        self._changed: Delivery | None = None
        self._is_told = False

    def watch(self) -> None:
        """Begin."""
        library, req, url = self._answering.library, self._answering.req, self._plan.url
        self._protocol.set_response_params = self._set_response_params
        self._protocol.read = self._read
        self._connection.add_callback(self._left)
        if url is not None:
            send = req.send

            async def send_there(connection: Any) -> Any:
                del req.send
                with exchange.addressed_to(library, req, url):
                    return await send(connection)

            req.send = send_there

    def _let_go(self) -> None:
        for name in ("set_response_params", "read"):
            self._protocol.__dict__.pop(name, None)

    def _set_response_params(self, **params: Any) -> None:
        self._params = params
        type(self._protocol).set_response_params(self._protocol, **params)

    async def _read(self) -> Any:
        recorder, library = self._answering.opened.recorder, self._answering.library
        try:
            with DISPATCH.awaiting(recorder), self._params["timer"]:
                message, payload = await type(self._protocol).read(self._protocol)
        except Exception as error:
            self._let_go()
            self._is_told = True
            failure = exchange.failure_from(library, error, time.monotonic() - self._sent_s, is_connecting=False)
            recorder.record(self._plan.attempt, failure)
            if self._plan.change is None:
                raise
            return await self._answer(self._plan.change(failure))
        except BaseException as error:
            self._gave_up(error)
            raise
        if 100 <= message.code < 200 and message.code != 101:
            return message, payload
        self._let_go()
        self._is_told = True
        is_decoded = bool(message.compression) and self._params.get("auto_decompress", True)
        tee = Tee(
            recorder,
            self._plan.attempt,
            message.code,
            exchange.headers_of(message),
            message.reason,
            self._sent_s,
            is_decoded=is_decoded,
        )
        body = self._body = LiveBody(payload, tee, is_chunked=bool(message.chunked))
        if self._plan.change is not None:
            await _drain(body)
            return await self._answer(self._plan.change(tee.outcome))
        reader = pulled_reader(
            library,
            body,
            is_chunked=bool(message.chunked),
            limit=self._params.get("read_bufsize", _DEFAULT_LIMIT),
            timer=self._params["timer"],
        )
        if payload.is_eof() and payload.exception() is None:
            # It is all here: aiohttp lets the connection go at once, whether the client reads or not.
            while not reader.is_eof():
                reader.feed(await body.next())
        return message, reader

    async def _answer(self, plan: Answered) -> Any:
        message, payload, self._changed = await self._answering.head(plan, self._params)
        return message, payload

    def _gave_up(self, error: BaseException | None = None) -> None:
        if not self._is_told:
            self._is_told = True
            gave_up(self._answering.opened, self._plan.attempt, error, self._sent_s)

    def _left(self) -> None:
        self._let_go()
        # Cancelled while it was sent.
        self._gave_up()
        if self._body is not None:
            self._body.close()
        if self._changed is not None:
            self._changed.left()


async def _drain(body: LiveBody) -> None:
    try:
        while await body.next() is not None:
            pass
    except Exception:  # noqa: BLE001, S110, RUF100 - how it ended is noted; the client gets a changed answer
        pass
