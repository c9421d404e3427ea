"""Errors of providers that imitate OpenAI's endpoints but not its errors: a table of their forms.

Sources: recorded errors of 2023 to 2026 for forms, words and headers (read 2026-11-30). What none of them shows has
the form of those that do, with the words that OpenAI has for the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus

from llmreplay.core.api import ErrorReply
from llmreplay.core.model import Headers, Json
from llmreplay.providers.making import json_text, made_id
from llmreplay.providers.openai_errors import RETRY_AFTER_S, detail_of

Case = int | str
"""A status, or a kind such as `spend_cap`."""

BuildError = Callable[[int, str | None], ErrorReply]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorForm:
    """How one provider words its errors.

    Attributes:
        members: Gives the members of an error, from its status, OpenAI's word for it and a message.
        said: Members in other words, for the cases that are known.
        is_nested: Whether the members stand in an object `error`.
        beside: Members that stand beside that object, unless the key is wrong: they tell whose it is.
        moved: Statuses that differ from the one that is asked for; 401 is a wrong key.
        id_header: Name of the header with the request's id; None for none.
    """

    members: Callable[[int, str, str], dict[str, Json]]
    said: Mapping[Case, dict[str, Json]] = field(default_factory=dict)
    is_nested: bool = True
    beside: Mapping[str, Json] = field(default_factory=dict)
    moved: Mapping[Case, int] = field(default_factory=dict)
    id_header: str | None = None


def error_reply(form: ErrorForm, status: int, kind: str | None) -> ErrorReply:
    """Build the error that a provider of some form sends for a status.

    Args:
        form: The provider's.
        status: 4xx or 5xx; for the kind `overloaded` it is 503, unless the form says otherwise.
        kind: None for the plain one, or `spend_cap`, `context_overflow`, `quota` or `overloaded`.

    Raises:
        ValueError: The kind is none of these.
    """
    error_type, code, _, words = detail_of(status, kind)
    case: Case = status if kind is None else kind
    status = form.moved.get(case, 503 if kind == "overloaded" else status)
    message = words if kind else _phrase(status)
    members = {**form.members(status, code or error_type, message), **form.said.get(case, {})}
    identity = made_id("", f"{status}", kind or "", 32).lower()
    own: Headers = ((form.id_header, identity),) if form.id_header else ()
    beside = {} if case == 401 else form.beside
    body: Json = {"error": members, **beside} if form.is_nested else members
    return ErrorReply(
        status=status, headers=(("content-type", "application/json"), *own), body=json_text(body).encode()
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Error {status}"


def _code_text(status: int, word: str, message: str) -> dict[str, Json]:
    return {"code": str(status), "message": message}


def _code_number(status: int, word: str, message: str) -> dict[str, Json]:
    return {"message": message, "code": status}


def _type_and_code_number(status: int, word: str, message: str) -> dict[str, Json]:
    return {"message": message, "type": word, "code": status}


def _type_and_word(status: int, word: str, message: str) -> dict[str, Json]:
    return {"message": message, "type": "invalid_request_error" if status < 500 else "server_error", "code": word}


def _all_four(status: int, word: str, message: str) -> dict[str, Json]:
    return {**_type_and_word(status, word, message), "param": None}


def _code_and_error(status: int, word: str, message: str) -> dict[str, Json]:
    return {"code": word.replace("_", "-"), "error": message}


def _error_code(status: int, word: str, message: str) -> dict[str, Json]:
    return {"error_code": status, "message": message}


def _detail(status: int, word: str, message: str) -> dict[str, Json]:
    return {"detail": message}


def _error_text(status: int, word: str, message: str) -> dict[str, Json]:
    return {"error": message}


_UPSTREAM: dict[str, Json] = {
    "message": "Provider returned error",
    "metadata": {
        "raw": "The model is temporarily rate-limited upstream. Please retry shortly, or add your own key to "
        "accumulate your rate limits: https://openrouter.ai/settings/integrations",
        "provider_name": "Google",
    },
}
_ZAI_OVERLOADED: dict[str, Json] = {
    "code": "1305",
    "message": "The service may be temporarily overloaded, please try again later",
}

azure: BuildError = partial(
    error_reply,
    ErrorForm(
        members=_code_text,
        said={
            401: {
                "message": "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
                "a valid key for an active subscription and use a correct regional API endpoint for your resource."
            },
            404: {
                "code": "DeploymentNotFound",
                "message": "The API deployment for this resource does not exist. If you created the deployment within "
                "the last 5 minutes, please wait a moment and try again.",
            },
            # Made by the model's own server, which is OpenAI's.
            "context_overflow": {"code": "context_length_exceeded"},
        },
        id_header="apim-request-id",
    ),
)
cerebras: BuildError = partial(
    error_reply,
    ErrorForm(
        members=_all_four,
        said={
            401: {"message": "Wrong API Key", "param": "api_key", "code": "wrong_api_key"},
            429: {
                "message": "Requests per second limit exceeded - too many requests sent.",
                "type": "too_many_requests_error",
                "param": "quota",
                "code": "request_quota_exceeded",
            },
        },
        is_nested=False,
    ),
)
databricks: BuildError = partial(
    error_reply,
    ErrorForm(
        members=_error_code,
        said={401: {"message": "Credential was not sent or was of an unsupported type for this API."}},
        is_nested=False,
    ),
)
deepseek: BuildError = partial(
    error_reply,
    ErrorForm(
        members=_all_four,
        said={
            400: {"code": "invalid_request_error"},
            401: {
                "message": "Authentication Fails, Your api key: ****-key is invalid",
                "type": "authentication_error",
                "code": "invalid_request_error",
            },
            "context_overflow": {"code": "invalid_request_error"},
        },
    ),
)
groq: BuildError = partial(
    error_reply,
    ErrorForm(
        members=_type_and_word,
        said={
            401: {"message": "Invalid API Key"},
            404: {"message": "The model does not exist or you do not have access to it."},
            429: {
                "message": "Rate limit reached for model on tokens per minute (TPM): Limit 6000, Used 5447, Requested "
                f"783. Please try again in {RETRY_AFTER_S}s.",
                "type": "tokens",
            },
            "context_overflow": {
                "message": "Please reduce the length of the messages or completion.",
                "param": "messages",
            },
        },
        id_header="x-request-id",
    ),
)
huggingface: BuildError = partial(
    error_reply,
    ErrorForm(
        members=_error_text,
        said={
            401: {"error": "Invalid username or password."},
            429: {"error": "Rate limit reached. Please log in or use a HF access token"},
        },
        is_nested=False,
        id_header="x-request-id",
    ),
)
openai_codex: BuildError = partial(
    error_reply,
    ErrorForm(
        members=_detail,
        said={401: {"detail": "Could not parse your authentication token. Please try signing in again."}},
        is_nested=False,
    ),
)
openrouter: BuildError = partial(
    error_reply,
    ErrorForm(
        members=_code_number,
        said={401: {"message": "No auth credentials found"}, 429: _UPSTREAM},
        beside={"user_id": "user_2xkQ7ZbLmT9cVfRdWnHs4yGa"},
    ),
)
perplexity: BuildError = partial(error_reply, ErrorForm(members=_type_and_code_number))
voyage: BuildError = partial(error_reply, ErrorForm(members=_detail, is_nested=False))
xai: BuildError = partial(
    error_reply,
    ErrorForm(
        members=_code_and_error,
        said={
            400: {"code": "invalid-argument"},
            401: {
                "code": "invalid-argument",
                "error": "Incorrect API key provided. You can obtain an API key from https://console.x.ai.",
            },
        },
        is_nested=False,
        moved={401: 400},
    ),
)
zai: BuildError = partial(
    error_reply,
    ErrorForm(
        members=_code_text,
        said={
            401: {"message": "token expired or incorrect"},
            429: _ZAI_OVERLOADED,
            "overloaded": _ZAI_OVERLOADED,
        },
        moved={"overloaded": 429},
    ),
)
