"""What calls cost, by genai-prices."""

from __future__ import annotations

from typing import Any

from llmreplay.core.calls import Call
from llmreplay.core.model import Usage

_FIELDS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
}


def price_of(call: Call) -> float | None:
    """Give the US dollars of a call's last attempt; None if its usage, model or price is unknown.

    Source: the price list inside the installed genai-prices; nothing is looked up over a network.
    """
    usage, model = call.usage, call.model
    if usage is None or model is None or call.provider is None:
        return None
    try:
        # Imported only now: it is an extra, and costs 200 ms.
        import genai_prices
    except ImportError:
        return None
    try:
        price = genai_prices.calc_price(
            _priced(genai_prices, usage), model, provider_id=_PROVIDERS.get(call.provider, call.provider)
        )
    except (LookupError, ValueError):
        return None
    return float(price.total_price)


_PROVIDERS = {"gemini": "google", "vertex": "google", "bedrock": "aws", "xai": "x-ai"}


def _priced(library: Any, usage: Usage) -> Any:
    counts = {theirs: count for ours, theirs in _FIELDS.items() if (count := getattr(usage, ours)) is not None}
    return library.Usage(**counts)
