"""Local stand-ins: the cassette keeps the provider's address, the traffic goes elsewhere."""

from __future__ import annotations

from collections.abc import Mapping


def provider_url(url: str, upstream: Mapping[str, str]) -> str:
    """Give the address as the provider would see it, if the client was pointed at the stand-in itself."""
    for provider, local in upstream.items():
        if _begins(url, local):
            return provider + url[len(local) :]
    return url


def local_url(url: str, upstream: Mapping[str, str]) -> str | None:
    """Give the stand-in's address for a provider's; None if it has none."""
    for provider, local in upstream.items():
        if _begins(url, provider):
            return local + url[len(provider) :]
    return None


def _begins(url: str, base: str) -> bool:
    return url == base or url.startswith((base + "/", base + "?"))
