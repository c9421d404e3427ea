"""Gemini's and Vertex's errors: bodies, and the event of an error in mid-stream. They send no rate-limit headers.

Sources: https://ai.google.dev/gemini-api/docs/troubleshooting, as given 2026-11-21; recorded errors of 2025 and 2026
(a wrong key: read 2026-11-30).
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

from llmreplay.core.api import ErrorReply
from llmreplay.core.model import Json
from llmreplay.core.streams import sse_event
from llmreplay.providers.making import json_text

RETRY_DELAY_S = 26
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"

_ERRORS = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "The model is not found for this API version."),
    408: ("DEADLINE_EXCEEDED", "The request timed out. Please try again."),
    409: ("ABORTED", "The operation was aborted."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."),
    499: ("CANCELLED", "The operation was cancelled."),
    500: ("INTERNAL", "An internal error has occurred. Please retry."),
    501: ("UNIMPLEMENTED", "Operation is not implemented, or supported, or enabled."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The request timed out. Please try again."),
}
_QUOTA = ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details.")
_KINDS = {
    "spend_cap": _QUOTA,
    "context_overflow": (
        "INVALID_ARGUMENT",
        "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).",
    ),
    "quota": _QUOTA,
    "overloaded": _ERRORS[503],
}


_NO_KEY = "API key not valid. Please pass a valid API key."


def error_reply(status: int, kind: str | None) -> ErrorReply:
    """Build the error that Gemini's developer API sends for a status.

    As Vertex's, but for a wrong key, the plain 401: that is a 400 here, with the reason API_KEY_INVALID.
    """
    if status != 401 or kind is not None:
        return vertex_error_reply(status, kind)
    details: list[Json] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        },
        {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": _NO_KEY},
    ]
    error: Json = {"code": 400, "message": _NO_KEY, "status": "INVALID_ARGUMENT", "details": details}
    return replace(vertex_error_reply(400, None), body=json_text({"error": error}).encode())


def vertex_error_reply(status: int, kind: str | None) -> ErrorReply:
    """Build the error that Vertex sends for a status.

    Args:
        status: 4xx or 5xx.
        kind: None for the plain one, or `spend_cap` or `quota` (429), `context_overflow` (400) or `overloaded`
            (503 whatever status is asked for).

    A plain 429 names a wait of 26 s, in its body; one for lack of quota names none.

    Raises:
        ValueError: The kind is none of these.
    """
    if kind is not None and kind not in _KINDS:
        raise ValueError(f"kind={kind!r}: choose from {', '.join(_KINDS)}.")
    status = 503 if kind == "overloaded" else status
    return ErrorReply(
        status=status,
        headers=(("content-type", "application/json; charset=UTF-8"), ("server-timing", "gfet4t7; dur=32")),
        body=json_text(_body(status, kind)).encode(),
    )


def error_event(status: int) -> bytes:
    """Give the bytes of an error in a stream, for the status it would have had; 529, which is Anthropic's, as 503."""
    status = 503 if status == 529 else status
    return sse_event(None, json_text(_body(status, None))).replace(b"\n", b"\r\n")


def naming_wait(reply: ErrorReply, wait_s: float) -> ErrorReply:
    """Name a wait in the body of an error, in the place of the one that stands there, or at the end of its details.

    Source: https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto, `RetryInfo`, and
    protobuf's JSON form of a duration, as known 2026-11-21.
    """
    decoded = json.loads(reply.body)
    error = decoded["error"]
    others = [detail for detail in error.get("details", ()) if detail.get("@type") != _RETRY_INFO]
    error["details"] = [*others, {"@type": _RETRY_INFO, "retryDelay": f"{Decimal(repr(wait_s)):f}s"}]
    return replace(reply, body=json_text(decoded).encode())


def _body(status: int, kind: str | None) -> Json:
    plain = _ERRORS.get(status) or _ERRORS[400 if status < 500 else 500]
    name, message = plain if kind is None else _KINDS[kind]
    error: dict[str, Json] = {"code": status, "message": message, "status": name}
    if name == "RESOURCE_EXHAUSTED":
        error["details"] = _quota_details(names_wait=kind is None)
    return {"error": error}


def _quota_details(*, names_wait: bool) -> list[Json]:
    minute = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
    day = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    violation: Json = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": minute if names_wait else day,
        "quotaDimensions": {"location": "global", "model": "gemini-2.5-flash"},
        "quotaValue": "10",
    }
    link: Json = {
        "description": "Learn more about Gemini API quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
    }
    details: list[Json] = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
        {"@type": "type.googleapis.com/google.rpc.Help", "links": [link]},
    ]
    if names_wait:
        details.append({"@type": _RETRY_INFO, "retryDelay": f"{RETRY_DELAY_S}s"})
    return details
