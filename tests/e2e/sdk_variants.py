"""All ways to ask all SDKs: `VARIANTS`, and what there is to say of them."""

from __future__ import annotations

from . import anthropic_variants, openai_variants
from .variant import (
    CHAT,
    CLAUDE,
    EMBEDDER,
    EMBEDDINGS,
    GPT,
    MESSAGES,
    RESPONSES,
    VARIANTS,
    Seen,
    Variant,
    as_text,
    chat_asks,
    claude_asks,
    of,
)

__all__ = [
    "CHAT",
    "CLAUDE",
    "EMBEDDER",
    "EMBEDDINGS",
    "GPT",
    "MESSAGES",
    "RESPONSES",
    "VARIANTS",
    "Seen",
    "Variant",
    "as_text",
    "chat_asks",
    "claude_asks",
    "of",
]

assert anthropic_variants
assert openai_variants
