"""What a client asks, in the forms that a recorder needs: each is made when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from llmreplay.core.matching import Rules, fingerprint, is_verbatim
from llmreplay.core.model import Request

_NO_RULES = Rules()


class Asked:
    """A request of a client.

    Redaction and fingerprints read the whole body, which takes as long as all the rest of a replayed call. A request
    that is to the letter the recording whose turn it is needs neither.
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

    @cached_property
    def request(self) -> Request:
        """As redacted."""
        return self._redacted(self._sent)

    @cached_property
    def fingerprint(self) -> str:
        """Identity of what is asked."""
        return fingerprint(self.request, self._rules)

    def is_verbatim(self, recorded: Request) -> bool:
        """Say whether a recording is the same to the letter; if so, then its fingerprint is the same."""
        if not is_verbatim(self._sent, recorded, self._rules):
            return False
        # One copy of the body in memory is enough.
        sent = self._sent
        self._sent = Request(sent.method, sent.url, sent.headers, recorded.body)
        return True
