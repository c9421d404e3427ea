"""Asks a simulator over a real socket."""

from __future__ import annotations

import httpx
import pytest

SAME_BODY = b'{"n":1,"model":"m"}'


@pytest.fixture
def ask():
    """Give a function that sends one request and gives the response, its chunks and what broke."""
    return _ask


def _ask(simulator, *, body=SAME_BODY, path="/v1/chat?beta=true", library=httpx, timeout=5.0):
    """Send one request; give the response, its chunks and what broke."""
    chunks = []
    response = None
    with library.Client(timeout=timeout) as client:
        try:
            with client.stream("POST", simulator.url + path, content=body) as response:
                chunks.extend(response.iter_bytes())
        except library.TransportError as error:
            return response, chunks, error
    return response, chunks, None
