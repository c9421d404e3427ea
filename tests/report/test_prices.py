"""What calls cost, by genai-prices."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from llmreplay.core.model import Usage
from llmreplay.report.prices import price_of


@dataclass
class ACall:
    """As much of a call as its price depends on."""

    usage: Usage | None
    model: str | None = "claude-haiku-4-5"
    provider: str | None = "anthropic"


MILLION = Usage(input_tokens=1_000_000, output_tokens=1_000_000)


@pytest.fixture
def prices():
    """The price list itself, to compare with; skips without it."""
    return pytest.importorskip("genai_prices", reason="genai-prices is not installed")


@pytest.mark.parametrize(
    ("provider", "model", "theirs"),
    [
        ("anthropic", "claude-haiku-4-5", "anthropic"),
        ("anthropic", "claude-haiku-4-5-20251001", "anthropic"),
        ("openai", "gpt-4o-2024-08-06", "openai"),
        ("gemini", "gemini-2.5-flash", "google"),
        ("vertex", "gemini-2.5-flash", "google"),
        ("bedrock", "anthropic.claude-3-5-haiku-20241022-v1:0", "aws"),
        ("mistral", "mistral-small-latest", "mistral"),
        ("groq", "llama-3.3-70b-versatile", "groq"),
    ],
)
def test_a_price_is_that_of_the_list(prices, provider, model, theirs):
    """Each provider is found under the list's own name for it, and dated names of models are known."""
    usage = Usage(input_tokens=1200, output_tokens=300)

    expected = prices.calc_price(prices.Usage(input_tokens=1200, output_tokens=300), model, provider_id=theirs)

    assert price_of(ACall(usage, model, provider)) == pytest.approx(float(expected.total_price))
    assert expected.total_price > 0


def test_tokens_from_the_cache_are_cheaper(prices):
    """Cached tokens are part of the input, and priced as such."""
    cached = Usage(input_tokens=1_000_000, output_tokens=0, cache_read_tokens=900_000)
    plain = Usage(input_tokens=1_000_000, output_tokens=0)

    assert 0 < price_of(ACall(cached)) < price_of(ACall(plain))


@pytest.mark.parametrize(
    "call",
    [
        ACall(None),
        ACall(MILLION, model=None),
        ACall(MILLION, provider=None),
        ACall(MILLION, model="no-such-model-1"),
        ACall(MILLION, provider="ollama", model="llama3.2"),
        ACall(Usage(input_tokens=5, cache_read_tokens=10)),
    ],
    ids=["no usage", "no model", "no provider", "unknown model", "unknown provider", "counts that do not add up"],
)
def test_what_is_unknown_has_no_price(prices, call):
    """Unknown is None, never zero and never an exception."""
    assert price_of(call) is None


def test_without_the_list_no_price_is_known(monkeypatch):
    """The extra is not needed until a budget asks for it."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    assert price_of(ACall(MILLION)) is None
