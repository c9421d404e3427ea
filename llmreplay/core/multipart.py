"""Multipart bodies: their parts, for normalising and explaining part by part, and the fields of a form."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from llmreplay.core.model import Headers, header

_BOUNDARY = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)
_NAME = re.compile(rb'(?:^|[;\s])name="?([^";\r\n]*)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body.

    Attributes:
        name: In its form, as text; its number, from 1, where it has none.
        head: Its header lines.
        content: What it holds.
    """

    name: str
    head: bytes
    content: bytes


def delimiter_of(content_type: str) -> bytes | None:
    """Give the line that parts the body of a content type; None if it is not multipart."""
    if "multipart/" not in content_type.lower():
        return None
    match = _BOUNDARY.search(content_type)
    return b"--" + match[1].encode("latin-1", "replace") if match else None


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """Read the parts of a body, in order; none if it is not multipart."""
    delimiter = delimiter_of(content_type)
    if delimiter is None:
        return []
    parts: list[Part] = []
    for piece in body.split(delimiter)[1:]:
        if not piece.startswith(b"--"):
            head, _, content = piece.partition(b"\r\n\r\n")
            match = _NAME.search(head)
            name = match[1].decode("utf-8", "replace") if match else str(len(parts) + 1)
            parts.append(Part(name, head.strip(), content.removesuffix(b"\r\n")))
    return parts


def form_fields(headers: Headers, body: bytes) -> dict[str, str]:
    """Give the fields of a multipart form by name, without its files; of several with one name the last."""
    return {
        part.name: part.content.decode("utf-8", "replace")
        for part in parts_of(header(headers, "content-type") or "", body)
        if b"filename" not in part.head.lower()
    }


def with_each_part(delimiter: bytes, body: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Give a body with the head and the content of each part changed, and a delimiter that is always the same."""
    pieces = []
    for piece in body.split(delimiter):
        head, gap, content = piece.partition(b"\r\n\r\n")
        end = b"\r\n" if content.endswith(b"\r\n") else b""
        pieces.append(change(head) + gap + change(content.removesuffix(end)) + end)
    return b"--boundary".join(pieces)
