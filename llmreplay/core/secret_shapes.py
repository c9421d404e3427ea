"""Secrets that are known by their looks: keys of providers, tokens, private keys, account numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from llmreplay.core.findings import Finding

SHORTEST_RUN = 20
"""No shape here has fewer characters in a row that keys are made of."""

_LONGEST_SEARCHED_RUN = 640
"""A longer run is a picture or a signature; in it a shape counts at its start only, chance would find one."""

_LEAD = 32
"""Bytes before a run that may say what it is: `Authorization: Bearer `."""

_KEY_CHARACTERS = b"+/=_-"
_CLASSES = bytes(
    0x61 if chr(code).isascii() and (chr(code).isalnum() or code in _KEY_CHARACTERS) else 0x20 for code in range(256)
)

# Prefixes as published by the vendors and as collected by gitleaks and GitHub secret scanning (read 2026-11-20).
_SHAPES: tuple[tuple[str, str, str], ...] = (
    ("anthropic key", "sk-ant-", r"[A-Za-z0-9_-]{16,}"),
    ("openrouter key", "sk-or-", r"[A-Za-z0-9_-]{20,}"),
    ("langfuse key", "[sp]k-lf-", r"[A-Za-z0-9-]{20,}"),
    ("openai key", "sk-(?:proj|svcacct|admin|None|live|test)-", r"[A-Za-z0-9_-]{16,}"),
    ("key with prefix sk-", "sk-", r"[A-Za-z0-9]{20,}[A-Za-z0-9_-]*"),
    ("key with prefix sk_", "sk_(?:live_|test_|prod_)?", r"[A-Za-z0-9]{20,}"),
    ("openai session key", "(?:sess|ek)[-_]", r"[A-Za-z0-9]{24,}"),
    ("google key", "AIza", r"[A-Za-z0-9_-]{35}"),
    ("google access token", r"ya29\.", r"[A-Za-z0-9_-]{20,}"),
    ("google client secret", "GOCSPX-", r"[A-Za-z0-9_-]{20,}"),
    ("google refresh token", "1//0", r"[A-Za-z0-9_-]{30,}"),
    ("aws access key id", "A(?:KIA|SIA|ROA)", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("bedrock key", "(?:ABSK|bedrock-api-key-)", r"[A-Za-z0-9+/]{40,}={0,2}"),
    ("github token", "gh[pousr]_", r"[A-Za-z0-9]{36,}"),
    ("github token", "github_pat_", r"[A-Za-z0-9_]{22,}"),
    ("gitlab token", "glpat-", r"[A-Za-z0-9_-]{20,}"),
    ("slack token", "xox[abeoprs]-", r"[A-Za-z0-9-]{16,}"),
    ("slack token", "xapp-", r"[A-Za-z0-9-]{20,}"),
    ("groq key", "gsk_", r"[A-Za-z0-9]{20,}"),
    ("hugging face token", "hf_", r"[A-Za-z0-9]{30,}"),
    ("replicate token", "r8_", r"[A-Za-z0-9]{30,}"),
    ("xai key", "xai-", r"[A-Za-z0-9]{20,}"),
    ("perplexity key", "pplx-", r"[A-Za-z0-9]{20,}"),
    ("cerebras key", "csk-", r"[A-Za-z0-9]{20,}"),
    ("nvidia key", "nvapi-", r"[A-Za-z0-9_-]{20,}"),
    ("fireworks key", "fw_", r"[A-Za-z0-9]{20,}"),
    ("together key", "tgp_v1_", r"[A-Za-z0-9_-]{20,}"),
    ("vercel key", "vck_", r"[A-Za-z0-9]{20,}"),
    ("voyage key", "pa-", r"[A-Za-z0-9_-]{40,}"),
    ("databricks token", "dapi", r"[0-9a-f]{32}"),
    ("npm token", "npm_", r"[A-Za-z0-9]{36}"),
    ("pypi token", "pypi-", r"[A-Za-z0-9_-]{50,}"),
    ("sendgrid key", r"SG\.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("tavily key", "tvly-", r"[A-Za-z0-9_-]{20,}"),
    ("jina key", "jina_", r"[A-Za-z0-9_-]{40,}"),
    ("langsmith key", "lsv2_(?:pt|sk)_", r"[A-Za-z0-9_]{20,}"),
    ("pinecone key", "pcsk_", r"[A-Za-z0-9_]{30,}"),
    ("json web token", "eyJ", r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*"),
    ("organization id", "org-", r"(?=[A-Za-z-]*[0-9])[A-Za-z0-9]{20,}"),
    ("project id", "proj_", r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,}"),
    ("user id", "user-", r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{24,}"),
)

# A letter before the prefix makes it another word (`task-`), unless it belongs to an escape (`\nsk-`).
_BORDER = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4}))"
_ANY_PREFIX = re.compile("|".join(dict.fromkeys(prefix for _, prefix, _ in _SHAPES)).encode())
_FULL_SHAPES = tuple((kind, re.compile(f"{_BORDER}{prefix}{tail}".encode())) for kind, prefix, tail in _SHAPES)

_VALUE = r"[A-Za-z0-9._~+/=-]"
# A value that is to be taken for a credential has a digit: prose and names of variables have none.
_CREDENTIAL_LEADS = re.compile(
    (
        rf"(?i:\b(?:bearer|basic))(?:\s|%20|\+)+(?=[A-Za-z._~+/=-]*[0-9])({_VALUE}{{24,}})"
        rf"|(?i:\b(?:proxy-)?authorization|\b(?:x-)?(?:goog-)?api[-_]?key|\b(?:x-)?[a-z]*-?(?:auth|access)-(?:token|key))"
        rf"\\*[\"']?\s*[:=]\s*\\*[\"']?(?:(?i:bearer|basic|token|key|apikey)\s+)?"
        rf"(?=[A-Za-z._~+/=-]*[0-9])({_VALUE}{{20,}})"
    ).encode()
)
_LEAD_HINT = re.compile(rb"(?i:bearer|basic|author|key|token)")
_SIGNED_QUERY = re.compile(
    rb"[?&;](?:amp;|u0026)?((?i:x-amz-signature|x-amz-security-token|x-amz-credential|x-goog-signature"
    rb"|x-goog-credential|sig|signature|api_?key|key|access_token|client_secret|auth_token))="
    rb"([A-Za-z0-9._~+/%=-]{16,})"
)
_CLOUD_PATH = re.compile(
    rb"\b(?:projects|accounts|organizations)/([A-Za-z0-9._:-]{4,64})/(?:locations|publishers|ai|gateway)\b"
)
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    rb"(?=(?:[\s:,]|\\+[nr])*[A-Za-z0-9+/])(?:[A-Za-z0-9+/=\s:,.()]|\\+[nr]|-(?!----)){24,}"
    rb"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
)
_CLOUD_ACCOUNT = re.compile(rb"arn:aws[a-z-]{0,12}:[a-z0-9-]*:[a-z0-9-]*:([0-9]{12})(?![0-9])")


def long_runs(data: bytes, shortest: int = SHORTEST_RUN) -> list[tuple[int, int]]:
    """Find the runs of at least `shortest` characters that keys and base64 are made of, as (start, end)."""
    classes = data.translate(_CLASSES)
    run = b"a" * shortest
    found: list[tuple[int, int]] = []
    end = 0
    while (start := classes.find(run, end)) >= 0:
        end = classes.find(b" ", start + shortest)
        if end < 0:
            end = len(data)
        found.append((start, end))
    return found


def _prefixed(data: bytes, start: int, end: int) -> Iterator[Finding]:
    is_long = end - start > _LONGEST_SEARCHED_RUN
    # `ya29.` and `SG.` end in a dot, which is no part of a run.
    begin = max(start - 5, 0)
    for hint in _ANY_PREFIX.finditer(data, begin, min(end, start + 64) if is_long else end):
        if is_long and hint.start() > start and data[hint.start() - 1] != 0x3D:
            continue
        for kind, shape in _FULL_SHAPES:
            if match := shape.match(data, hint.start()):
                yield Finding(match.start(), match.end(), kind)
                break


def _led(data: bytes, start: int, end: int) -> Iterator[Finding]:
    begin = max(start - _LEAD, 0)
    limit = min(end, start + _LEAD)
    if _LEAD_HINT.search(data, begin, limit):
        for match in _CREDENTIAL_LEADS.finditer(data, max(start - 2 * _LEAD, 0), end + 4096):
            if match.start() > end:
                break
            group = 1 if match[1] is not None else 2
            yield Finding(*match.span(group), "authorization value")
    if data.find(b"=", start, limit) >= 0:
        for match in _SIGNED_QUERY.finditer(data, begin, end + 4096):
            if match.start() > end:
                break
            yield Finding(*match.span(2), "credential in a query")
    if data.find(b"s/", begin, end) >= 0:
        for match in _CLOUD_PATH.finditer(data, begin, end):
            yield Finding(*match.span(1), "project or account in a path")


def shape_findings(data: bytes, runs: Sequence[tuple[int, int]]) -> list[Finding]:
    """Find secrets by their looks.

    Args:
        data: Any bytes.
        runs: The long runs of `data`, as `long_runs` gives them.
    """
    found: list[Finding] = []
    for start, end in runs:
        found += _prefixed(data, start, end)
        found += _led(data, start, end)
    if b"-----BEGIN" in data:
        found += (Finding(*match.span(), "private key") for match in _PRIVATE_KEY.finditer(data))
    if b"arn:aws" in data:
        found += (Finding(*match.span(1), "aws account") for match in _CLOUD_ACCOUNT.finditer(data))
    return found
