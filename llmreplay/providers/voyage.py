"""Voyage: embeddings in OpenAI's shape, and reranking."""

from __future__ import annotations

from dataclasses import replace

from llmreplay.core.api import Provider
from llmreplay.providers import compatible_errors, counted
from llmreplay.providers.openai import EMBEDDINGS
from llmreplay.providers.plain_rows import borrowed_row, plain_rows

SOURCE = "https://docs.voyageai.com/reference; recorded addresses, as given 2026-11-21"
HOSTS = ("api.voyageai.com", "ai.mongodb.com")

PROVIDER = Provider(
    name="voyage",
    apis=(
        replace(
            borrowed_row(EMBEDDINGS, "voyage.embeddings", HOSTS, "/v1/embeddings", SOURCE),
            error_reply=compatible_errors.voyage,
        ),
        *plain_rows(
            "voyage",
            HOSTS,
            SOURCE,
            (
                ("rerank", "POST", "/v1/rerank"),
                ("multimodalembeddings", "POST", "/v1/multimodalembeddings"),
                ("contextualizedembeddings", "POST", "/v1/contextualizedembeddings"),
            ),
            error_reply=compatible_errors.voyage,
            answer_from_body=counted.answer_from_body,
        ),
    ),
    key_variables=(("VOYAGE_API_KEY", "placeholder-voyage"),),
    hosts=HOSTS,
)
