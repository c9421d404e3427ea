"""Anthropic's errors: bodies, headers, and the event of an error in mid-stream.

Sources: https://platform.claude.com/docs/en/api/errors and .../api/rate-limits, as given 2026-11-21; recorded
responses of 2024 to 2026 for `x-should-retry`.
"""

from __future__ import annotations

from llmreplay.core.api import ErrorReply
from llmreplay.core.model import Headers, Json
from llmreplay.core.streams import sse_event
from llmreplay.providers.making import CREATED_AT_TEXT, json_text, made_id

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MESSAGES = {
    "invalid_request_error": "messages: at least one message is required",
    "authentication_error": "invalid x-api-key",
    "billing_error": "Your credit balance is too low to access the Anthropic API.",
    "permission_error": "Your API key does not have permission to use the specified resource.",
    "not_found_error": "model: claude-unknown",
    "conflict_error": "The resource was changed by another request.",
    "request_too_large": "Request exceeds the maximum size",
    "rate_limit_error": "This request would exceed your organization's rate limit of 30,000 input tokens per minute.",
    "api_error": "Internal server error",
    "timeout_error": "Request timed out",
    "overloaded_error": "Overloaded",
}
_KINDS = {
    "spend_cap": "You have reached your specified API usage limits.",
    "context_overflow": "prompt is too long: 208310 tokens > 200000 maximum",
    "quota": "Your credit balance is too low to access the Anthropic API.",
    "overloaded": "Overloaded",
}
RETRY_AFTER_S = 20


def error_reply(status: int, kind: str | None) -> ErrorReply:
    """Build the error that Anthropic sends for a status.

    Args:
        status: 4xx or 5xx.
        kind: None for the plain one, or `spend_cap` (429), `context_overflow` (400), `quota` (400 or 402) or
            `overloaded` (529).

    A plain 429 names a wait of 20 s; a spend cap names none, for waiting does not help.

    Raises:
        ValueError: The kind is none of these.
    """
    if kind is not None and kind not in _KINDS:
        raise ValueError(f"kind={kind!r}: choose from {', '.join(_KINDS)}.")
    request_id = made_id("req_011C", f"{status}", kind or "", 20)
    return ErrorReply(
        status=status,
        headers=(
            ("content-type", "application/json"),
            ("request-id", request_id),
            *_retry_headers(status, kind),
        ),
        body=json_text(_body(status, kind, request_id)).encode(),
    )


def error_event(status: int) -> bytes:
    """Give the bytes of the `error` event that ends a stream, for the status it would have had."""
    return sse_event("error", json_text(_body(status, None, made_id("req_011C", f"{status}", "event", 20))))


def _body(status: int, kind: str | None, request_id: str) -> Json:
    error_type = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    if kind == "overloaded":
        error_type = "overloaded_error"
    message = _MESSAGES[error_type] if kind is None else _KINDS[kind]
    details: Json = {"error_code": "enforced_spend_limit_reached"} if kind == "spend_cap" else None
    return {
        "type": "error",
        "error": {"type": error_type, "message": message, "details": details},
        "request_id": request_id,
    }


def _retry_headers(status: int, kind: str | None) -> Headers:
    if status == 429 and kind is None:
        return (("retry-after", str(RETRY_AFTER_S)), *_rate_limit_headers())
    if status == 529:
        return (("x-should-retry", "true"),)
    if status in (400, 401):
        return (("x-should-retry", "false"),)
    return ()


def _rate_limit_headers() -> Headers:
    """Give the rate-limit headers of an organization that has used up its input tokens of this minute."""
    limits = (("requests", 50, 49), ("tokens", 38000, 8000), ("input-tokens", 30000, 0), ("output-tokens", 8000, 8000))
    return tuple(
        pair
        for name, limit, remaining in limits
        for pair in (
            (f"anthropic-ratelimit-{name}-limit", str(limit)),
            (f"anthropic-ratelimit-{name}-remaining", str(remaining)),
            (f"anthropic-ratelimit-{name}-reset", CREATED_AT_TEXT),
        )
    )
