"""AWS Bedrock: its runtime's endpoints."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote

from llmreplay.core.api import Api, Provider
from llmreplay.core.model import Json
from llmreplay.core.streams import Wire
from llmreplay.providers import bedrock_converse as converse
from llmreplay.providers import bedrock_invoke as invoke
from llmreplay.providers.bedrock_replies import build_response, error_event, error_reply
from llmreplay.providers.json_fields import fields_of
from llmreplay.providers.plain_rows import plain_rows

SOURCE = "botocore/data/bedrock-runtime of botocore 1.44.5; recorded addresses, as given 2026-11-21"
HOSTS = (
    "bedrock-runtime.*.amazonaws.com",
    "bedrock-runtime-fips.*.amazonaws.com",
    "bedrock-runtime.*.amazonaws.com.cn",
)
# A model may be an ARN, whose slashes some clients leave as they are.
_MODEL = "/model/(?P<model>.+)"


def is_streamed(path: str, body: Json) -> bool:
    """Say whether a request asks for a stream, which the end of its path tells."""
    return path.endswith(("/converse-stream", "/invoke-with-response-stream"))


def looks_like(body: Json) -> bool:
    """Say whether a request's body has the messages that Converse requires, and names no model."""
    fields = fields_of(body)
    return "messages" in fields and "model" not in fields


def canonical_path(path: str) -> str:
    """Give the path with the `:` of model names as it is: some clients send it as `%3A`."""
    return unquote(path)


INVOKE = Api(
    name="bedrock.invoke",
    provider="bedrock",
    hosts=HOSTS,
    path=re.compile(f"{_MODEL}/(?:invoke|invoke-with-response-stream)"),
    source=SOURCE,
    wire=Wire.AWS,
    is_streamed=is_streamed,
    answer_from_body=invoke.answer_from_body,
    answer_from_events=invoke.answer_from_events,
    is_terminal=invoke.is_terminal,
    error_reply=error_reply,
    error_event=error_event,
    build_response=invoke.build_response,
    looks_like=invoke.looks_like,
    canonical_path=canonical_path,
)

CONVERSE = replace(
    INVOKE,
    name="bedrock.converse",
    path=re.compile(f"{_MODEL}/(?:converse|converse-stream)"),
    answer_from_body=converse.answer_from_body,
    answer_from_events=converse.answer_from_events,
    is_terminal=converse.is_terminal,
    build_response=build_response,
    looks_like=looks_like,
)

PROVIDER = Provider(
    name="bedrock",
    apis=(
        CONVERSE,
        INVOKE,
        *plain_rows(
            "bedrock",
            HOSTS,
            SOURCE,
            (("count_tokens", "POST", f"{_MODEL}/count-tokens"),),
            error_reply=error_reply,
            canonical_path=canonical_path,
            is_charged=False,
        ),
        *plain_rows(
            "bedrock",
            HOSTS,
            SOURCE,
            (("guardrail", "POST", "/guardrail/.+/apply"),),
            error_reply=error_reply,
            canonical_path=canonical_path,
        ),
        *plain_rows(
            "bedrock",
            ("bedrock-agent-runtime.*.amazonaws.com",),
            SOURCE,
            (
                ("agents", "POST", "/agents/.+"),
                ("retrieve", "POST", "/knowledgebases/[^/]+/retrieve"),
                ("retrieve_and_generate", "POST", "/retrieveAndGenerate(?:Stream)?"),
            ),
            error_reply=error_reply,
            canonical_path=canonical_path,
        ),
    ),
    # A placeholder of the first three would take precedence over a profile that other AWS clients need.
    key_variables=(
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_SESSION_TOKEN", ""),
        ("AWS_BEARER_TOKEN_BEDROCK", "placeholder-bedrock"),
    ),
    hosts=(*HOSTS, "bedrock-agent-runtime.*.amazonaws.com"),
    secret_headers=("x-amz-security-token",),
)
