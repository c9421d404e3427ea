"""Strategies of `retry-after`: what providers, gateways and proxies have been seen to send."""

from __future__ import annotations

import time
from email.utils import formatdate

from hypothesis import strategies as st

_WRONG = ("", " ", "soon", "nan", "inf", "-inf", "1e400", "0x10", "１", "10 seconds", "1,5", "Mon, 32 Foo 2026")
_DATES_UNTIL_S = 4102444800
_NEAR_S = 120


def retry_after_values() -> st.SearchStrategy[str]:
    """Draw a value of the header `retry-after`: seconds of every size and sign, dates, and what is neither.

    It shrinks to `0`.
    """
    return st.one_of(
        st.integers(0, 120).map(str),
        st.integers(-(10**12), 10**12).map(str),
        st.floats(0, 120, allow_nan=False).map(repr),
        # As of now: a date that is waited for, one that has just passed, one that is too far.
        st.integers(-_NEAR_S, _NEAR_S).map(lambda seconds: formatdate(time.time() + seconds, usegmt=True)),
        st.integers(0, _DATES_UNTIL_S).map(lambda seconds: formatdate(seconds, usegmt=True)),
        st.sampled_from(_WRONG),
    )
