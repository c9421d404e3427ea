"""What an address says of a request."""

from __future__ import annotations

import pytest
from doubles import A_CATALOGUE, URL, a_request

from llmreplay.core import addresses
from llmreplay.core.addresses import Addresses
from llmreplay.core.settings import settings_from
from llmreplay.core.traffic import Traffic

LOCAL = "http://127.0.0.1:8123"


def of(url, **settings):
    return Addresses(A_CATALOGUE, settings_from(("a test", settings))).of(a_request(url=url))


@pytest.mark.parametrize(
    ("url", "settings", "traffic"),
    [
        (URL, {}, Traffic.RECORDED),
        ("https://telemetry.example.ai/ingest", {}, Traffic.SIDE),
        ("https://login.example.ai/token", {}, Traffic.CREDENTIAL),
        (f"{LOCAL}/v1/chat", {}, None),
        (f"{LOCAL}/v1/chat", {"hosts": ["127.0.0.1:8123"]}, Traffic.RECORDED),
        (URL, {"ignore_hosts": ["*.example.ai"]}, Traffic.PASSED),
        (f"{LOCAL}/v1/chat", {"upstream": {"https://api.example.ai": LOCAL}}, Traffic.RECORDED),
    ],
    ids=["provider", "side", "credential", "loopback", "named loopback", "ignored", "stand-in of a provider"],
)
def test_an_address_tells_its_traffic(url, settings, traffic):
    """Where the address alone decides, it does; a loopback one leaves it to the body."""
    assert of(url, **settings).traffic is traffic


def test_a_stand_in_is_a_provider_s_address_both_ways():
    """The cassette gets the provider's address whichever of the two the client was given, the traffic the other."""
    upstream = {"https://api.example.ai": LOCAL}

    given_theirs, given_ours = of(URL, upstream=upstream), of(f"{LOCAL}/v1/chat", upstream=upstream)

    assert (given_theirs.url, given_theirs.local_url) == (URL, f"{LOCAL}/v1/chat")
    assert given_ours == given_theirs
    assert given_theirs.api is A_CATALOGUE.apis[0]


@pytest.mark.parametrize(
    ("body", "traffic"),
    [({}, Traffic.RECORDED), ({"is_no_chat": True}, Traffic.PASSED)],
    ids=["shape of an api", "another shape"],
)
def test_the_body_decides_on_a_loopback_address(body, traffic):
    """A local server is recorded only where path and body say that it plays a provider."""
    known = Addresses(A_CATALOGUE, settings_from())
    request = a_request(url=f"{LOCAL}/v1/chat")
    if body:
        request = type(request)(request.method, request.url, request.headers, b'{"is_no_chat": true}')

    kind, api = known.kind_of(request, known.of(request))

    assert kind is traffic
    assert (api is not None) is (traffic is Traffic.RECORDED)


def test_an_address_is_read_once_and_few_are_remembered(monkeypatch):
    """The same address costs nothing the second time, and a crawl of many does not fill the memory."""
    known = Addresses(A_CATALOGUE, settings_from())
    reads = []
    monkeypatch.setattr(addresses, "traffic_to", lambda url, *_, **__: reads.append(url) or Traffic.RECORDED)

    assert known.of(a_request()) is known.of(a_request("another prompt"))
    for number in range(2000):
        known.of(a_request(url=f"{URL}/{number}"))

    assert reads.count(URL) == 1
    assert len(known._known) <= 500
