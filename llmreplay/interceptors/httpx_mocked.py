"""Requests that respx answers: below the transports of httpx, where only a recording would ask it."""

from __future__ import annotations

import sys
from typing import Any


def is_mocked(request: Any) -> bool:
    """Say whether a route of respx, by its default mocker, is for a request of httpx; unrouted ones are ours."""
    mocks: Any = sys.modules.get("respx.mocks")
    if mocks is None:
        return False
    return any(
        not route.is_pass_through and (not route.pattern or bool(route.pattern.match(request)))
        for router in mocks.HTTPCoreMocker.routers
        for route in router.routes
    )
