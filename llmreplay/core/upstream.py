"""Local stand-ins: the cassette keeps the provider's address, the traffic goes elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ORIGIN = re.compile(r"(https?)://(?:[^/?#@]*@)?([^/?#]*)", re.IGNORECASE)
_DEFAULT_PORTS = (("https", ":443"), ("http", ":80"))


def provider_url(url: str, upstream: Mapping[str, str]) -> str:
    """Give the address as the provider would see it, if the client was pointed at the stand-in itself."""
    for provider, local in upstream.items():
        rest = _after(url, local)
        if rest is not None:
            return provider + rest
    return url


def local_url(url: str, upstream: Mapping[str, str]) -> str | None:
    """Give the stand-in's address for a provider's; None if it has none.

    User info, upper case and a port that is the usual one make no other provider of it: missing such an address
    would send the request to the provider itself.
    """
    for provider, local in upstream.items():
        rest = _after(url, provider)
        if rest is not None:
            return local + rest
    return None


def _after(url: str, base: str) -> str | None:
    if url.startswith(base):
        rest = url[len(base) :]
    else:
        plain, plain_base = _plain(url), _plain(base)
        if not plain.startswith(plain_base):
            return None
        rest = plain[len(plain_base) :]
    return rest if rest[:1] in ("", "/", "?") else None


def _plain(url: str) -> str:
    match = _ORIGIN.match(url)
    if match is None:
        return url
    scheme, host = match[1].lower(), match[2].lower()
    for of_scheme, port in _DEFAULT_PORTS:
        host = host.removesuffix(port) if scheme == of_scheme else host
    return f"{scheme}://{host}{url[match.end() :]}"
