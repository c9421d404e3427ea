"""Google Vertex AI: Gemini, Anthropic and OpenAI protocols under one host."""

from __future__ import annotations

from dataclasses import replace

from llmreplay.core.api import Provider
from llmreplay.core.model import Json
from llmreplay.providers import counted
from llmreplay.providers.anthropic import MESSAGES
from llmreplay.providers.gemini import GENERATE
from llmreplay.providers.gemini_errors import vertex_error_reply
from llmreplay.providers.openai import CHAT
from llmreplay.providers.plain_rows import borrowed_row, plain_rows

SOURCE = "google-genai 3.4.0, anthropic/lib/vertex of anthropic 2.11.0; recorded addresses (read 2026-11-21)"
HOSTS = ("aiplatform.googleapis.com", "*-aiplatform.googleapis.com", "aiplatform.*.rep.googleapis.com")
_PLACE = "/v1(?:beta1)?/(?:projects/[^/]+/locations/[^/]+/)?"
_GOOGLE = f"{_PLACE}publishers/google/models/(?P<model>[^/:]+)"


def canonical_path(path: str) -> str:
    """Give the path that means the same under `/v1beta1/` and `/v1/`."""
    return path.replace("/v1beta1/", "/v1/", 1)


def asks_for_raw_stream(path: str, body: Json) -> bool:
    """Say whether a request to another vendor's model asks for a stream, by its method."""
    return path.endswith(":streamRawPredict")


PROVIDER = Provider(
    name="vertex",
    apis=(
        replace(
            borrowed_row(
                GENERATE,
                "vertex.generateContent",
                HOSTS,
                f"{_GOOGLE}:(?:generateContent|streamGenerateContent)",
                SOURCE,
                canonical_path,
            ),
            error_reply=vertex_error_reply,
        ),
        replace(
            borrowed_row(
                MESSAGES,
                "vertex.messages",
                HOSTS,
                f"{_PLACE}publishers/anthropic/models/(?P<model>[^/:]+):(?:rawPredict|streamRawPredict)",
                SOURCE,
                canonical_path,
            ),
            is_streamed=asks_for_raw_stream,
        ),
        borrowed_row(
            CHAT,
            "vertex.chat.completions",
            HOSTS,
            f"{_PLACE}endpoints/[^/]+/chat/completions",
            SOURCE,
            canonical_path,
        ),
        *plain_rows(
            "vertex",
            HOSTS,
            SOURCE,
            (
                ("predict", "POST", f"{_GOOGLE}:predict"),
                ("embedContent", "POST", f"{_GOOGLE}:embedContent"),
            ),
            error_reply=vertex_error_reply,
            canonical_path=canonical_path,
            answer_from_body=counted.answer_from_body,
        ),
        *plain_rows(
            "vertex",
            HOSTS,
            SOURCE,
            (("countTokens", "POST", f"{_GOOGLE}:countTokens"),),
            error_reply=vertex_error_reply,
            canonical_path=canonical_path,
            is_charged=False,
        ),
    ),
    hosts=HOSTS,
)
