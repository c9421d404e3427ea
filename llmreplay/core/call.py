"""A call: one thing the application asked for, with its attempts."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlsplit

from llmreplay.core.api import model_in_path
from llmreplay.core.attempt import Attempt
from llmreplay.core.model import Json, Request, Response, ToolCall, Usage
from llmreplay.core.multipart import form_fields
from llmreplay.core.price import Price


class Call:
    """One thing the application asked for, with its attempts; what it says is what its last attempt says."""

    def __init__(
        self,
        first: Attempt,
        fell_back_from: Call | None = None,
        price_of: Callable[[Call], Price] = lambda call: Price(),
    ) -> None:
        self.attempts: list[Attempt] = [first]
        self.fell_back_from = fell_back_from
        self._price_of = price_of

    def __repr__(self) -> str:
        statuses = ", ".join(str(attempt.status or "no response") for attempt in self.attempts)
        return f"<Call {self.api or self.request.url} {self.model or ''} [{statuses}] {self.stop_reason or ''}>"

    @property
    def last(self) -> Attempt:
        """The latest attempt."""
        return self.attempts[-1]

    @property
    def api(self) -> str | None:
        """Name of the api, `anthropic.messages`; None if no row describes it."""
        return self.last.api.name if self.last.api else None

    @property
    def provider(self) -> str | None:
        """Name of the provider; None if no row describes the api."""
        return self.last.api.provider if self.last.api else None

    @property
    def request(self) -> Request:
        """The request of the first attempt, redacted."""
        return self.attempts[0].request

    @property
    def request_json(self) -> Json:
        """The decoded JSON body of the request; None if it has none."""
        try:
            decoded: Json = json.loads(self.request.body)
        except ValueError:
            return None
        return decoded

    @property
    def model(self) -> str | None:
        """The model that answered, else the one that was asked for."""
        if self.last.answer.model:
            return self.last.answer.model
        body = self.request_json
        named = body if isinstance(body, dict) else form_fields(self.request.headers, self.request.body)
        asked = named.get("model")
        if isinstance(asked, str) or self.last.api is None:
            return asked if isinstance(asked, str) else None
        return model_in_path(self.last.api, urlsplit(self.request.url).path)

    @property
    def usage(self) -> Usage | None:
        """Tokens of the last attempt; None if it reports none."""
        return self.last.answer.usage

    @property
    def cost_usd(self) -> float | None:
        """US dollars of the last attempt: what the provider states, else the price of its tokens; None if unknown."""
        stated = self.last.answer.cost_usd
        return self._price_of(self).usd if stated is None else stated

    @property
    def why_unpriced(self) -> str:
        """Why the price of its tokens is unknown; empty if it is known."""
        return self._price_of(self).why_unknown

    @property
    def is_charged(self) -> bool:
        """Whether it counts for what a test spends: it was answered, if only in part."""
        outcome, api = self.last.outcome, self.last.api
        if not isinstance(outcome, Response) or outcome.status >= 400:
            return False
        if not (api.is_charged if api else self.request.method == "POST"):
            return False
        # What a fault broke before its counts came was made up.
        return self.usage is not None or not (self.last.faults and self.last.has_failed)

    @property
    def stop_reason(self) -> str | None:
        """Canonical reason; see `Answer.stop_reason`."""
        return self.last.answer.stop_reason

    @property
    def raw_stop_reason(self) -> str | None:
        """The provider's own word."""
        return self.last.answer.raw_stop_reason

    @property
    def text(self) -> str:
        """The answer's visible text."""
        return self.last.answer.text

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Tools that the model asked for."""
        return self.last.answer.tool_calls

    @property
    def error(self) -> str | None:
        """What went wrong in the last attempt; None if nothing did."""
        return self.last.answer.error

    @property
    def is_complete(self) -> bool:
        """Whether the last attempt brought a whole answer: a stream, its terminal event."""
        return self.last.answer.is_complete

    @property
    def waits_s(self) -> list[float]:
        """Seconds slept before each retry, as asked for."""
        return [attempt.wait_s for attempt in self.attempts[1:] if attempt.wait_s is not None]

    @property
    def duration_s(self) -> float | None:
        """Seconds on the test's clock from the first request to the last byte; None while under way."""
        return None if self.last.ended_s is None else self.last.ended_s - self.attempts[0].started_s

    @property
    def time_to_first_token_s(self) -> float | None:
        """Seconds on the test's clock from the first request to the first byte of the last answer."""
        first = self.last.first_byte_s
        return None if first is None else first - self.attempts[0].started_s
