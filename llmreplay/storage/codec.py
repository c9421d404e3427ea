"""Interactions to the bytes of a cassette file, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from msgspec import UNSET, UnsetType

from llmreplay.core.cassette import Stored
from llmreplay.core.model import Chunk, End, Interaction, Outcome, Request, Response, TransportFailure
from llmreplay.storage.bodies import wire_headers, wire_request
from llmreplay.storage.chunks import seconds, wire_chunks
from llmreplay.storage.json_text import laid_out, restored
from llmreplay.storage.layout import lay_out
from llmreplay.storage.reading import StoredInteraction, decode, decode_as_written
from llmreplay.storage.wire import FORMAT, During, WireFailure, WireInteraction, WireResponse, wire_text

__all__ = [
    "StoredInteraction",
    "as_stored",
    "decode",
    "decode_as_written",
    "encode",
    "summary_kept",
    "wire_interaction",
]


def summary_kept(interaction: Stored) -> str:
    """Repeat the line that an interaction has in the file it was read from; empty if it is new."""
    return interaction.summary if isinstance(interaction, StoredInteraction) else ""


def encode(
    interactions: Iterable[Stored],
    *,
    summarise: Callable[[Stored], str] = summary_kept,
    file_format: str = FORMAT,
) -> bytes:
    """Write a cassette file.

    Args:
        interactions: In the order in which they are to stand.
        summarise: Gives the line with which an interaction begins, for the reader; empty for none.
        file_format: `PARTIAL_FORMAT` marks what must never be replayed.

    Returns:
        Bytes that `decode` turns into equal interactions; the same for the same interactions.
    """
    return lay_out(
        (wire_interaction(interaction, summary=summarise(interaction)) for interaction in interactions),
        file_format=file_format,
    )


def wire_interaction(interaction: Stored, *, summary: str = "", is_plain: bool = False) -> WireInteraction:
    """Put an interaction into a cassette's shape; `is_plain` keeps its bodies byte for byte, unreadable."""
    outcome = interaction.outcome
    response: WireResponse | UnsetType = UNSET
    failure: WireFailure | UnsetType = UNSET
    if isinstance(outcome, TransportFailure):
        failure = WireFailure(
            kind=outcome.kind.value, message=wire_text(outcome.message), after_s=seconds(outcome.after_s)
        )
    else:
        response = WireResponse(
            status=outcome.status,
            reason=wire_text(outcome.reason),
            headers=wire_headers(outcome.headers),
            chunks=tuple(wire_chunks(outcome.chunks, is_plain=is_plain)),
            end=outcome.end.value,
            end_after_s=_end_after_s(outcome),
        )
    return WireInteraction(
        summary=" ".join(summary.encode("utf-8", "replace").decode().split()),
        recorded_at=interaction.recorded_at,
        during=cast("During", interaction.during),
        request=wire_request(interaction.request, is_plain=is_plain),
        response=response,
        failure=failure,
    )


def as_stored(interaction: Stored) -> Interaction:
    """Give an interaction as a cassette gives it back: without a fault's delays, in whole microseconds."""
    outcome = interaction.outcome
    kept: Outcome
    if isinstance(outcome, TransportFailure):
        kept = TransportFailure(outcome.kind, outcome.message, seconds(outcome.after_s))
    else:
        chunks = tuple(Chunk(chunk.data, seconds(chunk.after_s)) for chunk in outcome.chunks)
        kept = Response(
            outcome.status,
            outcome.headers,
            chunks,
            outcome.end,
            outcome.reason,
            end_after_s=_end_after_s(outcome),
        )
    request = interaction.request
    shown = laid_out(request.body)
    body = request.body if shown is None else restored(shown, "compact")
    return Interaction(
        Request(request.method, request.url, request.headers, body),
        kept,
        interaction.recorded_at,
        interaction.during,
    )


def _end_after_s(response: Response) -> float:
    return seconds(response.end_after_s) if response.end is End.CLIENT_CLOSED else 0.0
