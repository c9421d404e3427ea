"""Rows made from a table: endpoints whose answers are not read, and those that speak another's protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from llmreplay.core.api import Api, ErrorReply

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
) -> tuple[Api, ...]:
    """Make a row of each endpoint."""
    return tuple(
        Api(
            name=f"{provider}.{name}",
            provider=provider,
            hosts=hosts,
            path=re.compile(path),
            method=method,
            error_reply=error_reply,
            canonical_path=canonical_path,
            source=source,
        )
        for name, method, path in endpoints
    )


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
