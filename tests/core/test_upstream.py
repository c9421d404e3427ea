"""Addresses of stand-ins: what is meant for a provider goes there, however its address is written."""

from __future__ import annotations

import pytest

from llmreplay.core.upstream import local_url, provider_url

UPSTREAM = {"https://api.example.com": "http://127.0.0.1:8123"}


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1?a=1",
        "https://me:word@api.example.com/v1?a=1",
        "https://API.Example.com/v1?a=1",
        "HTTPS://api.example.com:443/v1?a=1",
    ],
    ids=["plain", "user info", "upper case", "port"],
)
def test_every_way_to_write_the_providers_address_goes_to_the_stand_in(url):
    """User info, upper case and the usual port do not let a request out to the provider itself."""
    assert local_url(url, UPSTREAM) == "http://127.0.0.1:8123/v1?a=1"


@pytest.mark.parametrize(
    "url",
    ["https://api.example.community/v1", "http://api.example.com/v1", "https://api.example.com:8443/v1", "https://x"],
)
def test_another_address_is_left_alone(url):
    """Another host, scheme or port is not the provider's."""
    assert local_url(url, UPSTREAM) is None
    assert provider_url(url, UPSTREAM) == url


def test_the_stand_ins_own_address_is_told_as_the_providers():
    """A client that was pointed at the stand-in itself leaves the provider's address on the cassette."""
    assert provider_url("http://127.0.0.1:8123/v1", UPSTREAM) == "https://api.example.com/v1"
