"""Views: what bytes say once their escapes are read, with the way back to the places in the bytes."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from llmreplay.core.findings import Finding

_ESCAPE = re.compile(
    rb"%[0-9A-Fa-f]{2}|\\[/\"\\]|\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}"
    rb"|&#[0-9]{1,5};|&#[xX][0-9A-Fa-f]{1,4};|&(?:amp|quot|lt|gt|apos);"
)
_ASCII_PERCENT = re.compile(rb"%[2-7][0-9A-Fa-f]")
_ASCII_ESCAPE = re.compile(rb"\\u00[2-7]")
_HTML_ESCAPE = re.compile(rb"&(?:#[xX0-9]|amp;|quot;|lt;|gt;|apos;)")
_LINE_BREAK = re.compile(rb"(?:\\+r)?\\+n[ \t]*|\r?\n(?:data:)?[ \t]*|%0[dDaA]")
_NUL = re.compile(rb"\0+")
_HTML_NAMES = {b"&amp;": b"&", b"&quot;": b'"', b"&lt;": b"<", b"&gt;": b">", b"&apos;": b"'"}
_BASE64_LINES = range(60, 80)
"""Base64 that is broken into lines has 64 or 76 characters on a line; more, where the break is an escape."""


@dataclass(frozen=True, slots=True)
class View:
    """Bytes as they read without one kind of escape.

    Attributes:
        data: The bytes read.
        starts: Offsets in `data` at which a segment starts.
        origins: For each segment: where it starts in the original, and the length there; 0 if as long as here.
    """

    data: bytes
    starts: tuple[int, ...]
    origins: tuple[tuple[int, int], ...]

    def in_original(self, finding: Finding) -> Finding:
        """Move a finding in this view to the bytes that it was made of."""
        segment = bisect_right(self.starts, finding.start) - 1
        origin, length = self.origins[segment]
        start = origin if length else origin + finding.start - self.starts[segment]
        segment = bisect_right(self.starts, finding.end - 1) - 1
        origin, length = self.origins[segment]
        end = origin + (length or finding.end - self.starts[segment])
        return replace(finding, start=start, end=end)


def _view(data: bytes, pattern: re.Pattern[bytes], read: Callable[[bytes], bytes]) -> View:
    parts: list[bytes] = []
    starts: list[int] = []
    origins: list[tuple[int, int]] = []
    position = length = 0
    for match in pattern.finditer(data):
        if match.start() > position:
            starts.append(length)
            origins.append((position, 0))
            parts.append(data[position : match.start()])
            length += match.start() - position
        if text := read(match.group()):
            starts.append(length)
            origins.append((match.start(), match.end() - match.start()))
            parts.append(text)
            length += len(text)
        position = match.end()
    if position < len(data) or not starts:
        starts.append(length)
        origins.append((position, 0))
        parts.append(data[position:])
    return View(b"".join(parts), tuple(starts), tuple(origins))


def _read_escape(escape: bytes) -> bytes:
    if escape[:1] == b"%":
        return bytes((int(escape[1:], 16),))
    if escape[:1] == b"&":
        if escape in _HTML_NAMES:
            return _HTML_NAMES[escape]
        number = escape[2:-1]
        code = int(number[1:], 16) if number[:1] in b"xX" else int(number)
    elif escape[-1:] in b'/"\\':
        return escape[-1:]
    elif escape.count(b"u") == 2:
        high, low = int(escape.rsplit(b"u", 2)[1][:4], 16), int(escape[-4:], 16)
        code = 0x10000 + ((high - 0xD800) << 10) + low - 0xDC00
    else:
        code = int(escape[-4:], 16)
    return chr(min(code, 0x10FFFF)).encode("utf-8", "surrogatepass")


def has_escapes(data: bytes) -> bool:
    """Say whether some plain character may be written as an escape; made to be quick when none is."""
    return (
        (b"\\u00" in data and _ASCII_ESCAPE.search(data) is not None)
        or (b"%" in data and _ASCII_PERCENT.search(data) is not None)
        or (b"&" in data and _HTML_ESCAPE.search(data) is not None)
    )


def views_of(data: bytes, *, runs: Sequence[tuple[int, int]], has_slash_escapes: bool = False) -> Iterator[View]:
    r"""Give the readings of bytes in which a secret could be hidden from a plain search.

    Args:
        data: The bytes; a view's own bytes may be viewed again, for escapes of escapes.
        runs: Its long runs of letters and digits, which may be base64 in lines.
        has_slash_escapes: Read `\/`, `\"` and `\\` too, because a known secret holds such characters.

    Yields:
        Zero bytes taken out, as of UTF-16; line breaks taken out; escapes read once (`\u0041`, `%41`, `&#65;`).
    """
    if b"\0" in data:
        yield _view(data, _NUL, lambda _: b"")
    if any(end - start in _BASE64_LINES and _LINE_BREAK.match(data, end) for start, end in runs):
        yield _view(data, _LINE_BREAK, lambda _: b"")
    if has_escapes(data) or (has_slash_escapes and b"\\" in data):
        view = _view(data, _ESCAPE, _read_escape)
        if view.data != data:
            yield view
