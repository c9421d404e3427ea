"""Calls: what the application asked for, each with its attempts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from llmreplay.core import answer_checks, budget, retry_checks
from llmreplay.core.attempt import Attempt
from llmreplay.core.model import Json, Request, ToolCall, Usage
from llmreplay.core.retry_report import RetryReport, retry_report
from llmreplay.core.story import table_of

_COUNTS = tuple(name for name in Usage.__dataclass_fields__ if name != "service_tier")


class Call:
    """One thing the application asked for, with its attempts; what it says is what its last attempt says."""

    def __init__(
        self,
        first: Attempt,
        fell_back_from: Call | None = None,
        price_of: Callable[[Call], float | None] = lambda call: None,
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
        body = self.request_json
        asked = body.get("model") if isinstance(body, dict) else None
        return self.last.answer.model or (asked if isinstance(asked, str) else None)

    @property
    def usage(self) -> Usage | None:
        """Tokens of the last attempt; None if it reports none."""
        return self.last.answer.usage

    @property
    def cost_usd(self) -> float | None:
        """US dollars of the last attempt's tokens; None if usage or price is unknown."""
        return self._price_of(self)

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


class Calls(Sequence[Call]):
    """The calls of a test, in the order they began."""

    def __init__(self, calls: Sequence[Call] = ()) -> None:
        self._calls = list(calls)

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._calls))

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> Calls: ...
    def __getitem__(self, index: int | slice) -> Call | Calls:
        return Calls(self._calls[index]) if isinstance(index, slice) else self._calls[index]

    def __repr__(self) -> str:
        return f"<Calls {self._calls!r}>"

    def one(self) -> Call:
        """Give the only call.

        Raises:
            AssertionError: There is none, or more than one; says which there are.
        """
        assert len(self) == 1, f"expected one call, got {len(self)}: {self!r}"
        return self._calls[0]

    @property
    def last(self) -> Call:
        """The call that began last.

        Raises:
            AssertionError: There is none.
        """
        assert self._calls, "expected a call, got none"
        return self._calls[-1]

    def where(
        self,
        predicate: Callable[[Call], bool] | None = None,
        *,
        api: str | None = None,
        provider: str | None = None,
        model: str | None = None,
    ) -> Calls:
        """Give the calls for which everything given holds."""
        return Calls(
            [
                call
                for call in self._calls
                if (predicate is None or predicate(call))
                and (api is None or call.api == api)
                and (provider is None or call.provider == provider)
                and (model is None or call.model == model)
            ]
        )

    @property
    def attempts(self) -> list[Attempt]:
        """All attempts, in the order they were made."""
        return sorted((attempt for call in self._calls for attempt in call.attempts), key=lambda one: one.started_s)

    @property
    def usage(self) -> Usage:
        """Tokens of all calls added up; a count that no call reports is None."""
        reported = [call.usage for call in self._calls if call.usage]

        def total(name: str) -> int | None:
            counts = [count for usage in reported if (count := getattr(usage, name)) is not None]
            return sum(counts) if counts else None

        return Usage(**{name: total(name) for name in _COUNTS})  # type: ignore[arg-type]

    @property
    def cost_usd(self) -> float | None:
        """US dollars of all calls that were answered; None if that of one is unknown."""
        costs = [call.cost_usd for call in self._calls if not call.last.has_failed]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None

    @property
    def stop_reasons(self) -> list[str | None]:
        """Canonical stop reason of each call."""
        return [call.stop_reason for call in self._calls]

    @property
    def texts(self) -> list[str]:
        """Visible text of each call."""
        return [call.text for call in self._calls]

    @property
    def waits_s(self) -> list[float]:
        """All waits before retries, as asked for, call by call."""
        return [wait for call in self._calls for wait in call.waits_s]

    def table(self) -> str:
        """Draw a table of the attempts, one a line."""
        return table_of(self)

    def retry_report(self) -> RetryReport:
        """Count calls, attempts, waits and errors by kind."""
        return retry_report(self)

    assert_all_streams_complete = answer_checks.assert_all_streams_complete
    assert_history_grows = answer_checks.assert_history_grows
    assert_prompt_cache_used = answer_checks.assert_prompt_cache_used
    assert_stop_reasons = answer_checks.assert_stop_reasons
    assert_tool_loop = answer_checks.assert_tool_loop
    assert_usage = answer_checks.assert_usage
    assert_backoff = retry_checks.assert_backoff
    assert_cost = budget.assert_cost
    assert_fell_back = retry_checks.assert_fell_back
    assert_gave_up_after = retry_checks.assert_gave_up_after
    assert_honoured_retry_after = retry_checks.assert_honoured_retry_after
    assert_not_retried = retry_checks.assert_not_retried
    assert_retried = retry_checks.assert_retried
    assert_waited = retry_checks.assert_waited
