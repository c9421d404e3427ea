"""While a recorder sends, a call that goes round it to a provider is told."""

from __future__ import annotations

import asyncio
import socket
import sys

import httpx2
import pytest

from llmreplay import use_cassette
from llmreplay.simulator import Simulator

HOST = "api.anthropic.com"
ASKED = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def look_up():
    """Look a provider up as bare sockets do; there is no network to ask."""
    sys.audit("socket.getaddrinfo", HOST, 443, 0, 0, 0)


@pytest.mark.parametrize("mode", ["once", "live"])
def test_a_way_round_is_told(tmp_path, mode):
    """With the library and the line, once; nothing is closed."""
    with use_cassette(tmp_path / "a.json", mode=mode) as replay:
        for _ in range(2):
            look_up()

    [note] = replay.notes
    assert f"a call to {HOST} went round the libraries that are recorded" in note
    assert "in look_up" in note


@pytest.mark.parametrize(
    ("settings", "host"),
    [({"allowed_hosts": [HOST]}, HOST), ({"ignore_hosts": [HOST]}, HOST), ({"guard": "off"}, HOST), ({}, "db.example")],
    ids=["allowed", "ignored", "guard off", "no provider"],
)
def test_what_is_meant_to_be_live_is_not_told(tmp_path, settings, host):
    """Nor is a host that belongs to no provider."""
    with use_cassette(tmp_path / "a.json", mode="once", **settings) as replay:
        sys.audit("socket.getaddrinfo", host, 443, 0, 0, 0)

    assert replay.notes == []


def with_httpx2(url):
    with httpx2.Client() as client:
        return client.post(url, json=ASKED).status_code


def with_httpx2_async(url):
    async def ask():
        async with httpx2.AsyncClient() as client:
            return (await client.post(url, json=ASKED)).status_code

    return asyncio.run(ask())


def with_aiohttp(url):
    aiohttp = pytest.importorskip("aiohttp")

    async def ask():
        connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
        async with aiohttp.ClientSession(connector=connector) as session, session.post(url, json=ASKED) as response:
            return response.status

    return asyncio.run(ask())


def with_urllib3(url):
    with pytest.importorskip("urllib3").PoolManager() as pool:
        return pool.request("POST", url, json=ASKED).status


@pytest.mark.parametrize("ask", [with_httpx2, with_httpx2_async, with_aiohttp, with_urllib3])
def test_a_call_that_is_recorded_is_not_told(tmp_path, monkeypatch, ask):
    """Its own lookup of the provider's name goes round nothing, in whatever thread the library makes it."""
    real = socket.getaddrinfo

    def to_loopback(host, *arguments, **named):
        sys.audit("socket.getaddrinfo", host, *arguments)
        return real("127.0.0.1" if host in (HOST, HOST.encode()) else host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", to_loopback)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Simulator() as simulator, use_cassette(tmp_path / "a.json", mode="once") as replay:
        status = ask(f"http://{HOST}:{simulator.url.rpartition(':')[2]}/v1/messages")

    assert status == 200
    assert len(replay.calls) == 1
    assert replay.notes == []
