"""The ways in which a provider says when to try again, as response headers."""

from __future__ import annotations

from decimal import Decimal
from email.utils import formatdate
from math import isfinite
from typing import Protocol

from llmreplay.core.errors import SettingError
from llmreplay.core.model import Headers
from llmreplay.faults.checks import check_bool, check_header_text

HUNDRED_YEARS_S = 100 * 366 * 86400


class RetryAdvice(Protocol):
    """What a fault says about trying again; each None is a header that is absent."""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds, whole or not, zero or negative, in `retry-after`."""
        ...

    @property
    def retry_after_ms(self) -> float | None:
        """Milliseconds, in `retry-after-ms`, which the SDKs that know it prefer."""
        ...

    @property
    def retry_after_date_s(self) -> float | None:
        """Seconds from now to the HTTP date in `retry-after`; negative for a past date."""
        ...

    @property
    def retry_after(self) -> str | None:
        """The text of `retry-after`, whatever it is."""
        ...

    @property
    def should_retry(self) -> bool | None:
        """`x-should-retry`, which overrules the status in some SDKs."""
        ...


def check_retry_advice(advice: RetryAdvice) -> None:
    """Accept at most one form of `retry-after`, and values that can be written.

    Raises:
        SettingError: Two forms of one header, or a value that is no number, no text, no bool.
    """
    owner = type(advice).__name__
    forms = {
        "retry_after_s": advice.retry_after_s,
        "retry_after_date_s": advice.retry_after_date_s,
        "retry_after": advice.retry_after,
    }
    given = {name: value for name, value in forms.items() if value is not None}
    if len(given) > 1:
        written = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise SettingError(f"{owner}({written}): all of these set the retry-after header; choose one.")
    for name, value in (*forms.items(), ("retry_after_ms", advice.retry_after_ms)):
        if value is not None and name != "retry_after":
            _check_number(owner, name, value)
    if advice.retry_after_date_s is not None and abs(advice.retry_after_date_s) > HUNDRED_YEARS_S:
        raise SettingError(
            f"{owner}(retry_after_date_s={advice.retry_after_date_s!r}): a date is at most a hundred years away "
            f"({HUNDRED_YEARS_S} seconds)."
        )
    if advice.retry_after is not None:
        check_header_text(owner, "retry_after", advice.retry_after)
    check_bool(owner, "should_retry", advice.should_retry, or_none=True)


def _check_number(owner: str, name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise SettingError(
            f"{owner}({name}={value!r}): {name} must be a finite number. "
            'For anything else write the header as it is: retry_after="nan".'
        )


def retry_headers(advice: RetryAdvice, now: float) -> Headers:
    """Write the headers; `now`, in Unix seconds, is what a date counts from."""
    written: list[tuple[str, str]] = []
    if advice.retry_after_s is not None:
        written.append(("retry-after", _plain(advice.retry_after_s)))
    elif advice.retry_after_date_s is not None:
        written.append(("retry-after", formatdate(now + advice.retry_after_date_s, usegmt=True)))
        # As every server sends it: without it nobody can tell how far away the other date is.
        written.append(("date", formatdate(now, usegmt=True)))
    elif advice.retry_after is not None:
        written.append(("retry-after", advice.retry_after))
    if advice.retry_after_ms is not None:
        written.append(("retry-after-ms", _plain(advice.retry_after_ms)))
    return (*written, *should_retry_header(advice.should_retry))


def should_retry_header(should_retry: bool | None) -> Headers:
    """Write `x-should-retry`, if it is to be there."""
    return () if should_retry is None else (("x-should-retry", "true" if should_retry else "false"),)


def _plain(number: float) -> str:
    """Write a number without an exponent, as clients that match `[0-9.]+` need it."""
    return format(Decimal(repr(number)), "f")
