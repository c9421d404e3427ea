"""AWS Bedrock: its runtime's endpoints."""

from __future__ import annotations

import re
from urllib.parse import unquote

from llmreplay.core.api import Api, Provider
from llmreplay.core.model import Json
from llmreplay.core.streams import Wire
from llmreplay.providers.plain_rows import plain_rows

SOURCE = "botocore/data/bedrock-runtime of botocore 1.44.5; recorded addresses, as given 2026-11-21"
HOSTS = (
    "bedrock-runtime.*.amazonaws.com",
    "bedrock-runtime-fips.*.amazonaws.com",
    "bedrock-runtime.*.amazonaws.com.cn",
)
# A model may be an ARN, whose slashes some clients leave as they are.
_MODEL = "/model/.+"


def is_streamed(path: str, body: Json) -> bool:
    """Say whether a request asks for a stream, which the end of its path tells."""
    return path.endswith(("/converse-stream", "/invoke-with-response-stream"))


def canonical_path(path: str) -> str:
    """Give the path with the `:` of model names as it is: some clients send it as `%3A`."""
    return unquote(path)


def _row(name: str, path: str) -> Api:
    return Api(
        name=f"bedrock.{name}",
        provider="bedrock",
        hosts=HOSTS,
        path=re.compile(path),
        source=SOURCE,
        wire=Wire.AWS,
        is_streamed=is_streamed,
        canonical_path=canonical_path,
    )


PROVIDER = Provider(
    name="bedrock",
    apis=(
        _row("converse", f"{_MODEL}/(?:converse|converse-stream)"),
        _row("invoke", f"{_MODEL}/(?:invoke|invoke-with-response-stream)"),
        *plain_rows(
            "bedrock",
            HOSTS,
            SOURCE,
            (("count_tokens", "POST", f"{_MODEL}/count-tokens"), ("guardrail", "POST", "/guardrail/.+/apply")),
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
            canonical_path=canonical_path,
        ),
    ),
    key_variables=(
        ("AWS_ACCESS_KEY_ID", "placeholder"),
        ("AWS_SECRET_ACCESS_KEY", "placeholder"),
        ("AWS_BEARER_TOKEN_BEDROCK", "placeholder"),
    ),
    hosts=(*HOSTS, "bedrock-agent-runtime.*.amazonaws.com"),
    secret_headers=("x-amz-security-token",),
)
