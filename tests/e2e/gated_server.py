"""A server that sends the next piece of a stream only when the client says that it has the one before."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from threading import Event, Semaphore, Thread
from types import TracebackType

_LONGEST_WAIT_S = 5.0


class GatedServer:
    """Serves one streamed answer on loopback, a piece for each time that it is let on.

    Attributes:
        url: Where it listens.
        gave_up: Whether it waited in vain to be let on: the client did not get what was sent.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        """Prepare to send these pieces; the first goes out at once."""
        self.gave_up = False
        self._pieces = pieces
        self._gate = Semaphore(1)
        self._is_over = Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = Thread(target=self._serve, daemon=True)

    def let_on(self) -> None:
        """Have the next piece sent."""
        self._gate.release()

    def __enter__(self) -> GatedServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._gate.release()
        self._thread.join(_LONGEST_WAIT_S)
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            for piece in self._pieces:
                if not self._gate.acquire(timeout=_LONGEST_WAIT_S):
                    self.gave_up = True
                    return
                if self._is_over.is_set():
                    return
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.sendall(b"0\r\n\r\n")
