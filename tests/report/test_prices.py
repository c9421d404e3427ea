"""What calls cost, by genai-prices."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from llmreplay.core.model import Answer, Usage
from llmreplay.report import prices as priced_by


@dataclass
class ACall:
    """As much of a call as its price depends on."""

    usage: Usage | None
    model: str | None = "claude-haiku-4-5"
    provider: str | None = "anthropic"
    recorded_at: str = ""

    billed: Usage | None = None

    @property
    def last(self) -> ACall:
        return self

    @property
    def answer(self) -> Answer:
        return Answer(usage=self.usage, billed=self.billed)


def price_of(call: ACall) -> float | None:
    return priced_by.price_of(call).usd


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
    "dearer",
    [
        Usage(input_tokens=1000, output_tokens=10, cache_write_tokens=500, cache_write_1h_tokens=500),
        Usage(input_tokens=1000, output_tokens=10, cache_write_tokens=500, web_searches=3),
    ],
    ids=["kept for an hour", "searches"],
)
def test_what_costs_more_is_counted(prices, dearer):
    """Tokens kept for an hour and searches of the provider cost more than the plain tokens."""
    plain = Usage(input_tokens=1000, output_tokens=10, cache_write_tokens=500)

    assert price_of(ACall(dearer)) > price_of(ACall(plain))


@pytest.mark.parametrize(("tier", "share"), [("priority", 1.8), ("flex", 0.5), ("default", 1), ("no such tier", 1)])
def test_the_service_tier_has_its_price(prices, tier, share):
    """A tier that the list knows is priced, any other as the standard one."""
    plain = price_of(ACall(MILLION, "gpt-5-mini", "openai"))

    priced = price_of(ACall(replace(MILLION, service_tier=tier), "gpt-5-mini", "openai"))

    assert priced == pytest.approx(plain * share)


def test_what_is_billed_is_priced(prices):
    """Where a provider bills other counts than it read and wrote, the price is of those; the model's is 2.5 and 10."""
    call = ACall(Usage(input_tokens=506, output_tokens=4), "command-a-03-2025", "cohere")

    billed = replace(call, billed=Usage(input_tokens=11, output_tokens=3))

    assert price_of(billed) == pytest.approx((11 * 2.5 + 3 * 10) / 1_000_000)
    assert price_of(billed) < price_of(call)


@pytest.mark.parametrize(
    ("recorded_at", "hour"),
    [("2026-11-21T12:30:00Z", 12), ("2026-11-21T20:30:00", 20), ("2026-11-21T01:30:00+05:00", 20)],
    ids=["dear", "no zone", "another zone"],
)
def test_a_recorded_answer_has_the_price_of_its_hour(prices, recorded_at, hour):
    """DeepSeek's prices change with the hour: that of the recording counts, whenever it is replayed."""
    then = datetime(2026, 11, 21, hour, 30, tzinfo=UTC)
    expected = prices.calc_price(
        prices.Usage(input_tokens=1_000_000, output_tokens=1_000_000),
        "deepseek-chat",
        provider_id="deepseek",
        genai_request_timestamp=then,
    )

    assert price_of(ACall(MILLION, "deepseek-chat", "deepseek", recorded_at)) == float(expected.total_price)


@pytest.mark.parametrize("recorded_at", ["", "yesterday"])
def test_what_does_not_say_when_it_was_recorded_has_the_price_of_today(prices, recorded_at):
    """A cassette written by hand needs no time, and a time that is none is no error."""
    assert price_of(ACall(MILLION, recorded_at=recorded_at)) == price_of(ACall(MILLION))


def test_a_faster_answer_costs_more(prices):
    """Anthropic's fast mode has a price of its own, whatever the service tier."""
    fast = replace(MILLION, service_tier="standard", speed="fast")
    expected = prices.calc_price(
        prices.Usage(input_tokens=1_000_000, output_tokens=1_000_000),
        "claude-opus-4-8",
        provider_id="anthropic",
        price_context={"speed": "fast"},
    )

    priced = price_of(ACall(fast, "claude-opus-4-8"))

    assert priced == float(expected.total_price) > price_of(ACall(MILLION, "claude-opus-4-8"))


def test_sound_from_the_cache_has_its_price(prices):
    """Gemini's list prices cached sound apart; gemini:182 of the corpus."""
    usage = Usage(
        input_tokens=1518,
        output_tokens=387,
        cache_read_tokens=1122,
        input_audio_tokens=160,
        cache_audio_read_tokens=118,
    )

    assert price_of(ACall(usage, "gemini-2.5-flash", "gemini")) == pytest.approx(0.00115762)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (ACall(None), "its tokens cannot be read"),
        (ACall(MILLION, model=None), "its model cannot be read"),
        (ACall(MILLION, provider=None), "its provider cannot be read"),
        (ACall(MILLION, model="no-such-model-1"), "genai-prices says: Unable to find model with model_ref="),
        (ACall(MILLION, provider="ollama", model="llama3.2"), "genai-prices says: Unable to find provider"),
        (ACall(Usage(input_tokens=5, cache_read_tokens=10)), "genai-prices says: Invalid usage data: cache_read"),
        (
            ACall(
                Usage(input_tokens=9, cache_read_tokens=5, input_audio_tokens=5, output_tokens=1),
                "gemini-2.5-flash",
                "gemini",
            ),
            "genai-prices says: Missing usage for cache_audio_read_tokens",
        ),
    ],
    ids=[
        "no usage",
        "no model",
        "no provider",
        "unknown model",
        "unknown provider",
        "counts that do not add up",
        "counts that are missing",
    ],
)
def test_what_is_unknown_has_no_price_and_says_why(prices, call, why):
    """Unknown is None, never zero and never an exception; the reason is the list's own, where that has one."""
    price = priced_by.price_of(call)

    assert price.usd is None
    assert price.why_unknown.startswith(why)


def test_without_the_list_the_reason_is_what_to_install(monkeypatch):
    """The extra is not needed until a budget asks for it."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    price = priced_by.price_of(ACall(MILLION))

    assert (price.usd, price.why_unknown) == (None, 'prices need pip install "pytest-llmreplay[prices]"')


def test_a_resource_name_has_the_price_of_its_model(prices):
    """Gemini may call the model that answered `models/...`."""
    named = price_of(ACall(MILLION, "models/gemini-2.5-flash", "gemini"))

    assert named == price_of(ACall(MILLION, "gemini-2.5-flash", "gemini"))
    assert named
