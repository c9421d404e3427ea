"""Faults that leave out what an answer should hold: its terminal event, its usage."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from typing import ClassVar

from llmreplay.core.aws_frames import first_frame
from llmreplay.core.fault import FaultContext
from llmreplay.core.model import Outcome, Response
from llmreplay.core.streams import Wire, aws_frame
from llmreplay.faults.chunk_edit import replace_ranges
from llmreplay.faults.json_members import without_members
from llmreplay.faults.outcomes import cannot_apply, response_to_change, streamed_response, with_chunks
from llmreplay.faults.places import PlacedEvent, stream_of

USAGE_MEMBERS = frozenset(
    {
        "usage",  # Anthropic, OpenAI and those like it, Mistral, Cohere, Bedrock
        "usageMetadata",  # Gemini
        "prompt_eval_count",  # Ollama
        "eval_count",  # Ollama
        "inputTokenCount",  # Bedrock's InvokeModel, with the three below
        "outputTokenCount",
        "cacheReadInputTokenCount",
        "cacheWriteInputTokenCount",
    }
)
# message.usage, response.usage, delta.usage and x_groq.usage stand one object deep.
_DEPTH = 2


@dataclass(frozen=True, slots=True)
class MissingTerminalEvent:
    """Leave out the event that says a stream is over; the connection ends as if all were well."""

    replaces: ClassVar[bool] = False

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Take every terminal event out.

        Raises:
            FaultCannotApply: The answer is no stream, has no terminal event, or its api does not know any.
        """
        stream = stream_of(self, outcome, context)
        if context.api is None or context.api.is_terminal is None:
            raise cannot_apply(self, "which event ends a stream of this api is not known. Use CutAfter(events=...).")
        terminal = [placed for placed in stream.events if context.api.is_terminal(placed.event)]
        if not terminal:
            raise cannot_apply(self, f"the stream has no terminal event: its events are {stream.names()}.")
        gone = [(placed.start, placed.stop, b"") for placed in terminal]
        return with_chunks(stream.response, replace_ranges(stream.response.chunks, gone))


@dataclass(frozen=True, slots=True)
class MissingUsage:
    """Leave out the token counts, as gateways do that do not pass them on; streamed answers and whole ones.

    The extra chunk that OpenAI's chat api sends for the counts goes as a whole.
    """

    replaces: ClassVar[bool] = False

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Take the counts out; every other byte stays.

        Raises:
            FaultCannotApply: The answer carries no counts, or is an error.
        """
        response = response_to_change(self, outcome)
        if not context.is_streamed:
            return self._without_usage(response)
        stream = stream_of(self, streamed_response(self, response, context), context)
        bare = [(placed, _event_without_usage(placed, stream.wire)) for placed in stream.events]
        edits = [(placed.start, placed.stop, changed) for placed, changed in bare if changed != placed.event.raw]
        if not edits:
            raise cannot_apply(self, f"no event of the stream carries usage: its events are {stream.names()}.")
        return with_chunks(response, replace_ranges(response.chunks, edits))

    def _without_usage(self, response: Response) -> Response:
        try:
            text = response.body.decode()
            changed = without_members(text, USAGE_MEMBERS, depth=_DEPTH)
        except ValueError as error:
            raise cannot_apply(self, f"the body of the answer (status {response.status}) is not JSON.") from error
        if changed == text:
            raise cannot_apply(self, f"the body of the answer (status {response.status}) carries no usage.")
        return with_chunks(response, (replace(response.chunks[0], data=changed.encode()),))


def _event_without_usage(placed: PlacedEvent, wire: Wire) -> bytes:
    event = placed.event
    try:
        changed = without_members(event.data, USAGE_MEMBERS, depth=_DEPTH)
        if changed == event.data:
            changed = _without_usage_in_base64(changed)
    except ValueError:
        return event.raw
    if changed == event.data:
        return event.raw
    if _holds_nothing(changed):
        return b""
    frame = first_frame(event.raw) if wire is Wire.AWS else None
    if frame is not None:
        return aws_frame(frame.headers, changed.encode())
    start = event.raw.find(event.data.encode())
    # Data over several lines stands between `data:` prefixes: the event goes as a whole.
    return b"" if start < 0 else event.raw[:start] + changed.encode() + event.raw[start + len(event.data.encode()) :]


def _without_usage_in_base64(text: str) -> str:
    """Take the counts out of an event that Bedrock's InvokeModel wraps as `{"bytes": "<base64>"}`."""
    decoded = json.loads(text)
    wrapped = decoded.get("bytes") if isinstance(decoded, dict) else None
    if not isinstance(wrapped, str):
        return text
    inner = b64decode(wrapped, validate=True).decode()
    changed = without_members(inner, USAGE_MEMBERS, depth=_DEPTH)
    return text if changed == inner else text.replace(wrapped, b64encode(changed.encode()).decode())


def _holds_nothing(text: str) -> bool:
    """Tell the extra chunk that OpenAI's chat api sends for usage alone, once emptied."""
    decoded = json.loads(text)
    return isinstance(decoded, dict) and decoded.get("choices") == []
