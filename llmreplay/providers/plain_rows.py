"""Rows made from a table: endpoints without answers of a model, and those that speak another's protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from llmreplay.core.api import Api, ErrorReply
from llmreplay.core.model import Answer, Json

Endpoint = tuple[str, str, str]
"""Name after the provider's, HTTP method, and a pattern of the whole path."""


def plain_rows(
    provider: str,
    hosts: tuple[str, ...],
    source: str,
    endpoints: Iterable[Endpoint],
    *,
    error_reply: Callable[[int, str | None], ErrorReply] | None = None,
    canonical_path: Callable[[str], str] | None = None,
    answer_from_body: Callable[[Json], Answer] | None = None,
    looks_like: Callable[[Json], bool] | None = None,
    is_charged: bool = True,
) -> tuple[Api, ...]:
    """Make a row of each endpoint; what is given besides holds for all of them."""
    return tuple(
        Api(
            name=f"{provider}.{name}",
            provider=provider,
            hosts=hosts,
            path=re.compile(path),
            method=method,
            is_streamed=_never if answer_from_body else None,
            answer_from_body=answer_from_body,
            error_reply=error_reply,
            canonical_path=canonical_path,
            looks_like=looks_like,
            is_charged=is_charged,
            source=source,
        )
        for name, method, path in endpoints
    )


def _never(path: str, body: Json) -> bool:
    return False


def borrowed_row(
    model: Api,
    name: str,
    hosts: tuple[str, ...],
    path: str,
    source: str,
    canonical_path: Callable[[str], str] | None = None,
) -> Api:
    """Make the row of an endpoint that speaks another provider's protocol, with the functions of that one's row.

    It is not looked for on stand-in hosts, where nothing tells it from the one it imitates.
    """
    return replace(
        model,
        name=name,
        provider=name.partition(".")[0],
        hosts=hosts,
        path=re.compile(path),
        source=source,
        canonical_path=canonical_path,
        looks_like=None,
    )
