"""What kind of traffic a request is: an LLM call to record, or something that only runs beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from functools import lru_cache
from urllib.parse import urlsplit

from llmreplay.core.api import Api, Provider, identify_stand_in
from llmreplay.core.model import Chunk, Failure, Request, Response, TransportFailure

_LOOPBACK = ("localhost", "127.*", "::1", "*.localhost", "0.0.0.0")  # noqa: S104 - a pattern, nothing is bound


class Traffic(Enum):
    """What is to be done with a request."""

    RECORDED = "recorded"
    PASSED = "passed through"
    SIDE = "side traffic"
    CREDENTIAL = "credential traffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What the providers' rows say together."""

    providers: tuple[Provider, ...] = ()
    apis: tuple[Api, ...] = ()
    feature_headers: tuple[str, ...] = ()
    side_paths: tuple[str, ...] = ()
    credential_paths: tuple[str, ...] = ()
    key_variables: tuple[tuple[str, str], ...] = ()
    hosts: tuple[str, ...] = ()

    def keys_of(self, addresses: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Give the key variables of the providers at these addresses; those of all, if one is nobody's."""
        found: list[tuple[str, str]] = []
        for address in addresses:
            host = urlsplit(address).hostname or ""
            theirs = [one for one in self.providers if _one_of(tuple(one.hosts)).match(host)]
            if not theirs:
                return self.key_variables
            found += [pair for one in theirs for pair in one.key_variables]
        return tuple(dict.fromkeys(found))

    def placeholders_in(self, request: Request) -> list[str]:
        """Name the key variables whose placeholder a request carries in the place of a key."""
        carried = {word for _, value in request.headers for word in value.split()}
        return [name for name, placeholder in self.key_variables if placeholder in carried]


@lru_cache(maxsize=100)
def _one_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Join `*` patterns into one, because every address is compared with all of them."""
    matches_nothing = "(?!)"
    return re.compile("|".join(map(translate, patterns)) or matches_nothing)


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine's own."""
    return _one_of(_LOOPBACK).match(host) is not None


def traffic_to(
    url: str, catalogue: Catalogue, *, hosts: tuple[str, ...] = (), ignore_hosts: tuple[str, ...] = ()
) -> Traffic | None:
    """Classify the traffic to an address; None where the body decides.

    Args:
        url: As the provider would see it.
        catalogue: Knows side and credential traffic.
        hosts: `*` patterns of hosts recorded though they are loopback.
        ignore_hosts: `*` patterns of hosts passed through.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    address = host + parts.path
    with_port = host if parts.port is None else f"{host}:{parts.port}"

    def named_by(patterns: tuple[str, ...]) -> bool:
        return _one_of(patterns).match(host) is not None or _one_of(patterns).match(with_port) is not None

    if named_by(ignore_hosts):
        return Traffic.PASSED
    if named_by(hosts):
        return Traffic.RECORDED
    if _one_of(catalogue.credential_paths).match(address):
        return Traffic.CREDENTIAL
    if _one_of(catalogue.side_paths).match(address):
        return Traffic.SIDE
    return None if is_loopback(host) else Traffic.RECORDED


def stand_in_api(request: Request, apis: tuple[Api, ...]) -> Api | None:
    """Find the api that a local stand-in plays, by path and body shape; None if it does not look like an LLM."""
    if not request.body:
        return None
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    api = identify_stand_in(urlsplit(request.url).path, body, apis)
    return api if api is not None and api.method == request.method else None


OFFLINE_SIDE_TRAFFIC = TransportFailure(Failure.CONNECT_ERROR, "llmreplay: side traffic is offline in a replayed test")

# Enough of a token for every client that only carries it along; it expires late, so none is asked for twice.
OFFLINE_CREDENTIAL = Response(
    200,
    (("content-type", "application/json"),),
    (
        Chunk(
            b'{"access_token":"llmreplay-placeholder","token_type":"Bearer","expires_in":3600,'
            b'"id_token":"llmreplay-placeholder"}'
        ),
    ),
)
