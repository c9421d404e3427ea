"""Faults that answer with an error status, in the provider's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from llmreplay.core.errors import SettingError
from llmreplay.core.fault import FaultContext
from llmreplay.core.model import Headers, Outcome
from llmreplay.faults.checks import check_bool, check_choice, check_count, check_header_text
from llmreplay.faults.error_answers import KINDS, error_answer, plain_answer
from llmreplay.faults.retry_headers import check_retry_advice, retry_headers, should_retry_header


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited:
    """Answer 429 with the provider's rate-limit body and headers.

    Attributes:
        retry_after_s: `retry-after` in seconds: whole, fraction, zero, negative or huge.
        retry_after_ms: `retry-after-ms`.
        retry_after_date_s: `retry-after` as an HTTP date so many seconds from now; negative: in the past.
        retry_after: `retry-after` as any text. Of these three forms one at most; without any, no header.
        should_retry: `x-should-retry`; None for no such header.
    """

    retry_after_s: float | None = None
    retry_after_ms: float | None = None
    retry_after_date_s: float | None = None
    retry_after: str | None = None
    should_retry: bool | None = None
    replaces: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_retry_advice(self)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the error in the answer's place."""
        return error_answer(429, None, retry_headers(self, context.now), outcome, context, wait_s=self.retry_after_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overloaded:
    """Answer that the provider is overloaded: 529 at Anthropic, each other provider's own equivalent elsewhere.

    Attributes:
        retry_after_s: `retry-after` in seconds: whole, fraction, zero, negative or huge.
        retry_after_ms: `retry-after-ms`.
        retry_after_date_s: `retry-after` as an HTTP date so many seconds from now; negative: in the past.
        retry_after: `retry-after` as any text. Of these three forms one at most; without any, no header.
        should_retry: `x-should-retry`; None for no such header.
    """

    retry_after_s: float | None = None
    retry_after_ms: float | None = None
    retry_after_date_s: float | None = None
    retry_after: str | None = None
    should_retry: bool | None = None
    replaces: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_retry_advice(self)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the error in the answer's place."""
        return error_answer(
            529, "overloaded", retry_headers(self, context.now), outcome, context, wait_s=self.retry_after_s
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerError:
    """Answer 500 with the provider's body.

    Attributes:
        retry_after_s: `retry-after` in seconds: whole, fraction, zero, negative or huge.
        retry_after_ms: `retry-after-ms`.
        retry_after_date_s: `retry-after` as an HTTP date so many seconds from now; negative: in the past.
        retry_after: `retry-after` as any text. Of these three forms one at most; without any, no header.
        should_retry: `x-should-retry`; None for no such header.
    """

    retry_after_s: float | None = None
    retry_after_ms: float | None = None
    retry_after_date_s: float | None = None
    retry_after: str | None = None
    should_retry: bool | None = None
    replaces: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_retry_advice(self)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the error in the answer's place."""
        return error_answer(500, None, retry_headers(self, context.now), outcome, context, wait_s=self.retry_after_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """Answer 503 with the provider's body.

    Attributes:
        retry_after_s: `retry-after` in seconds: whole, fraction, zero, negative or huge.
        retry_after_ms: `retry-after-ms`.
        retry_after_date_s: `retry-after` as an HTTP date so many seconds from now; negative: in the past.
        retry_after: `retry-after` as any text. Of these three forms one at most; without any, no header.
        should_retry: `x-should-retry`; None for no such header.
    """

    retry_after_s: float | None = None
    retry_after_ms: float | None = None
    retry_after_date_s: float | None = None
    retry_after: str | None = None
    should_retry: bool | None = None
    replaces: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_retry_advice(self)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the error in the answer's place."""
        return error_answer(503, None, retry_headers(self, context.now), outcome, context, wait_s=self.retry_after_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRequest:
    """Answer 400, as to a request that the provider will not take.

    Attributes:
        should_retry: `x-should-retry`, which makes some SDKs retry even this; None for no such header.
    """

    should_retry: bool | None = None
    replaces: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_bool("BadRequest", "should_retry", self.should_retry, or_none=True)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the error in the answer's place."""
        return error_answer(400, None, should_retry_header(self.should_retry), outcome, context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unauthorized:
    """Answer as to a wrong or revoked key: 401 at most providers, 403 at Bedrock, 400 at Gemini and xAI.

    Attributes:
        should_retry: `x-should-retry`; None for no such header.
    """

    should_retry: bool | None = None
    replaces: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_bool("Unauthorized", "should_retry", self.should_retry, or_none=True)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the error in the answer's place."""
        return error_answer(401, None, should_retry_header(self.should_retry), outcome, context)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOverflow:
    """Answer as to a prompt that is longer than the model's context window.

    Attributes:
        should_retry: `x-should-retry`; None for no such header.
    """

    should_retry: bool | None = None
    replaces: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_bool("ContextOverflow", "should_retry", self.should_retry, or_none=True)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the error in the answer's place."""
        headers = should_retry_header(self.should_retry)
        return error_answer(400, "context_overflow", headers, outcome, context)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendCap:
    """Answer that the account's money or quota is used up: a 429 that no retry will cure, a 400 at Bedrock.

    Attributes:
        should_retry: `x-should-retry`; None for no such header.
    """

    should_retry: bool | None = None
    replaces: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_bool("SpendCap", "should_retry", self.should_retry, or_none=True)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the error in the answer's place."""
        return error_answer(429, "spend_cap", should_retry_header(self.should_retry), outcome, context)


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with any status.

    Attributes:
        code: 200 to 599. 401 is what a wrong key gets, whatever status the provider says that with.
        kind: A case for which providers have a body of its own; None for the status's plain one.
        body: In the place of the provider's; None for the provider's, which below 400 is empty.
        headers: Set in addition to the provider's, or in their place.
        retry_after_s: `retry-after` in seconds: whole, fraction, zero, negative or huge.
        retry_after_ms: `retry-after-ms`.
        retry_after_date_s: `retry-after` as an HTTP date so many seconds from now; negative: in the past.
        retry_after: `retry-after` as any text. Of these three forms one at most; without any, no header.
        should_retry: `x-should-retry`; None for no such header.
    """

    code: int
    _: KW_ONLY
    kind: str | None = None
    body: str | bytes | None = None
    headers: Headers | Mapping[str, str] = ()
    retry_after_s: float | None = None
    retry_after_ms: float | None = None
    retry_after_date_s: float | None = None
    retry_after: str | None = None
    should_retry: bool | None = None
    replaces: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_count("Status", "code", self.code, at_least=200)
        if self.code > 599:
            raise SettingError(f"Status(code={self.code}): a status is a number from 200 to 599.")
        if self.kind is not None:
            check_choice("Status", "kind", self.kind, KINDS)
        if self.body is not None and not isinstance(self.body, (str, bytes)):
            raise SettingError(f"Status(body={self.body!r}): body must be text or bytes.")
        pairs = _pairs(self.headers)
        object.__setattr__(self, "headers", pairs)
        for name, value in pairs:
            check_header_text("Status", "headers", name)
            check_header_text("Status", "headers", value)
        check_retry_advice(self)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the error in the answer's place."""
        headers = (*_pairs(self.headers), *retry_headers(self, context.now))
        if self.body is None and self.code >= 400:
            return error_answer(self.code, self.kind, headers, outcome, context, wait_s=self.retry_after_s)
        body = self.body or b""
        return plain_answer(
            self.code, self.kind, body.encode() if isinstance(body, str) else body, headers, outcome, context
        )


def _pairs(headers: Headers | Mapping[str, str]) -> Headers:
    if isinstance(headers, Mapping):
        return tuple(headers.items())
    try:
        return tuple((name, value) for name, value in headers)
    except (TypeError, ValueError):
        raise SettingError(f"Status(headers={headers!r}): give a mapping, or pairs of a name and a value.") from None
