"""Error responses and error events: the provider's own where its row has them, a plain JSON one elsewhere."""

from __future__ import annotations

import json
from http import HTTPStatus

from llmreplay.core.api import ErrorReply
from llmreplay.core.fault import FaultContext
from llmreplay.core.model import Chunk, Headers, Outcome, Response
from llmreplay.core.streams import Wire, aws_frame, ndjson_line, sse_event
from llmreplay.faults.outcomes import with_header, with_headers

KINDS = ("context_overflow", "overloaded", "quota", "spend_cap")

_MESSAGES = {
    "context_overflow": "The prompt is longer than the model's context window.",
    "overloaded": "Overloaded",
    "quota": "You exceeded your current quota.",
    "spend_cap": "The spend limit of this account has been reached.",
}
_OVERLOADED_STATUS = 529


def error_answer(
    status: int,
    kind: str | None,
    headers: Headers,
    outcome: Outcome | None,
    context: FaultContext,
    *,
    wait_s: float | None = None,
) -> Response:
    """Give a provider's answer to a request that fails.

    Args:
        status: As Anthropic counts; a provider may have another for the same kind of error.
        kind: One of `KINDS`, or None for the status's plain error.
        headers: Set over the provider's. Of when to retry the answer says only what stands here.
        outcome: What it replaces, if that is known: a delay before it is kept.
        context: Names the api.
        wait_s: What `retry-after` says, for a provider that says it elsewhere too.
    """
    reply = error_reply(status, kind, context)
    if wait_s is not None and context.api is not None and context.api.naming_wait is not None:
        reply = context.api.naming_wait(reply, wait_s)
    return Response(
        reply.status,
        with_headers(_without_wait(reply.headers), headers),
        (Chunk(reply.body),) if reply.body else (),
        delay_s=outcome.delay_s if outcome else 0.0,
    )


def plain_answer(
    status: int,
    kind: str | None,
    body: bytes,
    headers: Headers,
    outcome: Outcome | None,
    context: FaultContext,
) -> Response:
    """Give an answer with a body that is not the provider's; of the provider's headers those of its errors stay."""
    own: Headers = error_reply(status, kind, context).headers if status >= 400 else ()
    return Response(
        status,
        with_headers(_without_wait(with_header(own, "content-length", None)), headers),
        (Chunk(body),) if body else (),
        delay_s=outcome.delay_s if outcome else 0.0,
    )


def error_reply(status: int, kind: str | None, context: FaultContext) -> ErrorReply:
    """Build the provider's error, or a plain JSON one where no row has any."""
    if context.api is not None and context.api.error_reply is not None:
        return context.api.error_reply(status, kind)
    if kind == "overloaded" and status == _OVERLOADED_STATUS:
        status = 503
    return ErrorReply(
        status=status,
        headers=(("content-type", "application/json"),),
        body=json.dumps(_plain_error(status, kind)).encode(),
    )


def error_event(status: int, wire: Wire, context: FaultContext) -> bytes:
    """Build the provider's error in mid-stream, or a plain one where no row has any."""
    if context.api is not None and context.api.error_event is not None:
        return context.api.error_event(status)
    data = json.dumps(_plain_error(status, None))
    if wire is Wire.SSE:
        return sse_event(None, data)
    if wire is Wire.NDJSON:
        return ndjson_line(data)
    kinds = ((":message-type", "exception"), (":exception-type", "internalServerException"))
    return aws_frame((*kinds, (":content-type", "application/json")), data.encode())


def _without_wait(headers: Headers) -> Headers:
    return with_header(with_header(headers, "retry-after", None), "retry-after-ms", None)


def _plain_error(status: int, kind: str | None) -> dict[str, object]:
    return {"error": {"code": status, "type": kind or "error", "message": _MESSAGES.get(kind or "") or _phrase(status)}}


def _phrase(status: int) -> str:
    if status == _OVERLOADED_STATUS:
        return _MESSAGES["overloaded"]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
