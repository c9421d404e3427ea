"""A transport for aiohttp that leads to nobody: the answer is known."""

from __future__ import annotations

import asyncio
from typing import Any


class NowhereTransport(asyncio.Transport):
    """Takes what is written, and sends it nowhere."""

    def __init__(self, protocol: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._protocol = protocol
        self._loop = loop
        self._is_closing = False

    def write(self, data: object) -> None:
        """Send nothing."""

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self._is_closing

    def close(self) -> None:
        """Tell the protocol that the connection is lost, once."""
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """Close it: nothing waits to be sent."""
        self.close()
