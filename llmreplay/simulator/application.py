"""The ASGI application: reads a request, asks the sources in order, carries out the first answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.requests import Request as Arrival

from llmreplay.core.model import Chunk, Outcome, Request, Response, header
from llmreplay.simulator.encoding import decoded
from llmreplay.simulator.sending import Message, send_outcome
from llmreplay.simulator.sources import Source, check_servable


class Application:
    """Answers what arrives, and keeps it.

    Attributes:
        requests: All that arrived, in order.
        unanswered: Those of them that no source answered.
        connections: TCP connections accepted.
        errors: What a source raised.
    """

    def __init__(self, sources: Sequence[Source], url: str, compress: str | None) -> None:
        self.requests: list[Request] = []
        self.unanswered: list[Request] = []
        self.connections = 0
        self.errors: list[Exception] = []
        self._sources = sources
        self._url = url
        self._compress = compress

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one request, as ASGI calls it."""
        connection = scope["state"]["connection"]
        try:
            body = await Arrival(scope, receive).body()
            outcome = self._outcome(_request(scope, body, self._url))
            await send_outcome(outcome, connection, receive, send, compress=self._compress)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # Only the stopping server cancels us, and it has closed the connection before.
            return
        except Exception as error:
            self.errors.append(error)
            connection.transport.abort()

    def _outcome(self, request: Request) -> Outcome:
        self.requests.append(request)
        try:
            for source in self._sources:
                outcome = source(request)
                if outcome is not None:
                    check_servable(outcome, f"{request.method} {request.url}")
                    return outcome
        except Exception as error:
            self.errors.append(error)
            return _refusal(500, f"A source of the simulator's answers failed: {error}")
        self.unanswered.append(request)
        asked = f"{request.method} {request.url}"
        text = f"The simulator has no answer to {asked}; give it a source that has, or record it with the provider."
        return _refusal(404, text)


def _request(scope: dict[str, Any], body: bytes, url: str) -> Request:
    query = scope["query_string"].decode("latin-1")
    target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    coding = header(headers, "content-encoding")
    return Request(scope["method"], url + target, headers, decoded(coding, body) if coding else body)


def _refusal(status: int, text: str) -> Response:
    body = json.dumps({"type": "error", "error": {"type": "simulator_error", "message": text}})
    headers = (("content-type", "application/json"), ("x-should-retry", "false"))
    return Response(status, headers, (Chunk(body.encode()),))
