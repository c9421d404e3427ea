"""What calls cost, by genai-prices."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from llmreplay.core.calls import Call
from llmreplay.core.model import COUNTS, Usage
from llmreplay.core.price import Price


def price_of(call: Call) -> Price:
    """Give the US dollars of a call's last attempt, or why they are unknown.

    Tokens kept for an hour, searches, service tier and speed count; a batch is priced as if it were none. The price is
    that of the time when the answer was recorded; of the present, where it was not, or its cassette does not say when.

    Source: the price list inside the installed genai-prices; nothing is looked up over a network.
    """
    usage, model = call.last.answer.billed or call.usage, call.model
    if usage is None or model is None or call.provider is None:
        unknown = "tokens" if usage is None else "model" if model is None else "provider"
        return Price(None, f"its {unknown} cannot be read")
    try:
        # Imported only now: it is an extra, and costs 200 ms.
        import genai_prices
    except ImportError:
        return Price(None, 'prices need pip install "pytest-llmreplay[prices]"')
    try:
        price = genai_prices.calc_price(
            _priced(genai_prices, usage),
            model.removeprefix("models/"),
            provider_id=_PROVIDERS.get(call.provider, call.provider),
            genai_request_timestamp=_moment_of(call.last.recorded_at),
            price_context=_context_of(usage),
        )
    except (LookupError, ValueError) as error:
        return Price(None, f"genai-prices says: {error}")
    return Price(float(price.total_price))


def _moment_of(recorded_at: str) -> datetime | None:
    """Read a time of a cassette, which may be written by hand; None if it is none."""
    try:
        moment = datetime.fromisoformat(recorded_at)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_PROVIDERS = {"gemini": "google", "vertex": "google", "bedrock": "aws", "xai": "x-ai"}


def _context_of(usage: Usage) -> dict[str, str] | None:
    context = {"service_tier": usage.service_tier, "speed": usage.speed}
    return {name: value for name, value in context.items() if value} or None


def _priced(library: Any, usage: Usage) -> Any:
    # Our counts have the names and meanings of theirs.
    counts = {name: count for name in COUNTS if (count := getattr(usage, name)) is not None}
    return library.Usage(**counts)
