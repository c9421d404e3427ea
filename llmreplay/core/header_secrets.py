"""Which headers may be written down, and which values in headers, URLs and forms are credentials."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote, unquote_plus, urlsplit

from llmreplay.core.findings import Finding
from llmreplay.core.json_leaves import own_texts
from llmreplay.core.model import Headers
from llmreplay.core.secret_names import SecretNames, plain_name

ALLOWED_REQUEST_HEADERS = frozenset({"content-type", "anthropic-beta", "anthropic-version", "openai-beta"})
"""Request headers that are kept unless told otherwise; providers add their feature headers."""

_MEANINGFUL_HEADER = re.compile(
    r"content-(?:type|disposition|language|range|encoding)|retry-after(?:-ms)?|x-should-retry|(?:operation-)?location|link|allow|etag"
    r"|www-authenticate|warning|deprecation|sunset|num_(?:tokens|chars)|inference-id|x-compute-(?:time|type|characters)"
    r"|x-api-warning|x-error-(?:message|code)|x-sha|api-supported-versions|x-ms-(?:rai-invoked|deployment-name)"
    r"|x-ms-is-spilled-over|x-zero-data-retention"
)
_ALLOWED_FAMILIES = re.compile(
    r".*rate-?limit.*|(?:.*-)?(?:request|correlation)-?id"
    r"|(?:anthropic|openai|x-amzn|x-goog|x-gemini|x-groq|x-endpoint|x-trial|x-inference|x-openai)-.*"
)
_IDENTITY_HEADER = re.compile(r".*(?:organi[sz]ation|project|account|workspace|tenant|user|client-principal)(?:-?id)?$")
_CREDENTIAL_HEADER = re.compile(
    r"(?:proxy-)?authorization|.*[-_]authorization|cookie|set-cookie|api-?key|.*(?:api|auth|access|secret|service|"
    r"gateway|virtual|subscription|account|functions|provider|admin|master|app|client|ingest|project|team)[-_]?key"
    r"|.*[-_](?:token|secret|credential|credentials|password|jwt|assertion|signature|auth)|token|auth|password|secret|jwt"
    r"|x-key|key"
)
_NO_CREDENTIAL = re.compile(r".*(?:idempotency|cache|ratelimit|websocket|partition|routing|page|count).*")

_SECRET_PARAMETER = re.compile("key|token|sig|signature|x(?:amz|goog)(?:signature|credential)")
_USER_INFO = re.compile(rb"://([^\s/?#\"'\\@<>]{1,512})@")
_PASSWORD = re.compile(rb"://[^\s/?#\"'\\@<>:{}$]{0,128}:([^\s/?#\"'\\@<>{}$\[\]]{3,256})@")
_QUERY = re.compile(rb"(?<=[?&;#])([A-Za-z0-9_.%\[\]$-]{1,80})=([^&#;\s\"'<>\\]*)")
_FORM = re.compile(rb"(?:^|(?<=&))([^=&]{1,80})=([^&]*)")
_PART = re.compile(
    rb"(?is)\bcontent-disposition:[^\r\n]*?\bname=(?:\"([^\"\r\n]*)\"|([^\s;\"]+))[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n"
)
_PATH_IDENTITY = re.compile(
    rb"/(?:projects|organizations|subscriptions)/([^/?#\s]+)|/accounts/([0-9a-f]{32}|[0-9]{12})(?=/)"
)
_WORD = re.compile(r"[^\s,;\"]+")
_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9_-]*\s+(?=\S)")


# The same names come with every request.
@lru_cache(maxsize=1000)
def is_credential_header(name: str) -> bool:
    """Say whether a header carries a secret, going by its name (lower case); of gateways unknown to us too."""
    return _CREDENTIAL_HEADER.fullmatch(name) is not None and _NO_CREDENTIAL.fullmatch(name) is None


@lru_cache(maxsize=1000)
def is_identity_header(name: str) -> bool:
    """Say whether a header tells whose account it is, going by its name (lower case)."""
    return _IDENTITY_HEADER.fullmatch(name) is not None and _NO_CREDENTIAL.fullmatch(name) is None


def is_meaningful_response_header(name: str) -> bool:
    """Say whether a response header (lower case) is worth keeping and tells nothing about the account."""
    if _MEANINGFUL_HEADER.fullmatch(name):
        return True
    if _ALLOWED_FAMILIES.fullmatch(name) is None:
        return False
    return not is_identity_header(name) and not is_credential_header(name)


def secrets_in_headers(headers: Headers, *, names: SecretNames, denied: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Give the secret values in headers, each with the words that say where it stood.

    Args:
        headers: Of a request or a response.
        names: Names added or kept by the user.
        denied: More names (lower case) of secret headers, of the provider rows.
    """
    for name, value in headers:
        low = name.lower()
        if plain_name(low) in names.kept:
            continue
        origin = f"value of the header {low}"
        if low in ("cookie", "set-cookie"):
            pairs = value.split(";") if low == "cookie" else [value.split(";", 1)[0]]
            yield from ((pair.partition("=")[2].strip(' "'), origin) for pair in pairs)
        elif low in denied or is_credential_header(low) or names.is_secret(low):
            yield from ((secret, origin) for secret in _secrets_in_value(value))
        elif is_identity_header(low) and any(map(str.isdigit, value)):
            yield value.strip(), origin


def _secrets_in_value(value: str) -> Iterator[str]:
    yield value.strip()
    scheme = _SCHEME.match(value)
    rest = value[scheme.end() :] if scheme else value
    yield rest.strip()
    for word in _WORD.findall(rest):
        key, _, quoted = word.partition("=")
        if plain_name(key) in ("credential", "signature", "token", "apikey", "key", "password", "username"):
            yield from (part for part in quoted.split("/")[:1])
        elif "=" not in word.rstrip("="):
            yield word
    if scheme and scheme.group().strip().lower() == "basic":
        yield from _secrets_in_basic(rest.strip())


def _secrets_in_basic(encoded: str) -> Iterator[str]:
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    yield pair
    yield from pair.split(":", 1)


def secrets_in_url(url: str, names: SecretNames) -> Iterator[tuple[str, str]]:
    """Give the secret values in a URL's user info and query, decoded, with the words that say where."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    if "@" in parts.netloc:
        info = parts.netloc.rpartition("@")[0]
        for word in (info, *info.split(":", 1)):
            yield unquote(word), "user info of a URL"
    for match in _QUERY.finditer(url.encode()):
        name = unquote_plus(match[1].decode())
        if is_secret_parameter(name, names):
            value = unquote_plus(match[2].decode())
            yield value, f"value of the query parameter {name}"
            if plain_name(name) == "xamzcredential":
                yield value.split("/")[0], f"value of the query parameter {name}"


def is_secret_parameter(name: str, names: SecretNames) -> bool:
    """Say whether a query parameter is a secret, going by its name."""
    plain = plain_name(name)
    return names.is_secret(name) or (_SECRET_PARAMETER.fullmatch(plain) is not None and plain not in names.kept)


def url_findings(data: bytes, names: SecretNames) -> list[Finding]:
    """Find what names make secret in URLs, one or many in a text: user info, query, project in the path."""
    found = [Finding(*match.span(1), "user info of a URL") for match in _USER_INFO.finditer(data)]
    if b"=" in data:
        for match in _QUERY.finditer(data):
            name = unquote_plus(match[1].decode("latin-1"))
            if is_secret_parameter(name, names):
                found.append(Finding(*match.span(2), f"value of the query parameter {name}"))
    paths = _PATH_IDENTITY.finditer(data)
    return found + [Finding(*match.span(1 if match[1] else 2), "project or account in a path") for match in paths]


def password_findings(data: bytes) -> list[Finding]:
    """Find passwords in the user info of URLs that are quoted somewhere in a body."""
    return [Finding(*match.span(1), "user info of a URL") for match in _PASSWORD.finditer(data)]


def secrets_in_fields(body: bytes, content_type: str, names: SecretNames) -> list[tuple[str, str]]:
    """Give the values of a request's own secret fields, of a form or directly in a JSON object, and what they are."""
    found = [
        (unquote_plus(body[finding.start : finding.end].decode("utf-8", "replace")), finding.kind)
        for finding in form_findings(body, content_type, names)
    ]
    if names.json_findings(body):
        found += [(value, f"value under the name {name}") for name, value in own_texts(body) if names.is_secret(name)]
    return found


def form_findings(data: bytes, content_type: str, names: SecretNames) -> list[Finding]:
    """Find the secret fields of a form, URL-encoded or multipart, as its content type says."""
    content_type = content_type.lower()
    found: list[Finding] = []
    if content_type.startswith("application/x-www-form-urlencoded"):
        for match in _FORM.finditer(data):
            name = unquote_plus(match[1].decode("latin-1"))
            if names.is_secret(name) or plain_name(name) in ("token", "assertion", "clientassertion"):
                found.append(Finding(*match.span(2), f"value of the form field {name}"))
    elif content_type.startswith("multipart/"):
        boundary = b"\n--"
        for match in _PART.finditer(data):
            name = (match[1] or match[2]).decode("latin-1")
            if not names.is_secret(name):
                continue
            end = data.find(boundary, match.end() - 1)
            end = len(data) if end < 0 else max(end - (data[end - 1 : end] == b"\r"), match.end())
            found.append(Finding(match.end(), end, f"value of the form field {name}"))
    return found
