"""`Api`: the row of facts that a provider fills in, and `identify`, which finds the row for a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import unquote, urlsplit

from llmreplay.core.model import Answer, Json, Reply, Request, Response
from llmreplay.core.streams import Event, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply:
    """A provider's own way of reporting an error.

    Attributes:
        status: HTTP status code.
        headers: Request id, rate-limit and retry headers, content type.
        body: As the provider would send it.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One endpoint of one provider, as data and pure functions.

    Attributes:
        name: `anthropic.messages`: provider, dot, endpoint.
        provider: `anthropic`.
        hosts: Patterns of host names, `*` for any run of characters.
        path: Matches the whole URL path of a request to this endpoint; a group `model` is the model that is asked for.
        method: The HTTP method of a request to this endpoint.
        wire: How its streams are cut into events; None if it never streams.
        is_streamed: Says whether a request asks for a stream, from its URL path and decoded body; of a form, from its
            fields.
        answer_from_body: Reads a whole, decoded body; None if this endpoint has no answer to read.
        answer_from_text: Reads a whole body that is labelled as text; None where all answers are JSON.
        answer_from_events: Reads the events of a stream, which may be cut short.
        is_terminal: Says whether an event ends a stream of this endpoint.
        last_bytes: Of a stream whose stop reason comes before its last event: that event, which some clients do not
            wait for; else empty.
        error_reply: Builds the provider's error for a status; second argument a kind such as `spend_cap`
            or `context_overflow`, or None for the plain one.
        error_event: Bytes of an error in mid-stream, for a status.
        naming_wait: Puts the seconds to wait into an error where this provider names them beside `retry-after`, in
            its body say; None if it does not.
        build_response: Makes up an answer to a request, streamed (True) or not.
        looks_like: Says whether a decoded body has this endpoint's shape; used where the host is a stand-in.
        canonical_path: Rewrites a path whose spelling varies between SDK versions without changing its meaning.
        sends_pings: Whether its streams bring events named `ping` of their own.
        takes_comments: Whether its clients pass over comments in a stream.
        is_charged: Whether it counts for what a test spends; False for what lists, keeps or counts.
        volatile_query: Query parameters that come and go with SDK versions without changing what is asked.
        source: Address of the vendor's documentation, with the day it was read.
    """

    name: str
    provider: str
    hosts: tuple[str, ...]
    path: re.Pattern[str]
    source: str
    method: str = "POST"
    wire: Wire | None = None
    is_streamed: Callable[[str, Json], bool] | None = None
    answer_from_body: Callable[[Json], Answer] | None = None
    answer_from_text: Callable[[str], Answer] | None = None
    answer_from_events: Callable[[Sequence[Event]], Answer] | None = None
    is_terminal: Callable[[Event], bool] | None = None
    last_bytes: bytes = b""
    error_reply: Callable[[int, str | None], ErrorReply] | None = None
    error_event: Callable[[int], bytes] | None = None
    naming_wait: Callable[[ErrorReply, float], ErrorReply] | None = None
    build_response: Callable[[Reply, Request, bool], Response] | None = None
    looks_like: Callable[[Json], bool] | None = None
    canonical_path: Callable[[str], str] | None = None
    sends_pings: bool = False
    takes_comments: bool = True
    is_charged: bool = True
    volatile_query: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One vendor: its endpoints, and what its clients read from the environment.

    Attributes:
        name: `anthropic`.
        apis: Its endpoints.
        key_variables: Environment variables that hold a key, with a placeholder that its SDK accepts; no two are
            alike, so that a request tells whose it carries. Empty where none may be set.
        hosts: Patterns of all its host names, for traffic to endpoints that no row describes.
        side_paths: `host/path` patterns of telemetry and other traffic that is no LLM call.
        credential_paths: `host/path` patterns of token endpoints.
        feature_headers: Request headers that change the answer and therefore count in matching.
        secret_headers: Request or response headers that carry a secret or an account's identity.
    """

    name: str
    apis: tuple[Api, ...]
    key_variables: tuple[tuple[str, str], ...] = ()
    hosts: tuple[str, ...] = ()
    side_paths: tuple[str, ...] = ()
    credential_paths: tuple[str, ...] = ()
    feature_headers: tuple[str, ...] = ()
    secret_headers: tuple[str, ...] = ()


def model_in_path(api: Api, path: str) -> str | None:
    """Give the model that a URL path names, as its endpoint does; None if it names none."""
    found = api.path.search(path)
    name = found.groupdict().get("model") if found else None
    # Of a resource name, an ARN say, the last part.
    return unquote(name).rpartition("/")[2] if name else None


def identify(request: Request, apis: Sequence[Api]) -> Api | None:
    """Find the api that a request goes to, by method, host and path; None if no row describes it."""
    parts = urlsplit(request.url)
    host = (parts.hostname or "").lower()
    for api in apis:
        if (
            request.method == api.method
            and any(fnmatchcase(host, pattern) for pattern in api.hosts)
            and api.path.fullmatch(parts.path)
        ):
            return api
    return None


def identify_stand_in(path: str, body: Json, apis: Sequence[Api]) -> Api | None:
    """Find the api that a request to a stand-in's host imitates: by its path *and* the shape of its body.

    Args:
        path: Of the request's URL. A stand-in may serve a provider's paths under a prefix, or drop `/v1`.
        body: Decoded body of the request.
        apis: Rows without `looks_like` are passed over; the first that fits wins.
    """
    ends = [path[at:] for at, sign in enumerate(path) if sign == "/"]
    paths = [*ends, "/v1" + path]
    for api in apis:
        if (
            api.looks_like is not None
            and any(api.path.fullmatch(candidate) for candidate in paths)
            and api.looks_like(body)
        ):
            return api
    return None
