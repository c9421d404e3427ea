"""OpenAI's errors: bodies, headers, and the events of an error in mid-stream.

Sources: https://platform.openai.com/docs/guides/error-codes and .../guides/rate-limits, as given 2026-11-21;
recorded responses of 2023 to 2026 for messages and headers.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from llmreplay.core.api import ErrorReply
from llmreplay.core.model import Headers, Json
from llmreplay.core.streams import sse_event
from llmreplay.providers.making import json_text, made_id

RETRY_AFTER_S = 20
_RESET = "x-ratelimit-reset-tokens"

_INVALID = "invalid_request_error"
# Status: type, code, param, message.
_ERRORS: dict[int, tuple[str, str | None, str | None, str]] = {
    400: (_INVALID, None, "messages", "Invalid value for 'messages'."),
    401: (
        _INVALID,
        "invalid_api_key",
        None,
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    ),
    403: (
        "request_forbidden",
        "unsupported_country_region_territory",
        None,
        "Country, region, or territory not supported",
    ),
    404: (_INVALID, "model_not_found", None, "The model does not exist or you do not have access to it."),
    429: (
        "tokens",
        "rate_limit_exceeded",
        None,
        f"Rate limit reached on tokens per min (TPM): Limit 30000, Used 30000. Please try again in {RETRY_AFTER_S}s.",
    ),
    500: ("server_error", None, None, "The server had an error while processing your request. Sorry about that!"),
    503: ("server_error", None, None, "The engine is currently overloaded, please try again later"),
}
_ERRORS[529] = _ERRORS[503]
_QUOTA = (
    "insufficient_quota",
    "insufficient_quota",
    None,
    "You exceeded your current quota, please check your plan and billing details.",
)
_KINDS: dict[str, tuple[str, str | None, str | None, str]] = {
    "spend_cap": _QUOTA,
    "context_overflow": (
        _INVALID,
        "context_length_exceeded",
        "messages",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens.",
    ),
    "quota": _QUOTA,
    "overloaded": _ERRORS[503],
}


def error_reply(status: int, kind: str | None) -> ErrorReply:
    """Build the error that OpenAI sends for a status.

    Args:
        status: 4xx or 5xx.
        kind: None for the plain one, or `spend_cap` or `quota` (429, `insufficient_quota`), `context_overflow`
            (400) or `overloaded` (503 whatever status is asked for).

    A plain 429 names a wait of 20 s; one for lack of quota names none, for waiting does not help.

    Raises:
        ValueError: The kind is none of these.
    """
    error = _error(status, kind)
    # 529 is Anthropic's; here the same thing is a 503.
    status = 503 if kind == "overloaded" else status
    return ErrorReply(
        status=status,
        headers=(
            ("content-type", "application/json"),
            ("x-request-id", made_id("req_", f"{status}", kind or "", 32).lower()),
            ("openai-version", "2020-10-01"),
            ("openai-processing-ms", "12"),
            *(_rate_limit_headers() if status == 429 and kind is None else ()),
        ),
        body=json_text({"error": error}).encode(),
    )


def naming_wait(reply: ErrorReply, wait_s: float) -> ErrorReply:
    """Name a wait where a plain 429 does: in its message, and as the time when tokens are there again."""
    wait = f"{Decimal(repr(max(0, wait_s))):f}s"
    headers = tuple((name, wait if name == _RESET else value) for name, value in reply.headers)
    body = reply.body.replace(f"try again in {RETRY_AFTER_S}s".encode(), f"try again in {wait}".encode())
    return replace(reply, headers=headers, body=body)


def responses_error_reply(status: int, kind: str | None) -> ErrorReply:
    """Build the error of the Responses API, which names `input` where chat names `messages`."""
    reply = error_reply(status, kind)
    body = reply.body.replace(b'"param":"messages"', b'"param":"input"')
    return ErrorReply(status=reply.status, headers=reply.headers, body=body)


def chat_error_event(status: int) -> bytes:
    """Give the bytes of an error in a chat stream, for the status it would have had."""
    return sse_event(None, json_text({"error": _error(status, None)}))


def responses_error_event(status: int) -> bytes:
    """Give the bytes of an `error` event of a Responses stream.

    Its error is nested, as production sends it and the SDK raises it; the documented flat form is not raised.
    Sources: openai-dotnet#881, as given 2026-11-21.
    """
    kind, code, param, message = detail_of(status, None)
    error: Json = {"type": kind, "code": code, "message": message, "param": param}
    return sse_event("error", json_text({"type": "error", "sequence_number": 2, "error": error}))


def _error(status: int, kind: str | None) -> Json:
    error_type, code, param, message = detail_of(status, kind)
    return {"message": message, "type": error_type, "param": param, "code": code}


def detail_of(status: int, kind: str | None) -> tuple[str, str | None, str | None, str]:
    """Give type, code, parameter and message of an error.

    Raises:
        ValueError: There is no such kind of error.
    """
    if kind is not None:
        if kind not in _KINDS:
            raise ValueError(f"kind={kind!r}: choose from {', '.join(_KINDS)}.")
        return _KINDS[kind]
    return _ERRORS.get(status) or (_INVALID if status < 500 else "server_error", None, None, f"Error {status}")


def _rate_limit_headers() -> Headers:
    """Give the headers of a project that has used up its tokens of this minute."""
    return (
        ("retry-after", str(RETRY_AFTER_S)),
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-limit-tokens", "30000"),
        ("x-ratelimit-remaining-requests", "499"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-requests", "120ms"),
        (_RESET, f"{RETRY_AFTER_S}s"),
    )
