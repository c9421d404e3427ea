"""Calls in order, with their sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Self, overload

from llmreplay.core.attempt import Attempt
from llmreplay.core.call import Call
from llmreplay.core.model import COUNTS, Usage


class CallList(Sequence[Call]):
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
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Call | Self:
        return type(self)(self._calls[index]) if isinstance(index, slice) else self._calls[index]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._calls!r}>"

    def one(self) -> Call:
        """Give the only call.

        Raises:
            AssertionError: There is none, or more than one; says which there are.
        """
        # No `assert`: pytest would add how it was computed.
        if len(self) != 1:
            raise AssertionError(f"expected one call, got {len(self)}: {self!r}")
        return self._calls[0]

    @property
    def last(self) -> Call:
        """The call that began last.

        Raises:
            AssertionError: There is none.
        """
        if not self._calls:
            raise AssertionError("expected a call, got none")
        return self._calls[-1]

    def where(
        self,
        predicate: Callable[[Call], bool] | None = None,
        *,
        api: str | None = None,
        provider: str | None = None,
        model: str | None = None,
    ) -> Self:
        """Give the calls for which everything given holds."""
        return type(self)(
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

        return Usage(**{name: total(name) for name in COUNTS})  # type: ignore[arg-type]

    @property
    def cost_usd(self) -> float | None:
        """US dollars of all calls that were answered, if only in part; None if that of one is unknown."""
        costs = [call.cost_usd for call in self._calls if call.is_charged]
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
