"""Ready-made normalisers for the volatile parts of requests: dates, ids, temporary folders."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

Normalizer: TypeAlias = Callable[[str], str]

_UUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_DATE = re.compile(
    r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?Z|[+-]\d{2}:?\d{2})?)?\b"
    rf"|\b\d{{1,2}}\.?\s{_MONTH}\s\d{{4}}\b"
    rf"|\b{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}}\b"
    r"|\b\d{1,2}[/.]\d{1,2}[/.]\d{4}\b"
)
_TEMPORARY = re.compile(
    r"(?:/private)?(?:/tmp|/var/folders/\w+/\w+/T|[A-Za-z]:\\+[^\s\"']*?\\+Temp)"
    r"(?:[/\\]+pytest-of-[^/\\\s]+)?(?:[/\\]+pytest-(?:\d+|current))?(?:[/\\]+[\w.\-]+?\d+(?=[/\\\s\"']|$))?"
)


def dates(text: str) -> str:
    """Replace dates and times, ISO or written out, by a constant."""
    return _DATE.sub("<date>", text)


def uuids(text: str) -> str:
    """Replace UUIDs by a constant."""
    return _UUID.sub("<uuid>", text)


def tmp_path(text: str) -> str:
    """Replace pytest's and the system's temporary folders by a constant."""
    return _TEMPORARY.sub("<tmp>", text)


READY_MADE: dict[str, Normalizer] = {"dates": dates, "uuids": uuids, "tmp_path": tmp_path}
