"""Kinds of faults: what a user asks for when not for one by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmreplay.faults.catalogue import CATALOGUE, Entry

_KIND_OF_FILE: Mapping[str, str] = MappingProxyType(
    {
        "chunking": "chunking",
        "latency": "latency",
        "statuses": "status",
        "transport": "transport",
        "events": "stream",
        "missing": "stream",
        "cuts": "stream",
        "bodies": "body",
    }
)
KINDS: tuple[str, ...] = tuple(dict.fromkeys(_KIND_OF_FILE.values()))
"""Mild to severe."""


def kind_of(entry: Entry) -> str:
    """Give the kind that a fault of the catalogue belongs to."""
    return _KIND_OF_FILE[entry.make.__module__.rpartition(".")[2]]


ENTRIES_OF: Mapping[str, tuple[Entry, ...]] = MappingProxyType(
    {kind: tuple(entry for entry in CATALOGUE if kind_of(entry) == kind) for kind in KINDS}
)
"""The faults of each kind, mild to severe."""
