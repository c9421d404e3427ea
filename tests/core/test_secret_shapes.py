"""Keys that nobody named, known by their looks."""

from __future__ import annotations

import json

import pytest
from redaction_doubles import a_redactor, a_request, a_response


def a_text_delta(text: str) -> bytes:
    return b"data: " + json.dumps({"index": 0, "delta": {"text": text}}).encode() + b"\n\n"


SHAPES = {
    "anthropic": "sk-ant-api03-" + "Zx9KqLmN2pRs4TuVw6XyZ-aB1cD3" * 3,
    "openai": "sk-proj-" + "Ab3dE5fG7hI9jK1lM2nO4pQ6" * 4,
    "openai, old": "sk-" + "aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vW2xY4zA6bC8dE0fG2",
    "openai service account": "sk-svcacct-" + "Ab3dE5fG7hI9jK1lM2nO4pQ6" * 3,
    "openai realtime": "ek_" + "697d1fefc6e08191b06f445668109f34",
    "openrouter": "sk-or-v1-" + "0123456789abcdef" * 4,
    "google": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "google oauth": "ya29." + "a0AfB_byC1d2E3f4G5h6I7j8K9l0",
    "aws": "AKIA" + "Q3EGRIXAMPLE7XYZ",
    "aws, temporary": "ASIA" + "Q3EGRIXAMPLE7XYZ",
    "github": "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "github, fine grained": "github_pat_" + "11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789",
    "slack": "xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKl",
    "groq": "gsk_" + "aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vW2xY4zA6bC8dE0fG2hI4j",
    "hugging face": "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH",
    "replicate": "r8_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgHiJk",
    "xai": "xai-" + "aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vW2xY4zA6b",
    "perplexity": "pplx-" + "aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vW",
    "cerebras": "csk-" + "ab3de5fg7hi9jk1lm2no4pq6rs8tu0vw2xy4",
    "nvidia": "nvapi-" + "aB3dE5fG7hI9jK1lM2nO4pQ6_rS8tU0vW-2xY4",
    "gitlab": "glpat-" + "aB3dE5fG7hI9jK1lM2nO",
    "web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAwJ9xQm2Lr7Tz4Vb8Nc1Kd5Hs3Gf6Yp0aUe\n"
    "q8vYx2Wn4Zt6Rb1Lc3Md5Nf7Pg9Qh0\n-----END RSA PRIVATE KEY-----",
    "bearer of any gateway": "Bearer 7f3c9a1e5d2b8f4c6a0e9d1b3f5a7c2e",
    "api key of any gateway": "x-api-key: 7f3c9a1e5d2b8f4c6a0e9d1b3f5a7c2e",
    "organization": "org-" + "aB3dE5fG7hI9jK1lM2nO4pQ6",
    "project": "proj_" + "aB3dE5fG7hI9jK1lM2nO4pQ6",
    "aws account": "arn:aws:bedrock:us-east-1:503561449716:guardrail/274u1upxm897",
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_known_without_having_been_seen(name):
    """A key that nobody named is gone because it looks like one: in a prompt, after a line break, in pieces."""
    value = SHAPES[name]
    tail = value.split(":")[4] if name == "aws account" else value[-18:]
    text = f"Use this:\n{value}\n, please."
    body = json.dumps({"messages": [{"content": text}]}).encode()
    stream = b"".join(map(a_text_delta, (text[start : start + 6] for start in range(0, len(text), 6))))

    redacted = a_redactor().request(a_request(body)).body
    streamed = a_redactor().outcome(a_response(stream)).body

    events = [json.loads(line[6:]) for line in streamed.split(b"\n") if line.startswith(b"data: ")]
    joined = "".join(event["delta"]["text"] for event in events)
    assert tail not in json.loads(redacted)["messages"][0]["content"]
    assert joined == json.loads(redacted)["messages"][0]["content"] == a_redactor().text(text)
    assert joined.startswith("Use this:\n")
    assert joined.endswith("\n, please.")
