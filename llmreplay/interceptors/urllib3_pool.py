"""Interceptor for urllib3, and with it requests and botocore, below urllib3's own retries and redirects.

The answer reaches the client through a connection to nobody that speaks HTTP: urllib3's reading, decoding, pooling and
exceptions are its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from inspect import signature
from types import ModuleType
from typing import Any

from llmreplay.core.model import Failure, Response, TransportFailure
from llmreplay.core.plan import Answered, PassThrough, Send
from llmreplay.core.surroundings import Timeouts
from llmreplay.interceptors import urllib3_exchange as exchange
from llmreplay.interceptors.delivery import Delivery, fail, gave_up, pass_time
from llmreplay.interceptors.dispatch import DISPATCH, Opened, current_origin
from llmreplay.interceptors.patches import Patches
from llmreplay.interceptors.tee import Tee
from llmreplay.interceptors.urllib3_wire import LiveSource, NowhereSocket, RecordedSource, Source, wire_of

MODULES = ("urllib3",)
_TUNNEL = "_llmreplay_tunnel"


def patch(library: ModuleType, patches: Patches) -> None:
    """Intercept the connection pools; nothing is patched in urllib3 1.x, whose calls the guard refuses."""
    pool = library.HTTPConnectionPool
    if "response_conn" not in signature(pool._make_request).parameters:
        return
    patches.replace(pool, "_make_request", lambda original: _make_request(library, original))
    for owner in (pool, library.HTTPSConnectionPool):
        if "_prepare_proxy" in owner.__dict__:
            patches.replace(owner, "_prepare_proxy", _prepare_proxy)


def _prepare_proxy(original: Callable[..., Any]) -> Callable[..., Any]:
    def prepare_proxy(self: Any, conn: Any) -> None:
        if DISPATCH.is_idle or DISPATCH.current(lambda: f"CONNECT {self.host}") is None:
            original(self, conn)
            return
        # The tunnel is dug when it is known that something goes through it.
        setattr(conn, _TUNNEL, lambda: original(self, conn))

    return prepare_proxy


def _make_request(library: ModuleType, original: Callable[..., Any]) -> Callable[..., Any]:
    arguments_of = signature(original)

    def make_request(self: Any, conn: Any, method: str, url: str, body: Any = None, *rest: Any, **options: Any) -> Any:
        opened = None if DISPATCH.is_idle else DISPATCH.current(lambda: f"{method} {exchange.url_of(self, url)}")
        if opened is None:
            return original(self, conn, method, url, body, *rest, **options)
        given = arguments_of.bind(self, conn, method, url, body, *rest, **options).arguments
        data, given["body"] = exchange.body_of(body)
        headers = given["headers"] = self.headers if given.get("headers") is None else given["headers"]
        timeouts = exchange.timeouts_from(self, given.get("timeout"))
        plan = opened.recorder.plan(
            exchange.request_from(self, method, url, headers, data), origin=current_origin(), timeouts=timeouts
        )
        call = _Call(library, original, opened, given, timeouts)
        if isinstance(plan, PassThrough):
            return call.passed()
        return call.sent(plan) if isinstance(plan, Send) else call.answered(plan)

    return make_request


class _Call:
    """Carries out the plan for one request."""

    def __init__(
        self,
        library: ModuleType,
        original: Callable[..., Any],
        opened: Opened,
        given: dict[str, Any],
        timeouts: Timeouts,
    ) -> None:
        self._library = library
        self._original = original
        self._opened = opened
        self._given = given
        self._timeouts = timeouts

    def passed(self, **changed: Any) -> Any:
        """Do as if nobody were listening."""
        with DISPATCH.sending():
            tunnel = self._given["conn"].__dict__.pop(_TUNNEL, None)
            if tunnel is not None:
                tunnel()
            return self._original(**{**self._given, **changed})

    def answered(self, plan: Answered) -> Any:
        """Give the client its planned answer."""
        conn, outcome = self._given["conn"], plan.outcome
        conn.__dict__.pop(_TUNNEL, None)
        # Whatever comes is not the proxy's doing.
        with suppress(AttributeError):
            conn._has_connected_to_proxy = True
        if isinstance(outcome, Response):
            delivery = Delivery(self._opened, plan, outcome)
            try:
                pass_time(self._opened, outcome.delay_s)
            except BaseException:
                delivery.left()
                raise
            return self._delivered(RecordedSource(delivery))
        fail(self._opened, plan, outcome)
        raise self._failed(outcome)

    def _failed(self, failure: TransportFailure) -> BaseException:
        pool, conn = self._given["self"], self._given["conn"]
        if failure.kind is Failure.POOL_TIMEOUT:
            # urllib3 believes that it got no connection, and would not give this one back.
            pool._put_conn(conn)
        return exchange.exception_for(self._library, failure, pool, conn, self._given["url"], self._timeouts)

    def _delivered(self, source: Source) -> Any:
        """Let urllib3 read an answer from a connection to nobody."""
        pool = self._given["self"]
        nowhere = self._library.connection.HTTPConnection(pool.host, pool.port)
        nowhere.sock = NowhereSocket(wire_of(source, self._given["method"]), source.close)
        nowhere.is_verified = True
        try:
            return self._original(**{**self._given, "conn": nowhere, "body": None, "headers": {}, "chunked": False})
        finally:
            # What is read goes on without it.
            nowhere.sock = None

    def sent(self, plan: Send) -> Any:
        """Send it, and pass on what comes."""
        sent_s = time.monotonic()
        errors = self._library.exceptions
        try:
            with DISPATCH.awaiting(self._opened.recorder):
                native = self._sent_to(plan.url) if plan.url else self._sent_raw()
        except (errors.HTTPError, OSError, HTTPException) as error:
            failure = exchange.failure_from(self._library, error, time.monotonic() - sent_s)
            self._opened.recorder.record(plan.attempt, failure)
            if plan.change is None:
                raise
            return self.answered(plan.change(failure))
        except BaseException as error:
            gave_up(self._opened, plan.attempt, error, sent_s)
            raise
        headers = exchange.headers_of(native)
        reason = native.reason or ""
        tee = Tee(self._opened.recorder, plan.attempt, native.status, headers, reason, sent_s)
        source = LiveSource(self._library, native, Response(native.status, headers, reason=reason), tee)
        if plan.change is None:
            return self._delivered(source)
        while source.next() is not None:
            pass
        return self.answered(plan.change(tee.outcome))

    def _sent_raw(self) -> Any:
        return self.passed(response_conn=None, preload_content=False, decode_content=False)

    def _sent_to(self, url: str) -> Any:
        """Send it elsewhere, by a pool of its own."""
        given = self._given
        target = self._library.util.parse_url(url)
        headers = {name: value for name, value in given["headers"].items() if name.lower() != "host"}
        with DISPATCH.sending():
            pool = self._library.connection_from_url(url, maxsize=1)
            return pool.urlopen(
                given["method"],
                target.request_uri,
                body=given["body"],
                headers=headers,
                retries=False,
                redirect=False,
                timeout=given.get("timeout"),
                chunked=given.get("chunked", False),
                preload_content=False,
                decode_content=False,
                enforce_content_length=given.get("enforce_content_length", True),
            )
