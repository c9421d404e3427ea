"""Cohere: its endpoints and keys."""

from __future__ import annotations

import re

from llmreplay.core.api import Api, Provider
from llmreplay.core.streams import Wire
from llmreplay.providers.openai_chat import is_streamed
from llmreplay.providers.plain_rows import plain_rows

SOURCE = "https://docs.cohere.com/reference, cohere 7.3.1; recorded addresses, as given 2026-11-21"
HOSTS = ("api.cohere.com", "api.cohere.ai")

CHAT = Api(
    name="cohere.chat",
    provider="cohere",
    hosts=HOSTS,
    path=re.compile("/v[12]/chat"),
    source=SOURCE,
    wire=Wire.SSE,
    is_streamed=is_streamed,
)

PROVIDER = Provider(
    name="cohere",
    apis=(
        CHAT,
        *plain_rows(
            "cohere",
            HOSTS,
            SOURCE,
            (
                ("embed", "POST", "/v[12]/embed"),
                ("rerank", "POST", "/v[12]/rerank"),
                ("generate", "POST", "/v1/generate"),
                ("classify", "POST", "/v1/classify"),
                ("tokenize", "POST", "/v1/tokenize"),
                ("detokenize", "POST", "/v1/detokenize"),
                ("models.list", "GET", "/v1/models"),
                ("models.retrieve", "GET", "/v1/models/[^/]+"),
            ),
        ),
    ),
    key_variables=(("CO_API_KEY", "placeholder"), ("COHERE_API_KEY", "placeholder")),
    hosts=HOSTS,
)
