"""`Simulator`: the embedded provider that a test starts, records from and stops."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from threading import Event, Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING

from llmreplay.core.errors import LlmReplayError, MissingExtra
from llmreplay.core.model import Request
from llmreplay.simulator.encoding import encoder_for
from llmreplay.simulator.made_up import make_up
from llmreplay.simulator.sources import Source

if TYPE_CHECKING:
    from llmreplay.simulator.application import Application
    from llmreplay.simulator.serving import Server

_LOOPBACK = "127.0.0.1"
_LONGEST_WAIT_S = 10.0


class Simulator:
    """A provider on loopback that answers from the given sources; a context manager.

    Point a recording at it with `upstream={"https://api.anthropic.com": simulator.url}`, and the cassette
    keeps the provider's address.
    """

    def __init__(
        self,
        answers: Source | Sequence[Source] | None = None,
        *,
        port: int = 0,
        compress: str | None = None,
    ) -> None:
        """Prepare a simulator; nothing listens before `start`.

        Args:
            answers: Asked in order, the first answer counts; made-up answers if not given.
            port: To listen on; 0 for any free one.
            compress: Content coding of every body: `gzip`, `deflate`, `br` or `zstd`. The client is not asked.

        Raises:
            SettingError: No such content coding.
        """
        if compress is not None:
            encoder_for(compress)
        if answers is None:
            answers = make_up()
        self._sources = (answers,) if callable(answers) else tuple(answers)
        self._port = port
        self._compress = compress
        self._application: Application | None = None
        self._server: Server | None = None
        self._thread: Thread | None = None
        self._crash: BaseException | None = None
        self._lock = Lock()
        self._url = ""

    @property
    def url(self) -> str:
        """Where it listens: `http://127.0.0.1:40123`, without a slash at the end."""
        if not self._url:
            raise LlmReplayError("the simulator has no address yet.\n  Use it as `with Simulator() as simulator:`.")
        return self._url

    @property
    def requests(self) -> tuple[Request, ...]:
        """What arrived, in order, with the address it arrived at."""
        return tuple(self._application.requests) if self._application else ()

    @property
    def unanswered(self) -> tuple[Request, ...]:
        """Those of the requests that no source answered; their clients saw a 404."""
        return tuple(self._application.unanswered) if self._application else ()

    @property
    def connections(self) -> int:
        """How many TCP connections were accepted since the start."""
        return self._application.connections if self._application else 0

    def start(self) -> None:
        """Listen; returns when requests are being answered.

        Raises:
            MissingExtra: Starlette or uvicorn is not installed.
            OSError: The port is taken.
        """
        try:
            from llmreplay.simulator.application import Application
            from llmreplay.simulator.serving import Server
        except ModuleNotFoundError as error:
            raise MissingExtra("the simulator", "server") from error
        with self._lock:
            if self._thread is not None:
                raise LlmReplayError(f"the simulator already listens on {self._url}.\n  Stop it first.")
            listener = socket.create_server((_LOOPBACK, self._port))
            self._url = f"http://{_LOOPBACK}:{listener.getsockname()[1]}"
            self._application = Application(self._sources, self._url, self._compress)
            started = Event()
            self._server = Server(self._application, started.set)
            self._crash = None
            arguments = (self._server, listener, started)
            self._thread = Thread(target=self._serve, args=arguments, name="llmreplay-simulator", daemon=True)
            self._thread.start()
            is_up = started.wait(_LONGEST_WAIT_S)
            if self._crash is not None or not is_up:
                self._thread = None
                raise LlmReplayError(f"the simulator did not start on {self._url}.") from self._crash

    def stop(self) -> None:
        """Close every connection and the listener, and end the thread; does nothing if it is not running.

        Raises:
            Exception: What a source of answers raised, if one did.
        """
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is None or self._server is None:
                return
            self._server.stop()
            thread.join(_LONGEST_WAIT_S)
            if thread.is_alive():
                raise LlmReplayError(f"the simulator on {self._url} did not stop within {_LONGEST_WAIT_S} s.")
        if self._application is not None and self._application.errors:
            raise self._application.errors[0]

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        except Exception as error_of_stop:
            if error is None:
                raise
            error.add_note(f"The simulator failed too: {error_of_stop!r}")

    def _serve(self, server: Server, listener: socket.socket, started: Event) -> None:
        try:
            server.serve_on(listener)
        except BaseException as error:
            self._crash = error
        finally:
            listener.close()
            started.set()
