"""What a user adds to redaction: names, patterns and functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TypeAlias

from llmreplay.core.errors import SettingError
from llmreplay.core.findings import Finding
from llmreplay.core.secret_names import plain_name
from llmreplay.core.user_functions import text_function

Rewrite: TypeAlias = Callable[[str], str]
"""Gives a text back without its secrets; called again on that, changes nothing."""

_LONGEST_COMPARED = 4000
"""Characters. Of a longer text all counts as changed."""

_NEAR = 8
# Surrogates, apart from those that stand for bytes that are no UTF-8.
_NO_TEXT = re.compile("[\ud800-\udc7f\udd00-\udfff]")


@dataclass(frozen=True, slots=True)
class UserRules:
    """A user's own rules.

    Attributes:
        names: Plain names of secret headers, keys, parameters and fields.
        patterns: Match what is secret; the first group, where there is one.
        functions: Rewrite texts.
    """

    names: frozenset[str] = frozenset()
    patterns: tuple[re.Pattern[bytes], ...] = ()
    functions: tuple[Rewrite, ...] = ()

    def pattern_findings(self, data: bytes) -> list[Finding]:
        """Find what the patterns match in bytes."""
        return [
            Finding(*match.span(1 if pattern.groups and match.start(1) >= 0 else 0), "match of a pattern of yours")
            for pattern in self.patterns
            for match in pattern.finditer(data)
        ]

    def function_findings(self, data: bytes, offset: int) -> list[Finding]:
        """Find what the functions change in a text that stands at `offset`."""
        found: list[Finding] = []
        for function in self.functions:
            old = data.decode("utf-8", "surrogateescape")
            new = function(old)
            if new != old:
                found += _changes(old, new, offset)
        return found


def _blocks(old: str, new: str) -> list[tuple[int, int, int, int]]:
    """Say which parts of `old` became which parts of `new`; parts that are near to each other are one."""
    if len(old) + len(new) > _LONGEST_COMPARED:
        return [(0, len(old), 0, len(new))]
    blocks: list[tuple[int, int, int, int]] = []
    for operation, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if operation == "equal":
            continue
        if operation == "insert":
            # A finding holds at least one character: the one before, or at the start the one after.
            before = 1 if start else 0
            start, new_start = start - before, new_start - before
            end, new_end = end + 1 - before, new_end + 1 - before
        if blocks and start - blocks[-1][1] < _NEAR:
            start, new_start = blocks[-1][0], blocks.pop()[2]
        blocks.append((start, end, new_start, new_end))
    return blocks


def _changes(old: str, new: str, offset: int) -> list[Finding]:
    def width(text: str) -> int:
        return len(text.encode("utf-8", "surrogateescape"))

    found: list[Finding] = []
    for start, end, new_start, new_end in _blocks(old, new):
        replacement = _NO_TEXT.sub("?", new[new_start:new_end]).encode("utf-8", "surrogateescape")
        begin = offset + width(old[:start])
        found.append(Finding(begin, begin + width(old[start:end]), "found by a function of yours", replacement))
    return found


def user_rules(redact: Iterable[str | re.Pattern[str] | Rewrite]) -> UserRules:
    """Sort a user's rules: `re:...` is a pattern, any other text a name.

    Raises:
        SettingError: A pattern that cannot be compiled, or an entry that is neither text nor function.
    """
    names: set[str] = set()
    patterns: list[re.Pattern[bytes]] = []
    functions: list[Rewrite] = []
    for entry in redact:
        if isinstance(entry, re.Pattern):
            patterns.append(re.compile(entry.pattern.encode(), entry.flags & ~re.UNICODE))
        elif isinstance(entry, str) and entry.startswith("re:"):
            try:
                patterns.append(re.compile(entry[3:].encode()))
            except re.error as error:
                raise SettingError(f"redact={entry!r}: no regular expression: {error}.") from None
        elif isinstance(entry, str):
            names.add(plain_name(entry))
        elif callable(entry):
            functions.append(text_function("redact", entry))
        else:
            raise SettingError(f"redact={entry!r}: give a name, 're:' and a pattern, or a function.")
    return UserRules(frozenset(names), tuple(patterns), tuple(functions))
