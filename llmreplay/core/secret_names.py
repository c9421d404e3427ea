"""Secrets that are known by the name they stand under: JSON keys at any depth, also of JSON inside a string."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from llmreplay.core.findings import TOKEN, Finding


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Compared without case, `-`, `_`, `.` and spaces; see `plain_name`.
_SECRET_NAMES = _words(
    "apikey secret secretkey password passwd passphrase authorization proxyauthorization authorizationtoken "
    "sessiontoken securitytoken xamzsecuritytoken signingkey webhooksecret accesskey accesskeyid secretaccesskey "
    "awsaccesskeyid awssecretaccesskey awssessiontoken credential credentials cookie setcookie accountkey "
    "sharedaccesskey subscriptionkey ocpapimsubscriptionkey githubtoken gitlabtoken hftoken idtoken oauthtoken "
    "authkey sessionkey"
)
_SECRET_SUFFIXES = tuple(
    _words(
        "apikey secretkey privatekey accesstoken authtoken refreshtoken bearertoken password clientsecret apitoken "
        "apisecret signingsecret webhooksecret appsecret"
    )
)
_IDENTITY_NAMES = _words(
    "organization organizationid organisation organisationid orgid org project projectid account accountid tenantid "
    "workspaceid subscriptionid"
)
_NUMERIC_SECRETS = _words("password passwd passphrase secret")
# How all names above end: a cheap test that spares looking at every key of a body.
_ENDINGS = tuple(_words("key ret ord swd ase ion ken uth ial als kie _id -id tid nid gid eid org ect unt"))
_HARMLESS_ENDINGS = ("ption", "nction", "object", "l_id", "m_id", "sponse", "ontent")

_IDENTITY = re.compile(
    rb"(?i:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}|[0-9]{12})"
    rb"|(?:org-|proj_|acct_|wrkspc_)[A-Za-z0-9_-]{8,64}"
)
_LONG_TOKEN = re.compile(rb"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_.+/=~-]{20,}")
_EXAMPLE = re.compile(
    rb"(?is)\s*(?:|<.*|\.{2,}|\*+|x{3,}|\$.*|\{.*|%.*|.*\.\.\..*|.*(?:\s|\\n).*|string|str|null|none|true|false"
    rb"|env[.:(].*|os\..*|process\..*|.*\b(?:your|my|some)[-_].*|.*_here|.*placeholder.*)\s*"
)
_WRITTEN = re.compile(
    rb"""(?:'(?P<key>[A-Za-z][\w.-]{1,60})'\s*:|\b(?P<word>[A-Za-z]\w{1,60})\s*=)\s*"""
    rb"""(?P<quote>['"])(?P<value>(?:(?!(?P=quote))[^\\\n]|\\.){1,4000}+)(?P=quote)"""
)
_NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]*")
_COLON = re.compile(rb"\s*:\s*(?:\[\s*)?")
_UNCLOSED = re.compile(rb'[^\s"\\]{0,400}')
_LONGEST_NAME = 80
_LONGEST_EXAMPLE = 400
_SAMPLE_BYTES = 2048
_FEW_QUOTES = 25


# The same names come with every request.
@lru_cache(maxsize=1000)
def plain_name(name: str) -> str:
    """Spell a name so that `X-Api-Key`, `x_api_key` and `xApiKey` are one."""
    return name.lower().replace("-", "").replace("_", "").replace(".", "").replace(" ", "")


class _Value(Enum):
    """What a value must look like to be a secret under a name."""

    ANY = "any"
    IDENTITY = "identity"
    LONG = "long"


@lru_cache(maxsize=100)
def _key_end_pattern(endings: tuple[str, ...], harmless_endings: tuple[str, ...]) -> re.Pattern[bytes]:
    """Make the pattern that finds the closing quote of keys that end like a secret's name.

    A pattern that starts with fixed text and looks back is several times as fast as one that starts with the name.
    """
    tails = "|".join(
        r"[\s\S]" * (3 - len(ending))
        + "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else re.escape(c) for c in ending)
        for ending in sorted(set(endings))
    )
    harmless = "".join(f'(?<!{ending}":)' for ending in harmless_endings)
    plain = rf'(?<=(?:{tails})":){harmless}'
    escaped = rf'(?<=\\":)(?:(?<=\\\\":)|(?<=(?:{tails})\\":))'
    return re.compile(f'":(?:{plain}|{escaped})'.encode())


def _ending(name: str) -> str:
    """Give the three characters before the closing quote of a key; the opening quote may be among them."""
    return name[-3:] if len(name) >= 3 else f'"{name}'


@dataclass(frozen=True, slots=True)
class SecretNames:
    """The names under which a value is a secret.

    Attributes:
        added: Names of the user, plain.
        kept: Names of the user whose values stay, plain.
    """

    added: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    _key_end: re.Pattern[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = tuple(_ending(name) for name in self.added if name)
        harmless = tuple(end for end in _HARMLESS_ENDINGS if not any(_ending(end) == ending for ending in own))
        object.__setattr__(self, "_key_end", _key_end_pattern(_ENDINGS + own, harmless))

    def is_secret(self, name: str) -> bool:
        """Say whether whatever stands under this name is to be hidden."""
        return self._value_under(plain_name(name)) is _Value.ANY

    def _value_under(self, plain: str) -> _Value | None:
        if plain in self.kept:
            return None
        if plain in self.added or plain in _SECRET_NAMES or plain.endswith(_SECRET_SUFFIXES):
            return _Value.ANY
        if plain in _IDENTITY_NAMES:
            return _Value.IDENTITY
        return _Value.LONG if plain in ("token", "auth") else None

    def json_findings(self, data: bytes) -> list[Finding]:
        """Find the strings and numbers that stand under a secret name; objects and flags are none.

        Works on whole and on cut JSON, on events, and on JSON written inside a JSON string.
        """
        ends = [match.start() for match in self._key_end.finditer(data)]
        # Few quotes are quicker to look at one by one than three bytes are to find.
        if data.count(b'"', 0, _SAMPLE_BYTES) < _FEW_QUOTES or b'" :' in data:
            ends += (match.start() for match in _SPACED_KEY_END.finditer(data))
        return [finding for end in ends if (finding := self._under_key(data, end))]

    def text_findings(self, data: bytes) -> list[Finding]:
        """Find what stands under a secret name as JSON or Python write it: `'password': '...'`, `password='...'`."""
        return self.json_findings(data) + [
            Finding(*match.span("value"), f"value under the name {name}")
            for match in _WRITTEN.finditer(data)
            if self.is_secret(name := (match["key"] or match["word"]).decode("latin-1"))
            and not _EXAMPLE.fullmatch(match["value"][:_LONGEST_EXAMPLE])
        ]

    def _under_key(self, data: bytes, quote: int) -> Finding | None:
        begin = quote
        while begin and data[begin - 1] == 0x5C:
            begin -= 1
        opening = data[begin:quote] + b'"'
        start = data.rfind(opening, max(0, begin - _LONGEST_NAME), begin)
        if start < 0:
            return None
        name = data[start + len(opening) : begin].decode("latin-1")
        plain = plain_name(name)
        wanted = self._value_under(plain)
        colon = _COLON.match(data, quote + 1)
        if wanted is None or colon is None:
            return None
        kind = f"value under the name {name}"
        if not data.startswith(opening, colon.end()):
            number = _NUMBER.match(data, colon.end())
            if number is None or not (plain in self.added or plain in _NUMERIC_SECRETS):
                return None
            return Finding(number.start(), number.end(), kind, opening + TOKEN + opening)
        value_start = colon.end() + len(opening)
        value_end = _end_of_string(data, value_start, len(opening) - 1)
        value = data[value_start:value_end]
        is_example = len(opening) > 1 and plain not in self.added and _EXAMPLE.fullmatch(value[:_LONGEST_EXAMPLE])
        if not value or is_example or not _fits(value, wanted):
            return None
        return Finding(value_start, value_end, kind)


def _fits(value: bytes, wanted: _Value) -> bool:
    if wanted is _Value.ANY:
        return True
    return (_IDENTITY if wanted is _Value.IDENTITY else _LONG_TOKEN).fullmatch(value) is not None


def _end_of_string(data: bytes, start: int, level: int) -> int:
    """Find where a JSON string ends whose quotes have `level` backslashes; in cut JSON, where its word ends."""
    offset = start
    while (offset := data.find(b'"', offset)) >= 0:
        backslashes = 0
        while offset - backslashes > start and data[offset - 1 - backslashes] == 0x5C:
            backslashes += 1
        if backslashes < level:
            break
        if (backslashes - level) % (2 * (level + 1)) == 0:
            return offset - level
        offset += 1
    match = _UNCLOSED.match(data, start)
    return match.end() if match else start


_SPACED_KEY_END = re.compile(rb'"(?=\s+:)')
