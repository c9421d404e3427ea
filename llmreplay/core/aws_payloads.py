"""Payloads of an AWS event stream: taken out of their frames, and put back with lengths and CRCs made right."""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from llmreplay.core.aws_frames import CRC_BYTES, PRELUDE_BYTES
from llmreplay.core.findings import Finding

_INNER = re.compile(rb'"bytes"\s*:\s*"([A-Za-z0-9+/=]*)"')


@dataclass(frozen=True, slots=True)
class AwsPayload:
    """What one frame says.

    Attributes:
        start: Offset of the frame.
        end: Offset after it.
        head: Its headers, as they stand.
        payload: Its payload.
        inner: Where in the payload base64 stands that holds the event proper, as in `InvokeModel` streams; else None.
    """

    start: int
    end: int
    head: bytes
    payload: bytes
    inner: tuple[int, int] | None = None

    @property
    def event(self) -> bytes:
        """The event, decoded."""
        if self.inner is None:
            return self.payload
        return base64.b64decode(self.payload[slice(*self.inner)])

    def frame_with(self, event: bytes) -> bytes:
        """Give the frame with another event in it."""
        payload = event
        if self.inner is not None:
            begin, end = self.inner
            payload = self.payload[:begin] + base64.b64encode(event) + self.payload[end:]
        total = PRELUDE_BYTES + len(self.head) + len(payload) + CRC_BYTES
        prelude = struct.pack(">II", total, len(self.head))
        frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + self.head + payload
        return frame + struct.pack(">I", zlib.crc32(frame))


def aws_payloads(body: bytes) -> list[AwsPayload]:
    """Read the whole frames that a body begins with; none if it is no event stream."""
    found: list[AwsPayload] = []
    start = 0
    while start + PRELUDE_BYTES <= len(body):
        total, head_bytes, crc = struct.unpack_from(">III", body, start)
        is_frame = zlib.crc32(body[start : start + 8]) == crc and total >= PRELUDE_BYTES + head_bytes + CRC_BYTES
        if not is_frame or start + total > len(body):
            break
        payload_start = start + PRELUDE_BYTES + head_bytes
        payload = body[payload_start : start + total - CRC_BYTES]
        head = body[start + PRELUDE_BYTES : payload_start]
        found.append(AwsPayload(start, start + total, head, payload, _inner_of(payload)))
        start += total
    return found


def _inner_of(payload: bytes) -> tuple[int, int] | None:
    match = _INNER.search(payload)
    if match is None:
        return None
    try:
        base64.b64decode(match[1], validate=True)
    except binascii.Error:
        return None
    return match.span(1)


def changed_frames(frames: Sequence[AwsPayload], events: Sequence[bytes]) -> list[Finding]:
    """Give the frames whose event is another now, each to be replaced by the frame that holds it."""
    return [
        Finding(frame.start, frame.end, "frame", frame.frame_with(event))
        for frame, event in zip(frames, events, strict=True)
        if frame.event != event
    ]
