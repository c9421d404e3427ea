"""Bedrock `converse` and `converse-stream`: reading an answer.

Sources: botocore/data/bedrock-runtime/2023-09-30/service-2.json of botocore 1.44.5, as given 2026-11-21; recorded
answers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from llmreplay.core.model import Answer, Json, ToolCall, Usage
from llmreplay.core.streams import Event
from llmreplay.providers.json_fields import (
    EventReader,
    Fields,
    error_in,
    error_text,
    fields_of,
    indexed,
    number_at,
    objects_in,
    text_of,
    text_or_none,
    total_of,
)

STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "context_window",
    "tool_use": "tool_use",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_tool_use": "malformed",
    "malformed_model_output": "malformed",
}


def is_terminal(event: Event) -> bool:
    """Say whether an event ends a stream: `metadata`, which follows `messageStop`."""
    return event.name == "metadata"


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: a message, or an error. It does not name the model."""
    fields = fields_of(body)
    if "output" not in fields and (error := error_in(fields) or text_or_none(fields.get("Message"))):
        return Answer(error=error)
    message = fields_of(fields_of(fields.get("output")).get("message"))
    return _answer(objects_in(message.get("content")), {}, fields)


def answer_from_events(events: Sequence[Event]) -> Answer:
    """Read the frames of a stream; without `messageStop` and `metadata` it is truncated."""
    blocks: dict[int, dict[str, Json]] = {}
    arguments: dict[int, str] = {}
    ending: dict[str, Json] = {}
    seen: set[str] = set()
    error: str | None = None
    reader = EventReader(events)
    for name, fields in reader.objects():
        seen.add(name or "")
        at = indexed(fields, "contentBlockIndex")
        if name == "contentBlockStart":
            blocks[at] = {**fields_of(fields.get("start")), "at": at}
        elif name == "contentBlockDelta":
            _extend(blocks.setdefault(at, {"at": at}), arguments, at, fields_of(fields.get("delta")))
        elif name in ("messageStop", "metadata"):
            ending.update(fields)
        elif name is not None and name.endswith("Exception"):
            error = error_text(name, fields.get("message"))
    answer = _answer([blocks[at] for at in sorted(blocks)], arguments, ending)
    is_complete = {"messageStop", "metadata"} <= seen
    return replace(
        answer,
        stop_reason=answer.stop_reason if is_complete else "truncated",
        is_complete=is_complete,
        error=error or reader.malformed,
    )


def _extend(block: dict[str, Json], arguments: dict[int, str], at: int, delta: Fields) -> None:
    if "text" in delta:
        block["text"] = text_of(block.get("text")) + text_of(delta["text"])
    elif "toolUse" in delta:
        arguments[at] = arguments.get(at, "") + text_of(fields_of(delta["toolUse"]).get("input"))


def _answer(blocks: Sequence[Fields], arguments: dict[int, str], ending: Fields) -> Answer:
    calls: list[ToolCall] = []
    for block in blocks:
        use = fields_of(block.get("toolUse"))
        # The only type there is; a tool for the application has none.
        if use and use.get("type") != "server_tool_use":
            whole = json.dumps(use.get("input", {}), ensure_ascii=False)
            streamed = arguments.get(indexed(block, "at"), "")
            calls.append(ToolCall(text_of(use.get("toolUseId")), text_of(use.get("name")), streamed or whole))
    raw = text_or_none(ending.get("stopReason"))
    return Answer(
        text="".join(text_of(block.get("text")) for block in blocks),
        tool_calls=tuple(calls),
        stop_reason=None if raw is None else STOP_REASONS.get(raw, "other"),
        raw_stop_reason=raw,
        usage=_usage_of(ending),
    )


def _usage_of(ending: Fields) -> Usage | None:
    """Read `usage`; cached tokens are counted apart, so they are added."""
    usage = fields_of(ending.get("usage"))
    if not usage:
        return None
    read, written = number_at(usage, "cacheReadInputTokens"), number_at(usage, "cacheWriteInputTokens")
    return Usage(
        input_tokens=total_of(number_at(usage, "inputTokens"), read, written),
        output_tokens=number_at(usage, "outputTokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_5m_tokens=_kept_for("5m", usage),
        cache_write_1h_tokens=_kept_for("1h", usage),
        service_tier=text_or_none(fields_of(ending.get("serviceTier")).get("type")),
    )


def _kept_for(ttl: str, usage: Fields) -> int | None:
    details = objects_in(usage.get("cacheDetails"))
    return total_of(*(number_at(detail, "inputTokens") for detail in details if detail.get("ttl") == ttl))
