"""Faults in the body or its label: what proxies and gateways send in the place of an answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import ClassVar

from llmreplay.core.fault import FaultContext
from llmreplay.core.model import Chunk, End, Outcome, Response
from llmreplay.faults.checks import check_choice, check_header_text
from llmreplay.faults.chunk_edit import first_bytes
from llmreplay.faults.outcomes import cannot_apply, response_to_change, with_chunks, with_header

HTML_STATUSES = (200, 403, 404, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class TruncatedJson:
    """Deliver the first half of a JSON body, and end it as if that were all."""

    replaces: ClassVar[bool] = False

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Cut the body.

        Raises:
            FaultCannotApply: The answer is a stream, or its body is no JSON object or list.
        """
        response = response_to_change(self, outcome)
        if context.is_streamed and response.status < 300:
            raise cannot_apply(self, "this call streams. Use CutAfter(events=..., inside='event').")
        body = response.body
        try:
            decoded = json.loads(body)
        except ValueError:
            decoded = None
        if not isinstance(decoded, (dict, list)):
            raise cannot_apply(self, f"the body of the answer (status {response.status}) is no JSON object or list.")
        # Half of the text between the brackets: white space around them must not make the cut harmless.
        start = len(body) - len(body.lstrip())
        size = start + max(1, len(body.strip()) // 2)
        return with_chunks(response, first_bytes(response.chunks, size), end=End.COMPLETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlBody:
    """Answer with a proxy's HTML page, also to a call that streams.

    Attributes:
        status: 200, 403, 404, 500, 502, 503 or 504.
    """

    status: int = 502
    replaces: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_choice("HtmlBody", "status", self.status, HTML_STATUSES)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Give the page in the answer's place."""
        # A proxy that gets the status wrong shows the page of its bad gateway all the same.
        shown = HTTPStatus(self.status if self.status >= 400 else 502)
        title = f"{shown.value} {shown.phrase}"
        page = (
            f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
            f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        ).encode()
        headers = (("server", "nginx"), ("content-type", "text/html"), ("content-length", str(len(page))))
        return Response(self.status, headers, (Chunk(page),), delay_s=outcome.delay_s if outcome else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongContentType:
    """Label the answer as something else; its bytes stay.

    Attributes:
        content_type: The label.
    """

    content_type: str = "text/plain; charset=utf-8"
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_header_text("WrongContentType", "content_type", self.content_type)

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Change the header.

        Raises:
            FaultCannotApply: There is no response, or it has that label already.
        """
        response = response_to_change(self, outcome)
        headers = with_header(response.headers, "content-type", self.content_type)
        if headers == response.headers:
            raise cannot_apply(self, "the answer has that content type already.")
        return replace(response, headers=headers)


@dataclass(frozen=True, slots=True)
class EmptyBody:
    """Answer with the same status and headers and no byte of a body."""

    replaces: ClassVar[bool] = False

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Take the body away.

        Raises:
            FaultCannotApply: There is no response, or its body is empty already.
        """
        response = response_to_change(self, outcome)
        if not response.chunks:
            raise cannot_apply(self, "the body of the answer is empty already.")
        return with_chunks(response, (), end=End.COMPLETE)


@dataclass(frozen=True, slots=True)
class BadGzip:
    """Label the body as compressed with gzip, which it is not: no client can decode it."""

    replaces: ClassVar[bool] = False

    def apply(self, outcome: Outcome | None, context: FaultContext) -> Outcome:
        """Set `content-encoding`.

        Raises:
            FaultCannotApply: There is no response, or its body is empty.
        """
        response = response_to_change(self, outcome)
        if not response.chunks:
            raise cannot_apply(self, "the body of the answer is empty, and nothing needs decoding.")
        return replace(response, headers=with_header(response.headers, "content-encoding", "gzip"))
