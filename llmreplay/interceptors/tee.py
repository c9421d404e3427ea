"""Notes what a provider sends while it passes on to the client; the same for every stack."""

from __future__ import annotations

import time
from http import HTTPStatus

from llmreplay.core.attempt import Attempt
from llmreplay.core.model import End, Headers, Response
from llmreplay.core.recorder import Recorder
from llmreplay.interceptors.content_encoding import BodyDecoder


class Tee:
    """Notes the chunks of a real response while they pass, and records it once when it has ended.

    Attributes:
        recorder: Is told once, at the end.
    """

    def __init__(
        self,
        recorder: Recorder,
        attempt: Attempt,
        status: int,
        headers: Headers,
        reason: str,
        sent_s: float,
        *,
        is_decoded: bool = False,
    ) -> None:
        """Note the head of a response.

        Args:
            recorder: Is told once, at the end.
            attempt: That it answers.
            status: HTTP status code.
            headers: As received.
            reason: As received.
            sent_s: When the request was sent, monotonic seconds.
            is_decoded: Whether the chunks come decoded, whatever `content-encoding` says.
        """
        self.recorder = recorder
        self._attempt = attempt
        self._status = status
        self._reason = "" if reason == standard_reason(status) else reason
        self._is_decoded = is_decoded
        if is_decoded:
            headers = tuple((name, value) for name, value in headers if name.lower() != "content-encoding")
        self._decoder = BodyDecoder(headers)
        self._last_s = sent_s
        self._outcome: Response | None = None
        self._untold = [True]
        attempt.receiving = self.ended

    @property
    def has_ended(self) -> bool:
        """Whether it is recorded."""
        return self._outcome is not None

    @property
    def outcome(self) -> Response:
        """What was received, once it has ended."""
        assert self._outcome is not None, "the body has not ended"
        return self._outcome

    def feed(self, data: bytes) -> None:
        """Take a chunk as it came."""
        now = time.monotonic()
        if self._attempt.first_byte_s is None and data:
            self.recorder.first_byte(self._attempt)
        self._decoder.feed(data, now - self._last_s)
        self._last_s = now

    def ended(self, end: End) -> None:
        """Record what came; later calls do nothing."""
        # Who takes it records: a stream that is left open is ended with its cassette, while a thread may still read
        # it, and a garbage collection may close it in the midst of that. A lock would be waited for by its holder.
        try:
            self._untold.pop()
        except IndexError:
            return
        self._attempt.receiving = None
        self._outcome = self._received(end)
        self.recorder.record(self._attempt, self._outcome)

    def _received(self, end: End) -> Response:
        waited_s = time.monotonic() - self._last_s if end is End.CLIENT_CLOSED else 0.0
        headers, chunks = self._decoder.result(is_whole=end is End.COMPLETE)
        if self._is_decoded:
            length = str(sum(len(chunk.data) for chunk in chunks))
            headers = tuple((name, length if name.lower() == "content-length" else value) for name, value in headers)
        return Response(self._status, headers, chunks, end, self._reason, end_after_s=waited_s)


# RFC 9110 gave them other names, which Python took over with 3.13, httpx2 before it.
_RENAMED = (413, 414, 416, 422)


def standard_reason(status: int) -> str:
    """Give the reason phrase that every library and Python has for a status; empty where they differ, or have none."""
    if status in _RENAMED:
        return ""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
