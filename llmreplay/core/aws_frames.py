"""Frames of `application/vnd.amazon.eventstream`: bytes to frames and back.

A frame is: total length and headers length (4 bytes each, big endian), CRC-32 of those eight bytes, the headers,
the payload, CRC-32 of all before it.
Source: https://smithy.io/2.0/aws/amazon-eventstream.html and botocore/eventstream.py of botocore 1.44.5
(read 2026-11-21).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from llmreplay.core.errors import MalformedStream

PRELUDE_BYTES = 12
CRC_BYTES = 4
MAX_FRAME_BYTES = 24 * 1024 * 1024
_STRING = 7


@dataclass(frozen=True, slots=True)
class AwsFrame:
    """One frame.

    Attributes:
        headers: Names and values in order; a value that is no string is given as text.
        payload: The bytes between headers and CRC.
        raw: The whole frame.
    """

    headers: tuple[tuple[str, str], ...]
    payload: bytes
    raw: bytes

    def header(self, name: str) -> str | None:
        """Give the value of a header, its name compared exactly; None if absent."""
        return next((value for key, value in self.headers if key == name), None)


def first_frame(data: bytes | bytearray) -> AwsFrame | None:
    """Read the frame that `data` begins with.

    Returns:
        The frame, or None if more bytes are needed to have it whole.

    Raises:
        MalformedStream: A length or CRC is wrong, or a header cannot be read.
    """
    if len(data) < PRELUDE_BYTES:
        return None
    total, headers_bytes, prelude_crc = struct.unpack_from(">III", data)
    if zlib.crc32(data[:8]) != prelude_crc:
        raise MalformedStream("AWS event stream: the CRC of a frame's prelude is wrong.")
    if not PRELUDE_BYTES + headers_bytes + CRC_BYTES <= total <= MAX_FRAME_BYTES:
        raise MalformedStream(
            f"AWS event stream: a frame of {total} bytes with headers of {headers_bytes} bytes cannot be."
        )
    if len(data) < total:
        return None
    raw = bytes(data[:total])
    (crc,) = struct.unpack_from(">I", raw, total - CRC_BYTES)
    if zlib.crc32(raw[:-CRC_BYTES]) != crc:
        raise MalformedStream(f"AWS event stream: the CRC of a frame of {total} bytes is wrong.")
    payload_at = PRELUDE_BYTES + headers_bytes
    return AwsFrame(_headers_in(raw[PRELUDE_BYTES:payload_at]), raw[payload_at:-CRC_BYTES], raw)


def aws_frame(headers: tuple[tuple[str, str], ...], payload: bytes) -> bytes:
    """Encode a frame whose headers are strings, as Bedrock's are.

    Args:
        headers: `:event-type`, `:content-type` and `:message-type` for an event; `:exception-type` for an error.
        payload: Normally JSON.
    """
    block = b"".join(_encoded_header(name, value) for name, value in headers)
    prelude = struct.pack(">II", PRELUDE_BYTES + len(block) + len(payload) + CRC_BYTES, len(block))
    head = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return head + struct.pack(">I", zlib.crc32(head))


def _encoded_header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING, len(text)) + text


def _headers_in(block: bytes) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    at = 0
    try:
        while at < len(block):
            name_end = at + 1 + block[at]
            name = block[at + 1 : name_end].decode()
            value, at = _value_at(block, block[name_end], name_end + 1)
            found.append((name, value))
    except (IndexError, struct.error, UnicodeDecodeError, KeyError) as error:
        raise MalformedStream(f"AWS event stream: a header cannot be read at byte {at} of its block.") from error
    return tuple(found)


# Value types that have a fixed length: 2 byte, 3 short, 4 integer, 5 long, 8 timestamp, 9 uuid.
_FIXED: dict[int, tuple[int, Callable[[bytes], str]]] = {
    2: (1, lambda data: str(struct.unpack(">b", data)[0])),
    3: (2, lambda data: str(struct.unpack(">h", data)[0])),
    4: (4, lambda data: str(struct.unpack(">i", data)[0])),
    5: (8, lambda data: str(struct.unpack(">q", data)[0])),
    8: (8, lambda data: str(struct.unpack(">q", data)[0])),
    9: (16, bytes.hex),
}
_BOOLEANS = {0: "true", 1: "false"}
_BYTES = 6


def _value_at(block: bytes, kind: int, at: int) -> tuple[str, int]:
    """Give the value at `at` as text, and where the next header begins."""
    if kind in _BOOLEANS:
        return _BOOLEANS[kind], at
    if kind in (_BYTES, _STRING):
        (length,) = struct.unpack_from(">H", block, at)
        data = block[at + 2 : at + 2 + length]
        if len(data) != length:
            raise IndexError(at)
        return (data.decode() if kind == _STRING else data.hex()), at + 2 + length
    width, read = _FIXED[kind]
    return read(block[at : at + width]), at + width
