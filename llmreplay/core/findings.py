"""Findings: places in bytes that hold a secret, and putting the token in their place."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from llmreplay.core.model import Chunk

TOKEN = b"REDACTED"
"""What stands where a secret stood."""

_TOKEN_CHARACTERS = b'REDACT"\\'


@dataclass(frozen=True, slots=True)
class Finding:
    """A run of bytes that holds a secret.

    Attributes:
        start: Offset of its first byte.
        end: Offset after its last byte.
        kind: What it is, in words that do not tell it: `value of the header x-api-key`.
        replacement: What takes its place.
    """

    start: int
    end: int
    kind: str
    replacement: bytes = TOKEN


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret in bytes that were about to be written.

    Attributes:
        offset: Of its first byte.
        line: Its line, from 1.
        kind: What it is, in words that do not tell it.
        place: JSON path of the string it stands in; empty if the bytes are no JSON.
    """

    offset: int
    line: int
    kind: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.kind} at line {self.line}, byte {self.offset}{f', {self.place}' if self.place else ''}"


def is_redacted(content: bytes) -> bool:
    """Say whether nothing is left to hide: the content is the token, quoted, repeated or alone."""
    if content.strip(_TOKEN_CHARACTERS):
        return False
    return not content.replace(TOKEN, b"").strip(b'"\\')


def _starts_inside_escape(data: bytes, offset: int) -> bool:
    backslashes = 0
    while backslashes < offset and data[offset - 1 - backslashes] == 0x5C:
        backslashes += 1
    return backslashes % 2 == 1


def _whole_escapes(data: bytes, finding: Finding) -> Finding:
    r"""Widen a finding so that it does not cut an escape such as `\n`: JSON must stay JSON."""
    start, end = finding.start, finding.end
    if start and data[start - 1] == 0x5C and _starts_inside_escape(data, start):
        start -= 1
    if end > start and data[end - 1] == 0x5C and end < len(data) and _starts_inside_escape(data, end):
        end = min(len(data), end + (5 if data[end] == 0x75 else 1))
    if (start, end) == (finding.start, finding.end):
        return finding
    return replace(finding, start=start, end=end)


def merged_findings(data: bytes, findings: Iterable[Finding]) -> list[Finding]:
    """Put findings in order, join those that overlap, and leave out what is redacted already."""
    merged: list[Finding] = []
    whole = (_whole_escapes(data, finding) for finding in findings if finding.end > finding.start)
    for finding in sorted(whole, key=lambda found: (found.start, -found.end)):
        if merged and finding.start < merged[-1].end:
            if finding.end > merged[-1].end:
                merged[-1] = replace(merged[-1], end=finding.end)
            continue
        merged.append(finding)
    return [finding for finding in merged if not is_redacted(data[finding.start : finding.end])]


def apply_findings(data: bytes, findings: Sequence[Finding]) -> bytes:
    """Replace merged findings; every other byte stays."""
    parts: list[bytes] = []
    position = 0
    for finding in findings:
        parts += (data[position : finding.start], finding.replacement)
        position = finding.end
    parts.append(data[position:])
    return b"".join(parts)


def apply_to_pieces(pieces: Sequence[bytes], findings: Sequence[Finding]) -> list[bytes]:
    """Replace merged findings in bytes that are cut into pieces; offsets are those of the pieces joined.

    Returns:
        As many pieces. A replacement stands in the piece where its finding starts; a piece that lies wholly
        inside the finding gets one of the replacement's last bytes, so that it is not empty, while they last.
        A replacement as long as its finding keeps every byte in its place.
    """
    starts = [0]
    for piece in pieces:
        starts.append(starts[-1] + len(piece))
    changed = list(pieces)
    for finding in reversed(findings):
        first = bisect_right(starts, finding.start, hi=len(pieces)) - 1
        last = first
        while starts[last + 1] < finding.end:
            last += 1
        _replace_in_pieces(changed, starts, finding, first, last)
    return changed


def _replace_in_pieces(pieces: list[bytes], starts: Sequence[int], finding: Finding, first: int, last: int) -> None:
    shares = _shares(starts, finding, first, last)
    for index in range(first, last + 1):
        begin = max(finding.start - starts[index], 0)
        # Findings are applied from the last to the first, so only the end of a piece can have moved already.
        end = min(finding.end, starts[index + 1]) - starts[index]
        piece = pieces[index]
        pieces[index] = piece[:begin] + shares[index - first] + piece[end:]


def _shares(starts: Sequence[int], finding: Finding, first: int, last: int) -> list[bytes]:
    """Cut a replacement into the parts that the pieces from `first` to `last` get."""
    text = finding.replacement
    if len(text) == finding.end - finding.start:
        bounds = [max(starts[index], finding.start) - finding.start for index in range(first, last + 1)]
        return [text[a:b] for a, b in zip(bounds, [*bounds[1:], len(text)], strict=True)]
    inner = [
        index - first
        for index in range(first + 1, last + 1)
        if starts[index] >= finding.start and starts[index + 1] <= finding.end and starts[index + 1] > starts[index]
    ][: max(len(text) - 1, 0)]
    shares = [b""] * (last - first + 1)
    shares[0] = text[: len(text) - len(inner)]
    for place, index in enumerate(inner):
        offset = len(text) - len(inner) + place
        shares[index] = text[offset : offset + 1]
    return shares


def chunks_with(chunks: Sequence[Chunk], pieces: Sequence[bytes]) -> tuple[Chunk, ...]:
    """Give chunks their new bytes; one that lost all gives its time to the next, because none may be empty."""
    changed: list[Chunk] = []
    waited_s = 0.0
    for chunk, piece in zip(chunks, pieces, strict=True):
        if not piece and chunk.data:
            waited_s += chunk.after_s
            continue
        changed.append(replace(chunk, data=piece, after_s=chunk.after_s + waited_s))
        waited_s = 0.0
    return tuple(changed)
