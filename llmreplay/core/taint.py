"""Taint: secret values seen in this run, hunted wherever and however they are written again."""

from __future__ import annotations

import base64
import re
import sys
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from llmreplay.core.findings import Finding
from llmreplay.core.secret_shapes import SHORTEST_RUN

SHORTEST_SECRET = 12
"""Characters. A shorter value turns up by chance."""

_HEAD = 20
_SHORTEST_END = 6
_ELISION = re.compile(rb"\.\.\.|\xe2\x80\xa6")
_INFLATED_LIMIT = 1 << 20
_BLOBS_LIMIT = 64
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")
_PLAIN_ALPHABET = bytes.maketrans(b"-_", b"+/")
_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")
_HEX = re.compile(rb"[0-9A-Fa-f]+")


@dataclass(frozen=True, slots=True)
class Taint:
    """A secret value and the byte strings that give it away.

    Attributes:
        value: The secret. Never printed.
        origin: Where it was seen, for messages: `value of the header x-api-key`.
        raw: As it is.
        head: Its beginning, which gives it away as well: an answer may be cut in the middle of a key.
        core: The longest part of `head` made of characters that keys are made of.
        base64: Its encodings at each of the three alignments, both alphabets, without the characters that
            depend on the neighbours.
        hexadecimal: In both cases.
        is_odd: Whether JSON may write it with escapes that are too common to be read for nothing.
    """

    value: str
    origin: str
    raw: bytes
    head: bytes
    core: bytes
    base64: tuple[bytes, ...]
    hexadecimal: tuple[bytes, ...]
    is_odd: bool

    def __repr__(self) -> str:
        return f"Taint({self.origin})"


def taint_of(value: str, origin: str) -> Taint:
    """Prepare a secret value for being hunted."""
    raw = value.encode("utf-8", "surrogatepass")
    aligned: dict[bytes, None] = {}
    for offset, first in ((0, 0), (1, 2), (2, 3)):
        # Eight bits a byte, six a character: the last whole character belongs to the value alone.
        last = 8 * (offset + len(raw)) // 6
        padded = b"\0" * offset + raw
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            aligned[encode(padded)[first:last]] = None
    # All web tokens begin alike.
    head = raw if len(raw) < _HEAD + 4 or raw.startswith((b"eyJ", b"http")) else raw[:_HEAD]
    core = max(re.findall(rb"[A-Za-z0-9+/=_-]*", head), key=len)
    hexadecimal = (raw.hex().encode(), raw.hex().upper().encode())
    is_odd = not raw.isascii() or any(byte in raw for byte in b'/"\\')
    return Taint(value, origin, raw, head, core, tuple(aligned), hexadecimal, is_odd)


def shortest_run(taints: Iterable[Taint]) -> int:
    """Give the length of run that can hold any taint in base64 or hexadecimal."""
    shortest = min((len(taint.raw) for taint in taints), default=SHORTEST_RUN)
    return SHORTEST_RUN if shortest >= 17 else SHORTEST_SECRET


def _every(data: bytes, needle: bytes) -> Iterator[tuple[int, int]]:
    start = data.find(needle)
    while start >= 0:
        yield start, start + len(needle)
        start = data.find(needle, start + len(needle))


def _plain_findings(data: bytes, taint: Taint) -> Iterator[Finding]:
    for start, end in _every(data, taint.head):
        for byte in taint.raw[len(taint.head) :]:
            if data[end : end + 1] != bytes((byte,)):
                break
            end += 1
        yield Finding(start, end, taint.origin)


def _run_around(runs: Sequence[tuple[int, int]], offset: int) -> tuple[int, int]:
    return runs[max(bisect_right(runs, (offset, sys.maxsize)) - 1, 0)]


def _base64_findings(data: bytes, runs: Sequence[tuple[int, int]], needle: bytes, kind: str) -> Iterator[Finding]:
    """Find an encoded secret with the whole encoded text around it, so that what is left still decodes."""
    for start, end in _every(data, needle):
        run_start, run_end = _run_around(runs, start)
        begin = max(data.rfind(b"=", run_start, start) + 1, run_start)
        match = _BASE64.match(data, start, max(run_end, end))
        yield Finding(begin, max(end, match.end() if match else end), kind)


def _hexadecimal_findings(data: bytes, needle: bytes, kind: str) -> Iterator[Finding]:
    for start, end in _every(data, needle):
        begin = start
        while begin and data[begin - 1] in _HEX_DIGITS:
            begin -= 1
        match = _HEX.match(data, start)
        yield Finding(begin, max(end, match.end() if match else end), kind)


def taint_findings(data: bytes, runs: Sequence[tuple[int, int]], taints: Sequence[Taint]) -> list[Finding]:
    """Find known secrets as they are, in base64 at any alignment, and in hexadecimal.

    Args:
        data: Any bytes.
        runs: Its long runs, of at least `shortest_run(taints)` characters.
        taints: The known secrets.
    """
    found: list[Finding] = []
    hay = b" ".join([data[start:end] for start, end in runs])
    least = shortest_run(taints)
    for taint in taints:
        if taint.core in hay if len(taint.core) >= least else taint.head in data:
            found += _plain_findings(data, taint)
        if not hay:
            continue
        for needle in taint.base64:
            if needle in hay:
                found += _base64_findings(data, runs, needle, f"{taint.origin}, in base64")
        for needle in taint.hexadecimal:
            if needle in hay:
                found += _hexadecimal_findings(data, needle, f"{taint.origin}, in hexadecimal")
    return found


def elided_findings(data: bytes, taints: Sequence[Taint]) -> list[Finding]:
    """Find what is left of a known secret in a text that was shortened: `wJ9x/Qm2...a=Ue`, as in a test's report."""
    found: list[Finding] = []
    for match in _ELISION.finditer(data):
        for taint in taints:
            raw, longest = taint.raw, range(len(taint.raw), _SHORTEST_END - 1, -1)
            head = next((size for size in longest if data.endswith(raw[:size], 0, match.start())), 0)
            tail = next((size for size in longest if data.startswith(raw[-size:], match.end())), 0)
            if head or tail:
                found.append(Finding(match.start() - head, match.end() + tail, f"{taint.origin}, shortened"))
    return found


def _inflated(blob: bytes) -> tuple[bytes, int]:
    """Unpack gzip or zlib data as far as it goes, at most 1 MiB; also say how many bytes were used."""
    inflater = zlib.decompressobj(47)
    try:
        text = inflater.decompress(blob, _INFLATED_LIMIT)
    except zlib.error:
        return b"", 0
    return text, len(blob) - len(inflater.unused_data) - len(inflater.unconsumed_tail)


def is_text(data: bytes) -> bool:
    """Say whether bytes are UTF-8; packed data never is, its magic number is not."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def compressed_findings(
    data: bytes, runs: Sequence[tuple[int, int]], holds_secret: Callable[[bytes], bool]
) -> list[Finding]:
    """Find gzip and zlib blobs, raw or in base64, that hold a secret when unpacked."""
    found: list[Finding] = []
    for start, end in runs:
        if data[start : start + 4] == b"H4sI" or data[start : start + 2] in (b"eJ", b"eN", b"eA", b"eF"):
            match = _BASE64.match(data, start, end)
            blob = match.group().translate(_PLAIN_ALPHABET).rstrip(b"=") if match else b""
            text, _ = _inflated(base64.b64decode(blob[: len(blob) // 4 * 4]))
            if match and text and holds_secret(text):
                found.append(Finding(start, match.end(), "compressed secret, in base64"))
        elif data[start : start + 6].lower() == b"1f8b08" and (match := _HEX.match(data, start)):
            text, _ = _inflated(bytes.fromhex(match.group()[: len(match.group()) // 2 * 2].decode()))
            if text and holds_secret(text):
                found.append(Finding(start, match.end(), "compressed secret, in hexadecimal"))
    if data.isascii() or is_text(data):
        return found
    for magic in (b"\x1f\x8b\x08", b"x\x9c", b"x\x01", b"x\xda", b"x^"):
        for start, _ in islice(_every(data, magic), _BLOBS_LIMIT):
            text, used = _inflated(data[start:])
            if text and holds_secret(text):
                found.append(Finding(start, start + max(used, len(magic)), "compressed secret"))
    return found
