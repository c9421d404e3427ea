"""Mistral's errors: bodies, headers, and the event of an error in mid-stream.

Sources: https://docs.mistral.ai/api, mistralai 3.7.0, as given 2026-11-21; recorded errors of 2025 and 2026.
"""

from __future__ import annotations

from llmreplay.core.api import ErrorReply
from llmreplay.core.model import Headers, Json
from llmreplay.core.streams import sse_event
from llmreplay.providers.making import json_text, made_id

# Type, code, message.
_ERRORS = {
    400: ("invalid_request_error", "1000", "Invalid request"),
    404: ("invalid_model", "1500", "Invalid model: unknown"),
    429: ("rate_limited", "1300", "Rate limit exceeded"),
    500: ("internal_server_error", "1000", "Service unavailable."),
    503: ("service_tier_capacity_exceeded", "3505", "Service tier capacity exceeded for this model."),
}
_QUOTA = ("rate_limited", "1300", "Monthly usage limit exceeded")
_KINDS = {
    "spend_cap": _QUOTA,
    "context_overflow": (
        "invalid_request_prompt_too_long",
        "3051",
        "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 maximum context length",
    ),
    "quota": _QUOTA,
    "overloaded": _ERRORS[503],
}
RETRY_AFTER_S = 20


def error_reply(status: int, kind: str | None) -> ErrorReply:
    """Build the error that Mistral sends for a status.

    Args:
        status: 4xx or 5xx; for the kind `overloaded` it is 503.
        kind: None, `spend_cap` or `quota` (429), `context_overflow` (400) or `overloaded`.

    Raises:
        ValueError: The kind is none of these.
    """
    if kind is not None and kind not in _KINDS:
        raise ValueError(f"kind={kind!r}: choose from {', '.join(_KINDS)}.")
    status = 503 if kind == "overloaded" else status
    limits: Headers = (
        ("retry-after", str(RETRY_AFTER_S)),
        ("x-ratelimit-limit-req-minute", "60"),
        ("x-ratelimit-remaining-req-minute", "0"),
        ("x-ratelimit-limit-tokens-minute", "500000"),
        ("x-ratelimit-remaining-tokens-minute", "0"),
    )
    return ErrorReply(
        status=status,
        headers=(
            ("content-type", "application/json"),
            ("mistral-correlation-id", made_id("", f"{status}", kind or "", 32).lower()),
            *(limits if status == 429 and kind is None else ()),
        ),
        body=json_text(_body(status, kind)).encode(),
    )


def error_event(status: int) -> bytes:
    """Give the bytes of an error in a stream, for the status it would have had."""
    return sse_event(None, json_text(_error(status, None)))


def _body(status: int, kind: str | None) -> Json:
    if status == 401 and kind is None:
        return {"detail": "Unauthorized"}
    if status == 422 and kind is None:
        return {"detail": [{"loc": ["body", "messages"], "msg": "field required", "type": "missing"}]}
    return _error(status, kind)


def _error(status: int, kind: str | None) -> Json:
    plain = _ERRORS.get(status) or _ERRORS[400 if status < 500 else 500]
    error_type, code, message = plain if kind is None else _KINDS[kind]
    return {
        "object": "error",
        "message": message,
        "type": error_type,
        "param": None,
        "code": code,
        "raw_status_code": status,
    }
