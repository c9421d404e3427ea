"""`Price`: what a call costs, or why that is unknown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """What a call costs, or why that is unknown.

    Attributes:
        usd: US dollars; None if unknown.
        why_unknown: What stands in the way, or what to do about it; empty where nobody knows prices, or it is known.
    """

    usd: float | None = None
    why_unknown: str = ""
