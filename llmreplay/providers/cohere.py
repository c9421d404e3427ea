"""Cohere: its endpoints and keys."""

from __future__ import annotations

import re
from dataclasses import replace

from llmreplay.core.api import Api, Provider
from llmreplay.core.streams import Wire
from llmreplay.providers import cohere_chat as chat
from llmreplay.providers import cohere_chat_v1 as chat_v1
from llmreplay.providers import counted
from llmreplay.providers.openai_chat import is_streamed, looks_like
from llmreplay.providers.plain_rows import plain_rows

SOURCE = "https://docs.cohere.com/reference, cohere 7.3.1; recorded addresses, as given 2026-11-21"
HOSTS = ("api.cohere.com", "api.cohere.ai")

CHAT = Api(
    name="cohere.chat",
    provider="cohere",
    hosts=HOSTS,
    path=re.compile("/v2/chat"),
    source=SOURCE,
    wire=Wire.SSE,
    is_streamed=is_streamed,
    answer_from_body=chat.answer_from_body,
    answer_from_events=chat.answer_from_events,
    is_terminal=chat.is_terminal,
    error_reply=chat.error_reply,
    error_event=chat.error_event,
    build_response=chat.build_response,
    looks_like=looks_like,
)
CHAT_V1 = Api(
    name="cohere.chat_v1",
    provider="cohere",
    hosts=HOSTS,
    path=re.compile("/v1/chat"),
    source=SOURCE,
    wire=Wire.NDJSON,
    is_streamed=is_streamed,
    answer_from_body=chat_v1.answer_from_body,
    answer_from_events=chat_v1.answer_from_events,
    is_terminal=chat_v1.is_terminal,
    error_reply=chat.error_reply,
)
GENERATE = replace(CHAT_V1, name="cohere.generate", path=re.compile("/v1/generate"))

PROVIDER = Provider(
    name="cohere",
    apis=(
        CHAT,
        CHAT_V1,
        GENERATE,
        *plain_rows(
            "cohere",
            HOSTS,
            SOURCE,
            (
                ("embed", "POST", "/v[12]/embed"),
                ("rerank", "POST", "/v[12]/rerank"),
                ("classify", "POST", "/v1/classify"),
            ),
            error_reply=chat.error_reply,
            answer_from_body=counted.answer_from_body,
        ),
        *plain_rows(
            "cohere",
            HOSTS,
            SOURCE,
            (
                ("tokenize", "POST", "/v1/tokenize"),
                ("detokenize", "POST", "/v1/detokenize"),
                ("models.list", "GET", "/v1/models"),
                ("models.retrieve", "GET", "/v1/models/[^/]+"),
            ),
            error_reply=chat.error_reply,
            is_charged=False,
        ),
    ),
    key_variables=(("CO_API_KEY", "placeholder-cohere"), ("COHERE_API_KEY", "")),
    hosts=HOSTS,
)
