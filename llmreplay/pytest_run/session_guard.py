"""The network closed for a whole run: a test that was refused fails, though it swallowed that and is none of ours."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from llmreplay.core.errors import Refusal
from llmreplay.core.settings import Settings
from llmreplay.report.failing import as_test_failure
from llmreplay.session import closed_session


class SessionGuard:
    """Closes the network until it is opened again, and remembers what a test was refused."""

    def __init__(self) -> None:
        self._closed = ExitStack()
        self._refused: list[BaseException] = []
        self._hear_children: Callable[[], None] = lambda: None

    def close_network(self, settings: Settings) -> None:
        """Refuse connections from now on."""
        self._hear_children = self._closed.enter_context(closed_session(settings, self._noted))

    def _noted(self, refusal: Refusal) -> BaseException:
        failure = as_test_failure(refusal)
        self._refused.append(failure)
        return failure

    def begin_test(self) -> None:
        """Leave what was refused before behind: it has failed who asked."""
        self._refused.clear()

    def verify(self) -> None:
        """Raise what was refused since the test began and is not known yet."""
        self._hear_children()
        if self._refused:
            refused = self._refused[0]
            self._refused.clear()
            raise refused

    def open_network(self) -> None:
        """Let connections out again."""
        self._closed.close()
