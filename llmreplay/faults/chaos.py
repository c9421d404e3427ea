"""Chaos: faults over a share of all attempts, each chosen by a hash, so that a seed gives the same in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from llmreplay.core.errors import SettingError
from llmreplay.core.fault import FaultContext, Injection
from llmreplay.faults.catalogue import Entry, Needs
from llmreplay.faults.kinds import ENTRIES_OF, KINDS
from llmreplay.faults.schedule import always

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chaos:
    """Chooses faults at random, by a hash of the seed and the attempt's key alone.

    Attributes:
        share: Of all attempts that get a fault, from 0 to 1.
        seed: The same seed chooses the same faults, whatever the order of tests, threads and processes.
    """

    share: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise SettingError(f"chaos={self.share}: give the share of all attempts, from 0 to 1.")

    def __call__(self, key: str, context: FaultContext) -> Injection | None:
        """Give the fault of an attempt; None for most."""
        numbers = self._numbers(key)
        if next(numbers) >= self.share * 2**64:
            return None
        groups = [group for kind in KINDS if (group := _fitting(ENTRIES_OF[kind], context.is_streamed))]
        entry = _chosen(_chosen(groups, next(numbers)), next(numbers))
        return Injection(_chosen(entry.faults(), next(numbers)), always)

    def _numbers(self, key: str) -> Iterator[int]:
        digest = sha256(f"chaos\0{self.seed}\0{key}".encode("utf-8", "surrogatepass")).digest()
        return (int.from_bytes(digest[at : at + 8], "big") for at in range(0, len(digest), 8))


def _fitting(entries: Sequence[Entry], is_streamed: bool) -> list[Entry]:
    left_out = Needs.WHOLE_BODY if is_streamed else Needs.STREAM
    return [entry for entry in entries if entry.needs is not left_out]


def _chosen(values: Sequence[T], number: int) -> T:
    return values[number % len(values)]
