"""Gemini's developer API: its endpoints, keys and headers."""

from __future__ import annotations

import re

from llmreplay.core.api import Api, Provider
from llmreplay.core.model import Json
from llmreplay.core.streams import Wire
from llmreplay.providers import counted, openai_chat
from llmreplay.providers import gemini_generate as generate
from llmreplay.providers import gemini_interactions as interactions
from llmreplay.providers.gemini_errors import error_event, error_reply, naming_wait
from llmreplay.providers.gemini_replies import build_response
from llmreplay.providers.openai import CHAT, EMBEDDINGS
from llmreplay.providers.plain_rows import borrowed_row, plain_rows

SOURCE = "https://ai.google.dev/api, google-genai 3.4.0, as given 2026-11-21"
HOSTS = ("generativelanguage.googleapis.com",)
_VERSION = "/v1(?:beta|alpha)?"
_MODEL = "(?:models|tunedModels|dynamic)/(?P<model>[^/:]+)"


def is_streamed(path: str, body: Json) -> bool:
    """Say whether a request asks for a stream, which the method at the end of its path tells."""
    return path.endswith(":streamGenerateContent")


def canonical_path(path: str) -> str:
    """Give the path that means the same in google-genai 1 and 2 (`/v1beta/`) and 3 (`/v1/`)."""
    return path.replace("/v1beta/", "/v1/", 1)


GENERATE = Api(
    name="gemini.generateContent",
    provider="gemini",
    hosts=HOSTS,
    path=re.compile(f"{_VERSION}/{_MODEL}:(?:generateContent|streamGenerateContent)"),
    source=SOURCE,
    wire=Wire.SSE,
    is_streamed=is_streamed,
    answer_from_body=generate.answer_from_body,
    answer_from_events=generate.answer_from_events,
    is_terminal=generate.is_terminal,
    error_reply=error_reply,
    error_event=error_event,
    naming_wait=naming_wait,
    build_response=build_response,
    looks_like=generate.looks_like,
    canonical_path=canonical_path,
    # google-genai 3.6.1 takes them for JSON, and fails (2026-11-30).
    takes_comments=False,
)

INTERACTIONS = Api(
    name="gemini.interactions",
    provider="gemini",
    hosts=HOSTS,
    path=re.compile(f"{_VERSION}/interactions"),
    source=SOURCE,
    wire=Wire.SSE,
    is_streamed=openai_chat.is_streamed,
    answer_from_body=interactions.answer_from_body,
    answer_from_events=interactions.answer_from_events,
    is_terminal=interactions.is_terminal,
    error_reply=error_reply,
    canonical_path=canonical_path,
)

PROVIDER = Provider(
    name="gemini",
    apis=(
        GENERATE,
        INTERACTIONS,
        borrowed_row(
            CHAT, "gemini.chat.completions", HOSTS, f"{_VERSION}/openai/chat/completions", SOURCE, canonical_path
        ),
        borrowed_row(EMBEDDINGS, "gemini.embeddings", HOSTS, f"{_VERSION}/openai/embeddings", SOURCE, canonical_path),
        *plain_rows(
            "gemini",
            HOSTS,
            SOURCE,
            (
                ("embedContent", "POST", f"{_VERSION}/{_MODEL}:embedContent"),
                ("batchEmbedContents", "POST", f"{_VERSION}/{_MODEL}:batchEmbedContents"),
                ("predict", "POST", f"{_VERSION}/{_MODEL}:predict"),
                ("predictLongRunning", "POST", f"{_VERSION}/{_MODEL}:predictLongRunning"),
                ("cachedContents.create", "POST", f"{_VERSION}/cachedContents"),
            ),
            error_reply=error_reply,
            canonical_path=canonical_path,
            answer_from_body=counted.answer_from_body,
        ),
        *plain_rows(
            "gemini",
            HOSTS,
            SOURCE,
            (
                ("countTokens", "POST", f"{_VERSION}/{_MODEL}:countTokens"),
                ("cachedContents.retrieve", "GET", f"{_VERSION}/cachedContents/[^/]+"),
                ("cachedContents.update", "PATCH", f"{_VERSION}/cachedContents/[^/]+"),
                ("cachedContents.delete", "DELETE", f"{_VERSION}/cachedContents/[^/]+"),
                ("files.upload", "POST", f"/upload{_VERSION}/files"),
                ("files.retrieve", "GET", f"{_VERSION}/files/[^/]+"),
                ("files.delete", "DELETE", f"{_VERSION}/files/[^/]+"),
                ("models.list", "GET", f"{_VERSION}/models"),
                ("models.retrieve", "GET", f"{_VERSION}/models/[^/:]+"),
            ),
            error_reply=error_reply,
            canonical_path=canonical_path,
            is_charged=False,
        ),
    ),
    # With both set, google-genai warns and takes the second.
    key_variables=(("GEMINI_API_KEY", "placeholder-gemini"), ("GOOGLE_API_KEY", "")),
    hosts=HOSTS,
    secret_headers=("x-goog-api-key",),
)
