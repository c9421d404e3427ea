"""What a client asks, in the forms that a recorder needs: each is made when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from llmreplay.core.cassette import Stored
from llmreplay.core.errors import SettingProblem
from llmreplay.core.matching import Rules, count_alike, fingerprint
from llmreplay.core.model import Request, header

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
        self._head = sent.method, sent.url, sent.headers
        self._body = sent.body
        self._rules = rules
        self._redacted = redacted
        self._recorded: Stored | None = None

    @cached_property
    def request(self) -> Request:
        """As redacted."""
        body = self._body if self._recorded is None else self._recorded.request.body
        return self._redacted(Request(*self._head, body))

    @cached_property
    def fingerprint(self) -> str:
        """Identity of what is asked."""
        return fingerprint(self.request, self._rules)

    @cached_property
    def retry_count(self) -> int | None:
        """The number that an SDK gives its retries, 0 for the first try; None if it gives none.

        Source: anthropic 2.11 and openai 3.52, `_base_client.py` (read 2026-11-21).
        """
        value = header(self._head[2], "x-stainless-retry-count")
        return int(value) if value is not None and value.isdecimal() else None

    def is_verbatim(self, recorded: Stored) -> bool:
        """Say whether a recording asks the same to the letter; if so, then its fingerprint is the same."""
        method, url, headers = self._head
        found = recorded.headers_if_same(method, url, self._body)
        if found is None or not count_alike(headers, found, self._rules):
            return False
        self._recorded, self._body = recorded, b""
        return True

    def told(self) -> Asked:
        """Give what can be told of the request where a function of the user's has failed: if need be, the method."""
        try:
            told = Asked(self.request)
        except SettingProblem as problem:
            told = Asked(Request(self._head[0], problem.unshown))
        told.retry_count = self.retry_count
        return told
