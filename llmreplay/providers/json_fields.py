"""Careful reading of a provider's JSON: what is missing, or of another type than expected, reads as nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from llmreplay.core.model import Json
from llmreplay.core.streams import Event

Fields = Mapping[str, Json]

# What stands in a text for bytes that could not be decoded.
_REPLACED = "\N{REPLACEMENT CHARACTER}"


def fields_of(value: Json) -> Fields:
    """Give a JSON object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def items_of(value: Json) -> Sequence[Json]:
    """Give the values of a JSON array; none for anything else."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def objects_in(value: Json) -> list[Fields]:
    """Give the objects of a JSON array, in order; what is no object is left out."""
    return [item for item in items_of(value) if isinstance(item, Mapping)]


def text_of(value: Json) -> str:
    """Give a JSON string; an empty one for anything else."""
    return value if isinstance(value, str) else ""


def text_or_none(value: Json) -> str | None:
    """Give a JSON string that is not empty; None for anything else."""
    return value if isinstance(value, str) and value else None


def count_of(value: Json) -> int | None:
    """Give a count, which some providers spell `12.0`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # NaN and infinity fail the comparison.
    return int(value) if abs(value) < 2**63 else None


def number_at(fields: Fields, *names: str) -> int | None:
    """Give the count found under nested names; None where the way to it ends."""
    *way, last = names
    for name in way:
        fields = fields_of(fields.get(name))
    return count_of(fields.get(last))


def total_of(*counts: int | None) -> int | None:
    """Add counts, unknown ones as zero; None if all are unknown."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def indexed(fields: Fields, name: str = "index") -> int:
    """Give the position that a fragment of a stream names; 0 if it names none."""
    return count_of(fields.get(name)) or 0


class EventReader:
    """Goes through the JSON objects of a stream's events and remembers the first that cannot be read.

    Attributes:
        malformed: `event 3 of the stream is not JSON`, or not UTF-8, counted from 1; None so far.
    """

    __slots__ = ("_events", "malformed")

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self.malformed: str | None = None

    def objects(self) -> Iterator[tuple[str | None, Fields]]:
        """Give each event's name and JSON object; comments, `[DONE]` and what is no object are passed over."""
        for number, event in enumerate(self._events, start=1):
            if not event.data or event.data.startswith("[DONE]"):
                continue
            try:
                if _REPLACED in event.data:
                    event.raw.decode()
                value: Json = json.loads(event.data)
            except (ValueError, RecursionError) as error:
                kind = "UTF-8" if isinstance(error, UnicodeDecodeError) else "JSON"
                self.malformed = self.malformed or f"event {number} of the stream is not {kind}"
                continue
            if isinstance(value, Mapping):
                yield event.name, value


def object_in(event: Event) -> Fields:
    """Give the JSON object that an event carries; an empty one if it carries none."""
    for _, fields in EventReader([event]).objects():
        return fields
    return {}


def error_text(kind: Json, message: Json) -> str:
    """Put an error's type or code and its message on one line."""
    return ": ".join(part for part in (text_of(kind) or str(kind or ""), text_of(message)) if part) or "error"


def error_in(body: Fields) -> str | None:
    """Give the text of an error that a body or a chunk reports; None if it reports none.

    Most put an `error` object around it; Mistral says `"object": "error"`; gateways send `message` or `detail` alone.
    """
    error = body.get("error")
    if isinstance(error, str) and error:
        return error
    if fields := fields_of(error):
        return error_text(fields.get("code") or fields.get("type"), fields.get("message"))
    if body.get("object") == "error":
        return error_text(body.get("type"), body.get("message"))
    complaints = [text_of(detail.get("msg")) for detail in objects_in(body.get("detail"))]
    return text_or_none(body.get("message")) or text_or_none(body.get("detail")) or text_or_none("; ".join(complaints))
