"""Interactions to the bytes of a cassette file, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import UNSET

from llmreplay.core.cassette import Stored
from llmreplay.core.model import TransportFailure
from llmreplay.storage.bodies import wire_headers, wire_request
from llmreplay.storage.chunks import seconds, wire_chunks
from llmreplay.storage.layout import lay_out
from llmreplay.storage.reading import StoredInteraction, decode
from llmreplay.storage.wire import FORMAT, WireFailure, WireInteraction, WireResponse, wire_text

__all__ = ["StoredInteraction", "decode", "encode", "wire_interaction"]


def _summary_kept(interaction: Stored) -> str:
    return interaction.summary if isinstance(interaction, StoredInteraction) else ""


def encode(
    interactions: Iterable[Stored],
    *,
    summarise: Callable[[Stored], str] = _summary_kept,
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
    response, failure = UNSET, UNSET
    if isinstance(outcome, TransportFailure):
        failure = WireFailure(
            kind=outcome.kind.value, message=wire_text(outcome.message), after_s=seconds(outcome.after_s)
        )
    else:
        response = WireResponse(
            status=outcome.status,
            reason=wire_text(outcome.reason),
            headers=wire_headers(outcome.headers),
            chunks=wire_chunks(outcome.chunks, is_plain=is_plain),
            end=outcome.end.value,
        )
    return WireInteraction(
        summary=" ".join(summary.encode("utf-8", "replace").decode().split()),
        recorded_at=interaction.recorded_at,
        during=interaction.during,
        request=wire_request(interaction.request, is_plain=is_plain),
        response=response,
        failure=failure,
    )
