"""Secrets that are known by their looks: keys of providers, tokens, private keys, account numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from llmreplay.core.findings import Finding
from llmreplay.core.placeholders import is_placeholder

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
    ("langfuse key", "sk-lf-", r"[A-Za-z0-9-]{20,}"),
    ("openai key", "sk-", r"(?:proj|svcacct|admin|None|live|test)-[A-Za-z0-9_-]{16,}"),
    ("key with prefix sk-", "sk-", r"[A-Za-z0-9]{20,}[A-Za-z0-9_-]*"),
    ("key with prefix sk_", "sk_", r"(?:live_|test_|prod_)?[A-Za-z0-9]{20,}"),
    ("openai session key", "sess-", r"[A-Za-z0-9]{24,}"),
    ("openai client secret", "ek_", r"[A-Za-z0-9]{24,}"),
    ("google key", "AIza", r"[A-Za-z0-9_-]{35}"),
    ("google access token", "ya29.", r"[A-Za-z0-9_-]{20,}"),
    ("google client secret", "GOCSPX-", r"[A-Za-z0-9_-]{20,}"),
    ("google refresh token", "1//0", r"[A-Za-z0-9_-]{30,}"),
    ("aws access key id", "AKIA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("aws access key id", "ASIA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("bedrock key", "ABSK", r"[A-Za-z0-9+/]{40,}={0,2}"),
    ("bedrock key", "bedrock-api-key-", r"[A-Za-z0-9+/]{40,}={0,2}"),
    ("github token", "gh", r"[pousr]_[A-Za-z0-9]{36,}"),
    ("github token", "github_pat_", r"[A-Za-z0-9_]{22,}"),
    ("gitlab token", "glpat-", r"[A-Za-z0-9_-]{20,}"),
    ("slack token", "xox", r"[abeoprs]-[A-Za-z0-9-]{16,}"),
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
    ("sendgrid key", "SG.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("tavily key", "tvly-", r"[A-Za-z0-9_-]{20,}"),
    ("jina key", "jina_", r"[A-Za-z0-9_-]{40,}"),
    ("langsmith key", "lsv2_", r"(?:pt|sk)_[A-Za-z0-9_]{20,}"),
    ("pinecone key", "pcsk_", r"[A-Za-z0-9_]{30,}"),
    ("json web token", "eyJ", r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*"),
    ("organization id", "org-", r"(?=[A-Za-z-]*[0-9])[A-Za-z0-9]{20,}"),
    ("project id", "proj_", r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,}"),
    ("user id", "user-", r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{24,}"),
)

# A letter before the prefix makes it another word (`task-`), unless it belongs to an escape (`\nsk-`).
_BORDER = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4}))"
_PREFIXES = tuple(dict.fromkeys(prefix.encode() for _, prefix, _ in _SHAPES))
_STARTS = frozenset(prefix[:2] for prefix in _PREFIXES)
_INNER_START = re.compile(b"[+/=_-](?=" + b"|".join(map(re.escape, _PREFIXES)) + b")")
_FULL_SHAPES = tuple(
    (kind, re.compile(f"{_BORDER}{re.escape(prefix)}{tail}".encode())) for kind, prefix, tail in _SHAPES
)
_SHAPES_BY_START = {
    start: tuple(
        shape for shape, (_, prefix, _) in zip(_FULL_SHAPES, _SHAPES, strict=True) if prefix[:2].encode() == start
    )
    for start in _STARTS
}

_VALUE = r"[A-Za-z0-9._~+/=-]"
# A value that is to be taken for a credential has a digit: prose and names of variables have none.
_CREDENTIAL_LEADS = re.compile(
    (
        rf"{_BORDER}(?i:(?:bearer|basic))(?:\s|%20|\+)+(?=[A-Za-z._~+/=-]*[0-9])({_VALUE}{{20,}})"
        rf"|{_BORDER}(?i:(?:proxy-)?authorization|(?:x-)?(?:goog-)?api[-_]?key|(?:x-)?(?:[a-z]+-)?(?:auth|access)-(?:token|key))"
        rf"\\*[\"']?\s*[:=]\s*\\*[\"']?(?:(?i:bearer|basic|token|key|apikey)\s+)?"
        rf"(?=[A-Za-z._~+/=-]*[0-9])({_VALUE}{{20,}})"
    ).encode()
)
_VALUE_REST = re.compile(rb"[A-Za-z0-9._~+/%=-]*")
_SIGNED_QUERY = re.compile(
    rb"[?&;](?:amp;|u0026)?(?i:x-amz-signature|x-amz-security-token|x-amz-credential|x-goog-signature"
    rb"|x-goog-credential|sig|signature|api_?key|key|access_token|client_secret|auth_token)="
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


def _starts_in(data: bytes, start: int, end: int) -> Iterator[int]:
    """Give the offsets at and in a run where a key could start."""
    yield start
    before = data[start - 1 : start]
    if before == b"\\":
        yield start + 1
    elif before == b".":
        # The dot of `ya29.` and of a web token is no part of a run.
        yield from (
            at for prefix in (b"ya29.", b"SG.", b"eyJ") if (at := data.rfind(prefix, max(start - 64, 0), start)) >= 0
        )
    if end - start <= _LONGEST_SEARCHED_RUN:
        yield from (match.end() for match in _INNER_START.finditer(data, start, end))


def _prefixed(data: bytes, start: int, end: int) -> Iterator[Finding]:
    for offset in _starts_in(data, start, end):
        for kind, shape in _SHAPES_BY_START.get(data[offset : offset + 2], ()):
            if match := shape.match(data, offset):
                if not is_placeholder(match.group().decode("latin-1")):
                    yield Finding(match.start(), match.end(), kind)
                break


def _end_of_value(data: bytes, offset: int) -> int:
    """Follow a value past the end of its run: it may have dots and percent signs, which no run has."""
    match = _VALUE_REST.match(data, offset)
    return match.end() if match else offset


def _has_lead(lead: bytes) -> bool:
    return b"key" in lead or b"token" in lead or b"bearer" in lead or b"uthoriz" in lead or b"basic" in lead


def _led(data: bytes, start: int, end: int) -> Iterator[Finding]:
    for match in _CREDENTIAL_LEADS.finditer(data, max(start - 2 * _LEAD, 0), end):
        value_start, value_end = match.span(1 if match[1] is not None else 2)
        yield Finding(value_start, _end_of_value(data, value_end), "authorization value")


def _queried(data: bytes, start: int, end: int) -> Iterator[Finding]:
    for match in _SIGNED_QUERY.finditer(data, max(start - _LEAD, 0), end):
        yield Finding(match.start(1), _end_of_value(data, match.end(1)), "credential in a query")


def _in_path(data: bytes, start: int, end: int) -> Iterator[Finding]:
    for match in _CLOUD_PATH.finditer(data, max(start - _LEAD, 0), end):
        yield Finding(*match.span(1), "project or account in a path")


def shape_findings(data: bytes, runs: Sequence[tuple[int, int]]) -> list[Finding]:
    """Find secrets by their looks.

    Args:
        data: Any bytes.
        runs: The long runs of `data`, as `long_runs` gives them.
    """
    found: list[Finding] = []
    for start, end in runs:
        run = data[start : min(end, start + _LONGEST_SEARCHED_RUN)]
        has_query = b"=" in run
        before = data[start - 1 : start]
        escaped = run[1:3] if before == b"\\" else b""
        if run[:2] in _STARTS or escaped in _STARTS or before == b"." or _INNER_START.search(run):
            found += _prefixed(data, start, end)
        lead_end = min(end, start + _LEAD) if has_query else start
        if _has_lead(data[max(start - _LEAD, 0) : lead_end].lower()):
            found += _led(data, start, end)
        if has_query:
            found += _queried(data, start, end)
        if b"s/" in run:
            found += _in_path(data, start, min(end, start + _LONGEST_SEARCHED_RUN))
    if b"-----BEGIN" in data:
        found += (Finding(*match.span(), "private key") for match in _PRIVATE_KEY.finditer(data))
    if b"arn:aws" in data:
        found += (Finding(*match.span(1), "aws account") for match in _CLOUD_ACCOUNT.finditer(data))
    return found
