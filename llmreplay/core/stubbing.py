"""Stubs: answers that a test makes up, in the order registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from llmreplay.core.api import Api
from llmreplay.core.errors import ReplyProblem, Unplayed
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

    def response(self, request: Request, api: Api | None) -> Response:
        """Make the answer up, streamed or not as the request asks.

        Raises:
            ReplyProblem: The api has no such answer.
        """
        assert api is not None, "only taken for an api that can be answered for"
        assert api.build_response is not None, "only taken for an api that can be answered for"
        try:
            return api.build_response(self.reply, request, asks_for_stream(api, request))
        except ValueError as error:
            raise ReplyProblem(api.name, str(error)) from error


@dataclass(slots=True)
class Stubs:
    """The stubs of one recorder that were not given yet.

    Attributes:
        otherwise: Answers every request for which nothing is recorded; None refuses them.
    """

    otherwise: Reply | None = None
    _all: list[Stub] = field(default_factory=list)
    _given: set[int] = field(default_factory=set)

    def add(self, stubs: Iterable[Stub]) -> None:
        """Register stubs, after those that are."""
        self._all += stubs

    def take(self, request: Request, api: Api | None) -> Stub | None:
        """Give the next stub that is for a request; None if there is none, or its api cannot be answered for."""
        if not self._all or api is None or api.build_response is None:
            return None
        for stub in self._left():
            if stub.when is None or stub.when(request, api):
                self._given.add(id(stub))
                return stub
        return None

    def for_unrecorded(self, api: Api | None) -> Stub | None:
        """Give a stub for a request for which nothing is recorded; None if it is to be refused."""
        if self.otherwise is None or api is None or api.build_response is None:
            return None
        return Stub(self.otherwise)

    def _left(self) -> list[Stub]:
        return [stub for stub in self._all if id(stub) not in self._given]

    def give_back(self, stub: Stub) -> None:
        """Undo a `take`: the stub is in its old place again."""
        self._given.discard(id(stub))

    def told(self) -> str:
        """Say what became of the stubs; empty if there are none."""
        if not self._all:
            return ""
        left = len(self._left())
        return f"{len(self._all)} made up, " + (f"{left} left, none for this request" if left else "all given")

    def problem(self, on_purpose: str) -> Unplayed | None:
        """Give the stubs that nobody asked for; None if there are none.

        Args:
            on_purpose: What to write where they may be left.
        """
        left = self._left()
        if not left:
            return None
        lines = [f"{stub.reply.text[:60]!r} {[tool.name for tool in stub.reply.tool_calls] or ''}" for stub in left]
        return Unplayed(
            "made-up replies",
            "replies   of llmreplay.reply(...)",
            lines,
            len(self._all),
            advice="take these replies out of the test",
            on_purpose=on_purpose,
        )
