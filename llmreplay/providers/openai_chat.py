"""OpenAI chat completions and completions, and the many providers that imitate them: reading an answer.

Sources: openai/types/chat of openai 3.52.0; https://platform.openai.com/docs/api-reference/chat; recorded answers of
DeepSeek, Groq, Mistral, OpenRouter, Perplexity and xAI for what imitators change (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from llmreplay.core.model import Answer, Json, ToolCall, Usage
from llmreplay.core.streams import Event
from llmreplay.providers.json_fields import (
    EventReader,
    Fields,
    error_in,
    fields_of,
    indexed,
    number_at,
    object_in,
    objects_in,
    text_of,
    text_or_none,
    total_of,
)
from llmreplay.providers.stated_cost import cost_in

STOP_REASONS = {
    "stop": "stop",
    # Together.
    "eos": "stop",
    "length": "length",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "content_filter",
    # Mistral.
    "model_length": "context_window",
    "error": "error",
}


def is_streamed(path: str, body: Json) -> bool:
    """Say whether a request asks for a stream: `"stream": true` in its body."""
    return fields_of(body).get("stream") is True


def looks_like(body: Json) -> bool:
    """Say whether a request's body has the two fields that chat completions require."""
    fields = fields_of(body)
    return isinstance(fields.get("model"), str) and isinstance(fields.get("messages"), Sequence)


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream: `[DONE]`."""
    return event.data.startswith("[DONE]")


def is_last_choice(event: Event) -> bool:
    """Say whether an event ends a stream of a provider that sends no `[DONE]`: it has a finish reason."""
    return any(text_of(choice.get("finish_reason")) for choice in objects_in(object_in(event).get("choices")))


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: a completion, or an error; of several choices the first."""
    completion = fields_of(body)
    if not completion.get("choices") and (error := error_in(completion)):
        return Answer(error=error)
    choice = next(iter(objects_in(completion.get("choices"))), {})
    # A choice of text completions has a text in place of a message.
    message = fields_of(choice.get("message")) or {"content": choice.get("text")}
    return _answer(completion, message, _calls_of(message), text_or_none(choice.get("finish_reason")))


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the events of a stream; without `[DONE]` it is truncated."""
    return answer_from_stream(events, is_terminal)


def answer_from_stream(events: Sequence[Event], ends: Callable[[Event], bool]) -> Answer:
    """Read the events of a stream that an event which `ends` it completes; of several choices the first."""
    stream = _Stream()
    reader = EventReader(events)
    for _, chunk in reader.objects():
        stream.take(chunk)
    answer = _answer(stream.completion, stream.message, stream.calls(), stream.finish_reason)
    is_complete = any(ends(event) for event in reversed(events))
    return replace(
        answer,
        stop_reason=answer.stop_reason if is_complete else "truncated",
        is_complete=is_complete,
        error=stream.error or reader.malformed,
    )


class _Stream:
    """A completion's first choice put together from its chunks."""

    __slots__ = ("_calls", "completion", "error", "finish_reason", "message")

    def __init__(self) -> None:
        self.completion: dict[str, Json] = {}
        self.message: dict[str, Json] = {}
        self.finish_reason: str | None = None
        self.error: str | None = None
        self._calls: dict[int, dict[str, str]] = {}

    def take(self, chunk: Fields) -> None:
        self.error = error_in(chunk) or self.error
        groq = fields_of(chunk.get("x_groq"))
        self.error = text_or_none(groq.get("error")) or self.error
        for name, value in (
            ("model", chunk.get("model")),
            ("service_tier", chunk.get("service_tier")),
            ("usage", chunk.get("usage") or groq.get("usage")),
        ):
            if value:
                self.completion[name] = value
        for choice in objects_in(chunk.get("choices")):
            if indexed(choice) == 0:
                self._take_choice(choice)

    def _take_choice(self, choice: Fields) -> None:
        delta = fields_of(choice.get("delta")) or {"content": choice.get("text")}
        for name, part in (("content", _text_in(delta.get("content"))), ("refusal", text_of(delta.get("refusal")))):
            if part:
                self.message[name] = text_of(self.message.get(name)) + part
        for at, fragment in enumerate(objects_in(delta.get("tool_calls"))):
            self._extend_call(indexed(fragment) if "index" in fragment else at, fragment)
        if legacy := _legacy_call_in(delta):
            self._extend_call(0, {"function": legacy})
        self.finish_reason = text_or_none(choice.get("finish_reason")) or self.finish_reason

    def _extend_call(self, at: int, fragment: Fields) -> None:
        call = self._calls.setdefault(at, {"id": "", "name": "", "arguments": ""})
        read = _call_of(fragment)
        # Some imitators repeat the id and the name in every fragment, some send "" after the first.
        call["id"] = call["id"] or read.id
        call["name"] = call["name"] or read.name
        call["arguments"] += read.arguments

    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(ToolCall(**self._calls[at]) for at in sorted(self._calls))


def _answer(completion: Fields, message: Fields, calls: tuple[ToolCall, ...], raw: str | None) -> Answer:
    refusal = text_of(message.get("refusal"))
    stop_reason = None if raw is None else STOP_REASONS.get(raw, "other")
    return Answer(
        model=text_or_none(completion.get("model")),
        text=_text_in(message.get("content")) + refusal,
        tool_calls=calls,
        stop_reason="refusal" if refusal and stop_reason == "stop" else stop_reason,
        raw_stop_reason=raw,
        usage=usage_of(completion.get("usage"), completion.get("service_tier")),
        cost_usd=cost_in(completion.get("usage")),
    )


def _text_in(content: Json) -> str:
    """Give a message's text, which some imitators send as a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(text_of(part.get("text")) for part in objects_in(content) if part.get("type") == "text")


def _legacy_call_in(message: Fields) -> Fields:
    """Give the one function that is called, as before there were tools; Snowflake sends an empty one for none."""
    call = fields_of(message.get("function_call"))
    return call if any(call.values()) else {}


def _calls_of(message: Fields) -> tuple[ToolCall, ...]:
    legacy = _legacy_call_in(message)
    return tuple(
        _call_of(call) for call in [*objects_in(message.get("tool_calls")), *([{"function": legacy}] if legacy else [])]
    )


def _call_of(call: Fields) -> ToolCall:
    function, custom = fields_of(call.get("function")), fields_of(call.get("custom"))
    return ToolCall(
        id=text_of(call.get("id")),
        name=text_of(function.get("name")) or text_of(custom.get("name")),
        arguments=text_of(function.get("arguments")) or text_of(custom.get("input")),
    )


def usage_of(value: Json, service_tier: Json) -> Usage | None:
    """Read `usage`, whose totals are inclusive; None if there is none."""
    usage = fields_of(value)
    if not usage:
        return None
    reasoning = number_at(usage, "completion_tokens_details", "reasoning_tokens")
    read = number_at(usage, "prompt_tokens_details", "cached_tokens")
    return Usage(
        input_tokens=number_at(usage, "prompt_tokens"),
        output_tokens=_output_tokens(usage, reasoning),
        # DeepSeek's own name.
        cache_read_tokens=number_at(usage, "prompt_cache_hit_tokens") if read is None else read,
        cache_write_tokens=number_at(usage, "prompt_tokens_details", "cache_write_tokens"),
        output_reasoning_tokens=reasoning,
        input_audio_tokens=number_at(usage, "prompt_tokens_details", "audio_tokens"),
        output_audio_tokens=number_at(usage, "completion_tokens_details", "audio_tokens"),
        service_tier=text_or_none(service_tier) or text_or_none(usage.get("service_tier")),
    )


def _output_tokens(usage: Fields, reasoning: int | None) -> int | None:
    """Give all tokens written: xAI counts reasoning apart, which its total shows."""
    written, total = number_at(usage, "completion_tokens"), number_at(usage, "total_tokens")
    if written is None or not reasoning:
        return written
    apart = total_of(number_at(usage, "prompt_tokens"), written, reasoning)
    return written + reasoning if total == apart else written
