"""The line at the end of a test run: what was replayed, recorded and refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmreplay.core.attempt import Source
from llmreplay.core.calls import Calls

_WORDS = (
    (Source.REPLAYED, "replayed"),
    (Source.RECORDED, "recorded"),
    (Source.LIVE, "live"),
    (Source.FAULT, "faulted"),
    (Source.STUB, "stubbed"),
    (Source.REFUSED, "refused"),
)
_MOST_NOTES = 20


def tally_of(
    calls: Calls, notes: Sequence[str] = (), asides: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Count what happened, in a shape that travels between processes.

    Args:
        calls: Of one cassette.
        notes: What the user should know.
        asides: Of those notes that speak of a file, its path: without it they are no longer true.

    Returns:
        `interactions`: counts by source; `input_tokens`, `output_tokens`; `notes` and `asides` as given.
    """
    counts: dict[str, int] = {}
    for attempt in calls.attempts:
        counts[attempt.source.value] = counts.get(attempt.source.value, 0) + 1
    usage = calls.usage
    return {
        "interactions": counts,
        "input_tokens": usage.input_tokens or 0,
        "output_tokens": usage.output_tokens or 0,
        "notes": list(notes),
        "asides": dict(asides),
    }


def summary_lines(tallies: Sequence[Mapping[str, Any]]) -> list[str]:
    """Add tallies up to a line, and list their notes under it, the first 20."""
    totals = {word: sum(tally["interactions"].get(source.value, 0) for tally in tallies) for source, word in _WORDS}
    shown = [f"{count} {word}" for word, count in totals.items() if count]
    # Tests that share a cassette say the same.
    notes = list(dict.fromkeys(f"llmreplay: {note}" for tally in tallies for note in _still_true(tally)))
    if len(notes) > _MOST_NOTES:
        notes = [*notes[:_MOST_NOTES], f"llmreplay: and {len(notes) - _MOST_NOTES} more such notes"]
    if not shown:
        return notes
    tokens_in = sum(tally["input_tokens"] for tally in tallies)
    tokens_out = sum(tally["output_tokens"] for tally in tallies)
    tokens = f"; tokens: {tokens_in:,} in, {tokens_out:,} out" if tokens_in or tokens_out else ""
    return [f"llmreplay: {', '.join(shown)}{tokens}", *notes]


def _still_true(tally: Mapping[str, Any]) -> list[str]:
    """Give the notes but those of a file that is gone: a later attempt, or the test itself, made the cassette."""
    asides: Mapping[str, str] = tally["asides"]
    return [note for note in tally["notes"] if note not in asides or Path(asides[note]).exists()]
