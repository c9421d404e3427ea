"""Uvicorn made small: it starts and stops at once, and lets us reach the connection below HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from llmreplay.simulator.application import Application

# One request for the headers of a long tool loop's metadata stays far below; the bodies do not count.
_HEADER_BYTES = 1 << 20


class _Messages(h11.Connection):
    """Speaks HTTP/1.1 with a reason phrase of our choice."""

    reason = ""

    def send(self, event: Any) -> Any:
        if isinstance(event, h11.Response) and self.reason:
            event = h11.Response(
                status_code=event.status_code,
                headers=event.headers.raw_items(),
                reason=self.reason.encode("latin-1", "replace"),
            )
        return super().send(event)


class _Connection(H11Protocol):
    """A client's connection, which counts itself and can be broken on purpose."""

    def __init__(self, config: uvicorn.Config, *args: Any, **settings: Any) -> None:
        super().__init__(config, *args, **settings)
        self.conn = _Messages(h11.SERVER, _HEADER_BYTES)
        self.app_state = {"connection": self}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio does it only where the listener names its protocol; without it, chunks wait 40 ms for an ACK.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        application = self.config.app
        assert isinstance(application, Application)
        application.connections += 1

    def set_reason(self, reason: str) -> None:
        assert isinstance(self.conn, _Messages)
        self.conn.reason = reason


class Server(uvicorn.Server):
    """Serves an application on a listening socket, in the thread that calls `run`."""

    def __init__(self, application: Application, started: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=_Connection,
                ws="none",
                loop="asyncio",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
            )
        )
        self._tell_started = started
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def serve_on(self, listener: socket.socket) -> None:
        """Serve until `stop` is called; the socket is closed at the end."""
        self.run(sockets=[listener])

    def stop(self) -> None:
        """End `serve_on`, from any thread."""
        assert self._loop is not None
        assert self._stopping is not None
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def main_loop(self) -> None:
        """Wait to be stopped; uvicorn's own loop looks for it ten times a second."""
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._tell_started()
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close every connection at once and end what still streams."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
