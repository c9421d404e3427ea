"""`Redactor`: takes secrets out of requests, outcomes and texts before anything is written or compared."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias

from llmreplay.core.aws_payloads import aws_payloads, changed_frames
from llmreplay.core.delta_text import delta_texts, spread_over
from llmreplay.core.encoded_views import views_of
from llmreplay.core.findings import Finding, Leak, apply_findings, apply_to_pieces, chunks_with, merged_findings
from llmreplay.core.header_secrets import (
    ALLOWED_REQUEST_HEADERS,
    form_findings,
    is_meaningful_response_header,
    password_findings,
    secrets_in_fields,
    secrets_in_headers,
    secrets_in_url,
    url_findings,
)
from llmreplay.core.json_leaves import string_leaves
from llmreplay.core.model import Headers, Outcome, Request, Response, TransportFailure, header
from llmreplay.core.placeholders import is_placeholder
from llmreplay.core.secret_names import SecretNames, plain_name
from llmreplay.core.secret_shapes import SHORTEST_RUN, long_runs, shape_findings
from llmreplay.core.taint import (
    SHORTEST_SECRET,
    Taint,
    compressed_findings,
    elided_findings,
    shortest_run,
    taint_findings,
    taint_of,
)
from llmreplay.core.user_redaction import Rewrite, UserRules, user_rules

Finder: TypeAlias = Callable[[bytes], Sequence[Finding]]

_ROUNDS = 8  # a replacement can bring to light what its neighbours are; each round leaves less to find

_ESCAPES_OF_ESCAPES = 3
_REMEMBERED_TEXT = 300
_REMEMBERED_HEADS = 500
_REMEMBERED_BODY_BYTES = 32_000


class Redactor:
    """Takes secrets out: by name, by shape, and by value wherever a value that was learned turns up again.

    The same idempotent pass runs on what is recorded and on what is replayed, before fingerprints are made. Only
    what was learned changes; every method may be called from any thread.
    """

    def __init__(
        self,
        secrets: Iterable[str] = (),
        *,
        redact: Iterable[str | re.Pattern[str] | Rewrite] = (),
        keep: Iterable[str] = (),
        allowed_request_headers: Iterable[str] = (),
        allowed_response_headers: Iterable[str] = (),
        secret_headers: Iterable[str] = (),
    ) -> None:
        """Take what is known from the start.

        Args:
            secrets: Values to hunt, of environment variables; short ones and placeholders are passed over.
            redact: The user's own: a name of headers, keys, parameters and fields; `re:` and a regular
                expression (its first group, if it has one, is the secret); a function that gives a text back
                without its secrets, and the same when called again.
            keep: Names whose values stay, though they are secret by name.
            allowed_request_headers: Kept besides `content-type` and those that choose an API's version.
            allowed_response_headers: Kept besides those that carry meaning.
            secret_headers: Headers whose values are hunted besides those that are known by their name.
        """
        kept = [name.lower() for name in keep]
        self._rules: UserRules = user_rules(redact)
        self._names = SecretNames(self._rules.names, frozenset(map(plain_name, kept)))
        self._request_headers = ALLOWED_REQUEST_HEADERS.union(kept, map(str.lower, allowed_request_headers))
        self._response_headers = frozenset(kept).union(map(str.lower, allowed_response_headers))
        self._secret_headers = frozenset(map(str.lower, secret_headers))
        self._lock = threading.Lock()
        self._taints: tuple[Taint, ...] = ()
        self.secrets: dict[str, None] = {}  # by value, in the order they were learned
        self._remember_anew()
        self._looked_at: set[tuple[str, Headers]] = set()
        self._last_looked_at: tuple[str, Headers] | None = None  # of one client the same object, which is seen at once
        for secret in secrets:
            self.learn(secret, origin="value of an environment variable")

    @property
    def known(self) -> int:
        """How many secrets are hunted by value; what was redacted before it grew is to be redacted anew."""
        return len(self.secrets)

    # Learning

    def learn(self, value: str, *, origin: str = "a known secret") -> bool:
        """Hunt a value from now on.

        Args:
            value: The secret; under 12 characters, or a placeholder, it is passed over.
            origin: Where it was seen, for messages.

        Returns:
            Whether it is new.
        """
        value = value.strip()
        with self._lock:
            if len(value) < SHORTEST_SECRET or value in self.secrets or is_placeholder(value):
                return False
            self.secrets[value] = None
            self._taints = (*self._taints, taint_of(value, origin))
            self._remember_anew()
        return True

    def _remember_anew(self) -> None:
        # In new memories, for another thread may still put into the old ones what it cleaned knowing less.
        self._remembered_text = lru_cache(maxsize=500)(self._clean_text)
        self._remembered_body = lru_cache(maxsize=50)(self._clean_body)

    def learn_from_request(self, request: Request) -> None:
        """Hunt what stands in the credential headers, parameters and user info of a request, not in its body."""
        head = request.url, request.headers
        if head == self._last_looked_at or head in self._looked_at:
            self._last_looked_at = head
            return
        found = secrets_in_headers(request.headers, names=self._names, denied=self._secret_headers)
        for value, origin in (*found, *secrets_in_url(request.url, self._names)):
            self.learn(value, origin=origin)
        if len(self._looked_at) < _REMEMBERED_HEADS:
            self._looked_at.add(head)

    def learn_from_body(self, request: Request) -> None:
        """Hunt the tokens that a request hands on, and its own secret fields; `request` does so itself."""
        body = request.body
        if b"authorization_token" in body:
            self._learn_named(body, "authorizationtoken")
        # A password in a tool's arguments is the model's: it would be hunted while recording, but not in replay.
        for value, origin in secrets_in_fields(body, header(request.headers, "content-type") or "", self._names):
            self.learn(value, origin=origin)

    def learn_from_response(self, response: Response) -> None:
        """Hunt the cookies, OAuth tokens and names of accounts that a response hands out."""
        for value, origin in secrets_in_headers(response.headers, names=self._names, denied=self._secret_headers):
            self.learn(value, origin=origin)
        body = response.body
        if b'"token_type"' in body:
            self._learn_named(body, "accesstoken", "refreshtoken", "idtoken")

    def _learn_named(self, body: bytes, *plain_names: str) -> None:
        only = SecretNames(frozenset(plain_names), self._names.kept)
        for finding in only.json_findings(body):
            if plain_name(finding.kind.rpartition(" ")[2]) in plain_names:
                self.learn(body[finding.start : finding.end].decode("utf-8", "replace"), origin=finding.kind)

    # Redacting

    def request(self, request: Request) -> Request:
        """Give the request as it may be written: allowed headers only, URL and body without secrets."""
        self.learn_from_body(request)
        headers = self._headers(request.headers, self._request_headers.__contains__)
        clean = self._remembered_body if len(request.body) <= _REMEMBERED_BODY_BYTES else self._clean_body
        body = clean(request.body, header(request.headers, "content-type") or "")
        return Request(request.method, self._cleaned(request.url, self._found_in_url), headers, body)

    def _clean_body(self, body: bytes, content_type: str) -> bytes:
        def found(data: bytes) -> list[Finding]:
            in_form = form_findings(data, content_type, self._names)
            return [*self._found(data), *self._found_by_name(data), *in_form, *self._rewritten(data)]

        return self._clean(body, found) if body else body

    def outcome(self, outcome: Outcome) -> Outcome:
        """Give the outcome as it may be written: meaningful headers, chunks without secrets that they share."""
        if isinstance(outcome, TransportFailure):
            return replace(outcome, message=self.text(outcome.message))

        def is_allowed(name: str) -> bool:
            return name in self._response_headers or is_meaningful_response_header(name)

        headers = self._headers(outcome.headers, is_allowed)
        pieces = [chunk.data for chunk in outcome.chunks]
        cleaned = self._clean_pieces(pieces)
        chunks = outcome.chunks if cleaned == pieces else chunks_with(outcome.chunks, cleaned)
        return replace(outcome, headers=headers, chunks=chunks, reason=self.text(outcome.reason))

    def text(self, text: str) -> str:
        """Give a text as it may be shown: an error, a log, a report, a file's name."""
        return self._cleaned(text, self._found_in_text)

    def _cleaned(self, text: str, find: Finder) -> str:
        return (self._remembered_text if len(text) <= _REMEMBERED_TEXT else self._clean_text)(text, find)

    def _clean_text(self, text: str, find: Finder) -> str:
        data = text.encode("utf-8", "surrogatepass")
        cleaned = self._clean(data, find)
        return text if cleaned == data else cleaned.decode("utf-8", "replace")

    def scan(self, data: bytes) -> Leak | None:
        """Look for a secret in bytes that are about to be written; None if there is none."""
        findings = merged_findings(data, self._found(data))
        if not findings:
            return None
        first = findings[0]
        leaves = string_leaves(data) if data[:1] in (b"{", b"[") else ()
        place = next((leaf.path for leaf in leaves if leaf.start <= first.start <= leaf.end), "")
        return Leak(first.start, data.count(b"\n", 0, first.start) + 1, first.kind, place)

    # Finding

    def _found(self, data: bytes, escapes: int = _ESCAPES_OF_ESCAPES) -> list[Finding]:
        """Find secrets by shape and by value, however they are encoded, and by the user's patterns."""
        taints = self._taints
        runs = long_runs(data, shortest_run(taints) if taints else SHORTEST_RUN)
        found = shape_findings(data, runs)
        if taints:
            found += taint_findings(data, runs, taints)
        if escapes:
            found += compressed_findings(data, runs, lambda text: bool(self._found(text, escapes - 1)))
            has_odd = any(taint.is_odd for taint in taints)
            for view in views_of(data, runs=runs, has_slash_escapes=has_odd):
                found += map(view.in_original, self._found(view.data, escapes - 1))
        found += self._rules.pattern_findings(data)
        return found

    def _found_by_name(self, data: bytes) -> list[Finding]:
        found = self._names.json_findings(data)
        return found + password_findings(data) if b"@" in data else found

    def _found_in_url(self, data: bytes) -> list[Finding]:
        return [*self._found(data), *url_findings(data, self._names)]

    def _found_in_text(self, data: bytes) -> list[Finding]:
        found = [*self._found_in_url(data), *self._names.text_findings(data), *elided_findings(data, self._taints)]
        return found + self._rules.function_findings(data, 0)

    def _rewritten(self, data: bytes) -> list[Finding]:
        """Find what the user's functions take out of the strings of a body, or of a body that is no JSON."""
        if not self._rules.functions:
            return []
        leaves = [(leaf.start, leaf.end) for leaf in string_leaves(data)] or [(0, len(data))]
        return [finding for start, end in leaves for finding in self._rules.function_findings(data[start:end], start)]

    def _found_in_stream(self, body: bytes) -> list[Finding]:
        """Find secrets in a response's body, and in the texts that its events bring in pieces."""
        found: list[Finding] = []
        for places in delta_texts(body):
            joined = b"".join([body[start:end] for start, end in places])
            in_joined = [*self._found(joined), *self._found_by_name(joined), *self._rules.function_findings(joined, 0)]
            found += spread_over(places, merged_findings(joined, in_joined))
        return [*found, *self._found(body), *self._found_by_name(body), *self._rewritten(body)]

    # Replacing

    def _clean(self, data: bytes, find: Finder) -> bytes:
        for _ in range(_ROUNDS):
            findings = merged_findings(data, find(data))
            if not findings:
                break
            data = apply_findings(data, findings)
        return data

    def _headers(self, headers: Headers, is_allowed: Callable[[str], bool]) -> Headers:
        return tuple(
            (name, "REDACTED" if plain_name(name) in self._rules.names else self.text(value))
            for name, value in headers
            if is_allowed(name.lower())
        )

    def _clean_pieces(self, pieces: list[bytes]) -> list[bytes]:
        """Take secrets out of a body that came in pieces, those across their borders too."""
        body = b"".join(pieces)
        if frames := aws_payloads(body):
            events = [frame.event for frame in frames]
            changed = self._clean(b"\n".join(events), self._found_in_stream).split(b"\n")
            if len(changed) != len(events):
                changed = [self._clean(event, self._found_in_stream) for event in events]
            cut = frames[-1].end
            in_cut_frame = merged_findings(body[cut:], self._found(body[cut:]))
            moved = [replace(finding, start=finding.start + cut, end=finding.end + cut) for finding in in_cut_frame]
            return apply_to_pieces(pieces, [*changed_frames(frames, changed), *moved])
        for _ in range(_ROUNDS):
            body = b"".join(pieces)
            found = self._found_in_stream(body)
            start = 0
            for piece in pieces if len(pieces) > 1 else ():
                found += (replace(f, start=f.start + start, end=f.end + start) for f in self._found(piece))
                start += len(piece)
            findings = merged_findings(body, found)
            if not findings:
                break
            pieces = apply_to_pieces(pieces, findings)
        return pieces
