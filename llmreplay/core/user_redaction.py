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

Rewrite: TypeAlias = Callable[[str], str]
"""Gives a text back without its secrets; called again on that, changes nothing."""

_LONGEST_COMPARED = 4000
"""Characters. In a longer text all between the first and the last change counts as changed."""


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


def _changes(old: str, new: str, offset: int) -> list[Finding]:
    def width(text: str) -> int:
        return len(text.encode("utf-8", "surrogateescape"))

    blocks = [("replace", 0, len(old), 0, len(new))]
    if len(old) + len(new) <= _LONGEST_COMPARED:
        blocks = [*SequenceMatcher(None, old, new, autojunk=False).get_opcodes()]
    found: list[Finding] = []
    for operation, start, end, new_start, new_end in blocks:
        if operation == "equal":
            continue
        replacement = new[new_start:new_end].encode("utf-8", "surrogateescape")
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
            functions.append(entry)
        else:
            raise SettingError(f"redact={entry!r}: give a name, 're:' and a pattern, or a function.")
    return UserRules(frozenset(names), tuple(patterns), tuple(functions))
