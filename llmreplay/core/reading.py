"""Reading outcomes: what a response says, by the row of its api."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from llmreplay.core.api import Api, identify
from llmreplay.core.cassette import Stored
from llmreplay.core.model import Answer, Chunk, End, Outcome, Request, Response, header
from llmreplay.core.multipart import form_fields
from llmreplay.core.streams import events_of, wire_of
from llmreplay.core.traffic import stand_in_api

_MOST_SAID = 60


def is_stream(response: Response) -> bool:
    """Say whether a response is a stream of events, by its content type."""
    return wire_of(header(response.headers, "content-type")) is not None


def is_unread_stream(api: Api | None, outcome: Outcome | None) -> bool:
    """Say whether an outcome is a stream of which nobody here knows how it ends."""
    if not isinstance(outcome, Response) or outcome.status >= 400 or not is_stream(outcome):
        return False
    return api is None or api.answer_from_events is None


def asks_for_stream(api: Api | None, request: Request) -> bool:
    """Say whether a request asks for a stream; False where no row describes its api."""
    if api is None or api.is_streamed is None:
        return False
    try:
        body = json.loads(request.body or b"null")
    except ValueError:
        body = form_fields(request.headers, request.body)
    return api.is_streamed(urlsplit(request.url).path, body)


def answer_of(api: Api | None, outcome: Outcome) -> Answer:
    """Read what an outcome says; never raises: what cannot be read is an answer that says so.

    Args:
        api: The row of the endpoint; without it only errors and completeness are known.
        outcome: As far as it has come.
    """
    if not isinstance(outcome, Response):
        return Answer(is_complete=False, error=f"{outcome.kind.value}: {outcome.message}".rstrip(": "))
    ended_well = outcome.end is End.COMPLETE
    broken = None if outcome.end in (End.COMPLETE, End.CLIENT_CLOSED) else outcome.end.value
    if outcome.status >= 400:
        return Answer(is_complete=ended_well, error=f"{outcome.status} {_error_text(outcome.body)}".rstrip())
    coding = header(outcome.headers, "content-encoding")
    if coding is not None:
        # Ours are decoded: one that is still named could not be undone, and no client can, whatever the bytes say.
        return Answer(is_complete=False, error=broken or f"content-encoding {coding} cannot be undone")
    streamed = _streamed_answer(api, outcome, broken) if is_stream(outcome) else None
    if streamed is not None:
        return streamed
    if api is not None and api.answer_from_text is not None and _is_text(outcome):
        return replace(
            api.answer_from_text(outcome.body.decode("utf-8", "replace")), is_complete=ended_well, error=broken
        )
    if api is None or api.answer_from_body is None:
        return Answer(is_complete=ended_well, error=broken)
    read = api.answer_from_body
    answer = _or_unreadable(lambda: read(json.loads(outcome.body)), broken if broken or ended_well else "cut short")
    if answer.is_complete:
        return answer
    # A stream under a wrong label is a stream all the same: the SDKs do not look at the label.
    mislabelled = _streamed_answer(api, outcome, broken)
    return mislabelled if mislabelled is not None and mislabelled.is_complete else answer


def _is_text(response: Response) -> bool:
    # JSON under a wrong label is JSON all the same.
    label = header(response.headers, "content-type") or ""
    return label.lower().startswith("text/") and not response.body.lstrip().startswith(b"{")


def put_down_answer(api: Api | None, outcome: Outcome) -> Answer:
    """Read what a client has that closed the stream: the whole answer, if all it lacks is the event that ends it."""
    answer = answer_of(api, outcome)
    if api is None or not api.last_bytes or answer.raw_stop_reason is None or not isinstance(outcome, Response):
        return answer
    chunks = (*outcome.chunks, Chunk(api.last_bytes))
    whole = answer_of(api, replace(outcome, chunks=chunks, end=End.COMPLETE))
    return whole if whole.is_complete and whole.error is None else answer


def _streamed_answer(api: Api | None, response: Response, broken: str | None) -> Answer | None:
    if api is None or api.answer_from_events is None or api.wire is None:
        return None
    read, wire = api.answer_from_events, api.wire
    return _or_unreadable(lambda: read(events_of(wire, [chunk.data for chunk in response.chunks])[0]), broken)


def _or_unreadable(read: Callable[[], Answer], broken: str | None) -> Answer:
    try:
        answer = read()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        return Answer(is_complete=False, error=broken or f"unreadable answer: {type(error).__name__}")
    return replace(answer, error=answer.error or broken) if broken else answer


def _error_text(body: bytes) -> str:
    text = body[:2000].decode("utf-8", "replace")
    try:
        decoded = json.loads(text)
    except ValueError:
        return text[:200]
    error = decoded.get("error", decoded) if isinstance(decoded, dict) else decoded
    if isinstance(error, dict):
        kind, message = error.get("type") or error.get("status") or error.get("code"), error.get("message")
        return ": ".join(str(part) for part in (kind, message) if part) or text[:200]
    return str(error)[:200]


def summary_of(apis: Sequence[Api], interaction: Stored) -> str:
    """Tell an interaction in one line, for the reader of a cassette; never raises."""
    request, outcome = interaction.request, interaction.outcome
    api = identify(request, apis) or stand_in_api(request, tuple(apis))
    name = api.name if api else f"{request.method} {urlsplit(request.url).path}"
    answer = answer_of(api, outcome)
    parts = [answer.raw_stop_reason or (str(outcome.status) if isinstance(outcome, Response) else "failed")]
    if answer.usage is not None:
        parts += [
            f"{count} {word}"
            for count, word in ((answer.usage.input_tokens, "in"), (answer.usage.output_tokens, "out"))
            if count is not None
        ]
    text = " ".join((answer.error or answer.text or ", ".join(call.name for call in answer.tool_calls)).split())
    said = f": {text if len(text) <= _MOST_SAID else text[: _MOST_SAID - 1] + '…'}" if text else ""
    return f"{name}{f' {answer.model}' if answer.model else ''} -> {', '.join(parts)}{said}"


def as_ended(api: Api | None, outcome: Outcome) -> Outcome:
    """Give an outcome with the end it really had: a stream closed after its terminal event is whole."""
    # SDKs close a stream as soon as they have its terminal event: what was left unread was nothing but the end.
    if isinstance(outcome, Response) and outcome.end is End.CLIENT_CLOSED and is_stream(outcome):
        answer = answer_of(api, outcome)
        if api is not None and api.answer_from_events and answer.is_complete:
            return replace(outcome, end=End.COMPLETE, end_after_s=0.0)
    return outcome
