"""Stubs: answers that a test makes up, in the order registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from llmreplay.core.api import Api
from llmreplay.core.errors import Unplayed
from llmreplay.core.model import Reply, Request, Response
from llmreplay.core.reading import asks_for_stream


@dataclass(frozen=True, slots=True)
class Stub:
    """An answer to be given once.

    Attributes:
        reply: What it says.
        when: Selects the requests it answers; None for all.
    """

    reply: Reply
    when: Callable[[Request, Api | None], bool] | None = None

    def response(self, request: Request, api: Api) -> Response:
        """Make the answer up, streamed or not as the request asks."""
        assert api.build_response is not None, "only taken for an api that can be answered for"
        return api.build_response(self.reply, request, asks_for_stream(api, request))


@dataclass(slots=True)
class Stubs:
    """The stubs of one recorder that were not given yet."""

    _left: list[Stub] = field(default_factory=list)
    _added: int = 0

    def add(self, stubs: Iterable[Stub]) -> None:
        """Register stubs, after those that are."""
        added = list(stubs)
        self._left += added
        self._added += len(added)

    def take(self, request: Request, api: Api | None) -> Stub | None:
        """Give the next stub that is for a request; None if there is none, or its api cannot be answered for."""
        if api is None or api.build_response is None:
            return None
        for stub in self._left:
            if stub.when is None or stub.when(request, api):
                self._left.remove(stub)
                return stub
        return None

    def give_back(self, stub: Stub) -> None:
        """Undo a `take`: the next request gets the same stub."""
        self._left.insert(0, stub)

    def problem(self) -> Unplayed | None:
        """Give the stubs that nobody asked for; None if there are none."""
        if not self._left:
            return None
        lines = [
            f"{stub.reply.text[:60]!r} {[tool.name for tool in stub.reply.tool_calls] or ''}" for stub in self._left
        ]
        return Unplayed("llmreplay.reply(...)", lines, self._added, "take these replies out of the test")
