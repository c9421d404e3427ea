"""What a client asks, in the forms that a recorder needs: each is made when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from llmreplay.core.cassette import Stored
from llmreplay.core.errors import SettingProblem
from llmreplay.core.matching import Rules, fingerprint, is_verbatim
from llmreplay.core.model import Request

_NO_RULES = Rules()


class Asked:
    """A request of a client.

    Redaction and fingerprints read the whole body, which takes as long as all the rest of a replayed call. A request
    that is to the letter the recording whose turn it is needs neither, nor a second copy of its body in memory.
    """

    def __init__(
        self,
        sent: Request,
        *,
        rules: Rules = _NO_RULES,
        redacted: Callable[[Request], Request] = lambda request: request,
    ) -> None:
        self._sent = sent
        self._rules = rules
        self._redacted = redacted
        self._recorded: Stored | None = None

    @cached_property
    def request(self) -> Request:
        """As redacted."""
        recorded = self._recorded
        return self._redacted(self._sent if recorded is None else replace(self._sent, body=recorded.request.body))

    @cached_property
    def fingerprint(self) -> str:
        """Identity of what is asked."""
        return fingerprint(self.request, self._rules)

    def is_verbatim(self, recorded: Stored) -> bool:
        """Say whether a recording asks the same to the letter; if so, then its fingerprint is the same."""
        sent = self._sent
        if not is_verbatim(sent, recorded.request, self._rules):
            return False
        self._recorded, self._sent = recorded, Request(sent.method, sent.url, sent.headers)
        return True

    def told(self) -> Asked:
        """Give what can be told of the request where a function of the user's has failed: if need be, the method."""
        try:
            return Asked(self.request)
        except SettingProblem as problem:
            return Asked(Request(self._sent.method, problem.unshown))
