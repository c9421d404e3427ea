"""Anthropic: its endpoints, keys and headers."""

from __future__ import annotations

import re

from llmreplay.core.api import Api, Provider
from llmreplay.core.streams import Wire
from llmreplay.providers import anthropic_complete as complete
from llmreplay.providers import anthropic_messages as messages
from llmreplay.providers.anthropic_errors import error_event, error_reply
from llmreplay.providers.anthropic_replies import build_response
from llmreplay.providers.openai_chat import looks_like as looks_like_chat
from llmreplay.providers.plain_rows import plain_rows

SOURCE = "https://platform.claude.com/docs/en/api, resources of anthropic 2.11.0 (read 2026-11-21)"
HOSTS = ("api.anthropic.com",)
_ID = "[^/]+"

MESSAGES = Api(
    name="anthropic.messages",
    provider="anthropic",
    hosts=HOSTS,
    path=re.compile("/v1/messages"),
    # `beta.messages` said ?beta=true until SDK 2.0; what a beta changes stands in the header `anthropic-beta`.
    # Seen in anthropic 0.125.0 and 2.11.0 on 2026-11-21.
    volatile_query=("beta",),
    source=SOURCE,
    wire=Wire.SSE,
    is_streamed=messages.is_streamed,
    answer_from_body=messages.answer_from_body,
    answer_from_events=messages.answer_from_events,
    is_terminal=messages.is_terminal,
    last_bytes=b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    sends_pings=True,
    error_reply=error_reply,
    error_event=error_event,
    build_response=build_response,
    looks_like=messages.looks_like,
)

COMPLETE = Api(
    name="anthropic.complete",
    provider="anthropic",
    hosts=HOSTS,
    path=re.compile("/v1/complete"),
    source=SOURCE,
    wire=Wire.SSE,
    is_streamed=messages.is_streamed,
    answer_from_body=complete.answer_from_body,
    answer_from_events=complete.answer_from_events,
    is_terminal=complete.is_terminal,
    sends_pings=True,
    error_reply=error_reply,
    error_event=error_event,
)

PROVIDER = Provider(
    name="anthropic",
    apis=(
        MESSAGES,
        COMPLETE,
        *plain_rows(
            "anthropic",
            HOSTS,
            SOURCE,
            (("messages.count_tokens", "POST", "/v1/messages/count_tokens"),),
            error_reply=error_reply,
            looks_like=looks_like_chat,
            is_charged=False,
        ),
        *plain_rows(
            "anthropic",
            HOSTS,
            SOURCE,
            (("messages.batches.create", "POST", "/v1/messages/batches"),),
            error_reply=error_reply,
        ),
        *plain_rows(
            "anthropic",
            HOSTS,
            SOURCE,
            (
                ("messages.batches.list", "GET", "/v1/messages/batches"),
                ("messages.batches.retrieve", "GET", f"/v1/messages/batches/{_ID}"),
                ("messages.batches.delete", "DELETE", f"/v1/messages/batches/{_ID}"),
                ("messages.batches.cancel", "POST", f"/v1/messages/batches/{_ID}/cancel"),
                ("messages.batches.results", "GET", f"/v1/messages/batches/{_ID}/results"),
                ("files.upload", "POST", "/v1/files"),
                ("files.list", "GET", "/v1/files"),
                ("files.retrieve", "GET", f"/v1/files/{_ID}"),
                ("files.content", "GET", f"/v1/files/{_ID}/content"),
                ("files.delete", "DELETE", f"/v1/files/{_ID}"),
                ("models.list", "GET", "/v1/models"),
                ("models.retrieve", "GET", f"/v1/models/{_ID}"),
            ),
            error_reply=error_reply,
            is_charged=False,
        ),
    ),
    key_variables=(("ANTHROPIC_API_KEY", "sk-ant-api03-placeholder"), ("ANTHROPIC_AUTH_TOKEN", "")),
    hosts=(*HOSTS, "*.anthropic.com"),
    side_paths=("statsig.anthropic.com/*",),
    feature_headers=("anthropic-beta",),
    secret_headers=("x-api-key", "anthropic-organization-id", "anthropic-workspace-id"),
)
