"""Values that stand for a secret and are none."""

from __future__ import annotations

import re

_PLACEHOLDER = re.compile(
    "placeholder|dummy|fake|redacted|changeme|your|mock|sample|unused|needed|required|insert|here|test|testing|example"
    "|none|null|todo|foo"
)
_WORD_BREAK = re.compile(r"[-_ .:/<>{}$\[\]]+")
_RANDOM_WORD = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z]).{10,}|.{20,}")


def is_placeholder(value: str) -> bool:
    """Say whether a value stands for a secret and is none: `test-key`, `sk-placeholder-0`, `REDACTED`, `xxxx`."""
    if "REDACTED" in value or "*****" in value:
        return True
    words = [word for word in _WORD_BREAK.split(value.lower()) if word]
    if all(len(set(word)) == 1 for word in words) or len(set(words[-1] if words else "")) == 1 < len(words[-1]) - 6:
        return True
    return any(map(_PLACEHOLDER.fullmatch, words)) and not any(map(_RANDOM_WORD.fullmatch, words))
