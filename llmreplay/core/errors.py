"""Every exception of ours, with its data as attributes and a text that says what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


def _restored(kind: type[BaseException], args: tuple[Any, ...], data: dict[str, Any]) -> BaseException:
    """Make an error of ours again, in another process, from what it says and not from what it was made of."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(data)
    return error


_MOST_SAID = 200


class LlmReplayError(Exception):
    """Base of the errors that report a wrong setting, a bad file or a misuse."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, dict(self.__dict__))


class CassetteError(LlmReplayError):
    """A cassette that cannot be read, or must not be written.

    Attributes:
        path: The file, as the user knows it.
        place: Where in it: `$.interactions[3].response.status`, `line 12`, or empty for the whole file.
        found: What is wrong.
        remedy: What to do.
    """

    def __init__(self, path: str, found: str, remedy: str, place: str = "") -> None:
        self.path = path
        self.place = place
        self.found = found
        self.remedy = remedy
        where = f"{path}: {place}: " if place else f"{path}: "
        super().__init__(f"{where}{found}\n  {remedy}")


class SecretFound(CassetteError):
    """A cassette that was not written, because a secret would have been."""


class SettingError(LlmReplayError, ValueError):
    """A setting with a value that it cannot have."""


class MissingExtra(LlmReplayError, ImportError):
    """A feature whose optional packages are not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f'{feature} needs an extra: pip install "pytest-llmreplay[{extra}]"')
        self.extra = extra


class MalformedStream(LlmReplayError):
    """Bytes that break the format of the stream they claim to be."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place in which two requests differ.

    Attributes:
        path: `method`, `url`, a header's name, or a path into the body.
        recorded: As text, shortened; None if it is not on the cassette.
        sent: As text, shortened; None if it was not sent.
    """

    path: str
    recorded: str | None
    sent: str | None


# BaseException: anthropic, groq and openai 2.x retry every Exception that a transport raises, then report
# "Connection error." in its place. See tests/e2e/test_refusal.py.
class Refusal(BaseException):
    """The recorder will not answer; the test must not go on as if it had."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, dict(self.__dict__))


class UnmatchedRequest(Refusal):
    """A request that no recorded interaction matches.

    Attributes:
        request: `POST https://api.anthropic.com/v1/messages  (anthropic.messages)`.
        cassette: Its path and what is left on it.
        nearest: The recording that is most alike, in words; None if there is none.
        differences: Between that recording and the request.
        advice: Pairs of a question and what to type if the answer is yes.
        replies: What became of the answers that the test made up; empty if it made up none.
    """

    def __init__(
        self,
        *,
        request: str,
        cassette: str,
        nearest: str | None,
        differences: Sequence[Difference],
        advice: Sequence[tuple[str, str]],
        replies: str = "",
    ) -> None:
        self.request = request
        self.cassette = cassette
        self.replies = replies
        self.nearest = nearest
        self.differences = tuple(differences)
        self.advice = tuple(advice)
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [
            "no recorded interaction matches this request.",
            "",
            f"  request   {self.request}",
            f"  cassette  {self.cassette}",
        ]
        if self.replies:
            lines.append(f"  replies   {self.replies}")
        if self.nearest:
            lines.append(f"  nearest   {self.nearest}")
        width = max((len(difference.path) for difference in self.differences), default=0)
        for difference in self.differences:
            recorded = "nothing" if difference.recorded is None else difference.recorded
            sent = "nothing" if difference.sent is None else difference.sent
            lines.append(f"            {difference.path:{width}}   recorded {recorded}   sent {sent}")
        if self.advice:
            lines.append("")
            width = max(len(question) for question, _ in self.advice)
            lines += [f"  {question:{width}}   {answer}" for question, answer in self.advice]
        return "\n".join(lines)


class ReadPastEnd(Refusal):
    """A client that reads on where the recorded client had closed the stream."""

    def __init__(self, request: str, chunks: int, advice: str) -> None:
        super().__init__(
            "the client reads on, but the recorded client was done with this stream, or its test or block was over.\n\n"
            f"  request   {request}\n"
            f"  recorded  {chunks} chunks; what came next is unknown\n\n"
            f"  Reads on now?   {advice}, and read it to its end in there"
        )


class WaitsPastEnd(Refusal):
    """A client that waits on where the recorded client had given up."""

    def __init__(self, request: str, after_s: float, advice: str) -> None:
        super().__init__(
            "the client waits for an answer, but the recorded client gave up before anything came.\n\n"
            f"  request   {request}\n"
            f"  recorded  after {after_s:.3f} s the client gave up; what would have come is unknown\n\n"
            f"  Waits now?   {advice}"
        )


class MissingKey(Refusal):
    """A recording that would send a placeholder to a provider."""

    def __init__(self, request: str, variables: Sequence[str]) -> None:
        super().__init__(
            "recording sends real requests, and there is no key for this one.\n\n"
            f"  request   {request}\n\n"
            f"  Set       {' or '.join(variables) or 'the key of this provider'}\n"
            "  Not meant? llmreplay sets a placeholder for each provider; placeholder_keys='off' sets none\n"
            "  Stand-in? upstream={'https://provider': 'http://127.0.0.1:PORT'} sends to a local one"
        )


class SeveralRecorders(Refusal):
    """A request from a thread that belongs to none of several open cassettes."""

    def __init__(self, request: str, cassettes: Sequence[str]) -> None:
        super().__init__(
            "several cassettes are open, and this thread or task belongs to none of them.\n\n"
            f"  request   {request}\n"
            f"  cassettes {', '.join(cassettes)}\n\n"
            "  A thread's own?  start it with contextvars.copy_context().run, or open the cassette in it"
        )


class ClosedConnection(Refusal):
    """A connection that was refused because the test is offline."""


class Unplayed(Refusal):
    """Recordings, or made-up replies, that nobody asked for."""

    def __init__(
        self, what: str, source: str, left: Sequence[str], total: int, *, advice: str, on_purpose: str
    ) -> None:
        """Tell what is left.

        Args:
            what: Of what so many are left: `recorded interactions`.
            source: Where it comes from: a word of up to nine letters, and its name.
            left: A line for each.
            total: How many there were.
            advice: What to do if they are no longer needed.
            on_purpose: What to write if they may be left.
        """
        shown = [f"            {line}" for line in left[:10]]
        more = [f"            and {len(left) - 10} more"] if len(left) > 10 else []
        super().__init__(
            "\n".join(
                [
                    f"{len(left)} of {total} {what} were never asked for.",
                    "",
                    f"  {source}",
                    *shown,
                    *more,
                    "",
                    f"  No longer needed?   {advice}",
                    f"  On purpose?         {on_purpose}",
                ]
            )
        )


class ReplyProblem(Refusal):
    """A made-up reply that the api that was asked cannot give."""

    def __init__(self, api: str, found: str) -> None:
        super().__init__(
            "a made-up reply cannot be given as the answer of this api.\n\n"
            f"  api       {api}\n"
            f"  problem   {found}\n\n"
            '  Meant for another?   llmreplay.reply(..., when="openai")'
        )


class FaultProblem(Refusal):
    """Faults that never fired or could not apply."""


class SettingProblem(Refusal):
    """A function that a setting names, and that did not do its work.

    Attributes:
        unshown: What stands in the place of a text that cannot be redacted: holds nothing of the text.
    """

    def __init__(self, setting: str, function: str, found: str, *, said: str = "", remedy: str = "") -> None:
        self.unshown = f"(not shown: it cannot be redacted, for {setting}={function} {found})"
        super().__init__(
            "a function of yours that a setting names did not do its work.\n\n"
            f"  setting   {setting}\n"
            f"  function  {function}\n"
            f"  problem   {found}{f': {said[:_MOST_SAID]}' if said else ''}\n\n"
            f"  Meant?    {remedy or 'it is called for every request: it must not raise'}"
        )


class BudgetExceeded(Refusal):
    """A test that spent more than its budget, or whose spending is unknown."""


class RanAway(Refusal):
    """An application that does not come to an end under faults."""

    def __init__(self, found: str, limit: str, suspect: str) -> None:
        """Tell what was found.

        Args:
            found: What it did.
            limit: The setting that was passed, with its value; empty if none was.
            suspect: What the cause may be.
        """
        lines = [f"{found}, and the test has not come to an end.", ""]
        lines += [f"  limit     {limit}"] * bool(limit)
        lines += [f"  suspect   {suspect}"]
        setting = limit.partition("=")[0]
        lines += ["", f"  On purpose?   raise the limit: @pytest.mark.llmreplay_fuzz({setting}=...)"] * bool(limit)
        super().__init__("\n".join(lines))


def tells_of(error: BaseException | None, refusals: Iterable[Refusal]) -> bool:
    """Say whether an exception, or one of a group, tells one of these refusals itself, in whatever form."""
    texts = [str(refusal) for refusal in refusals]
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        elif any(text in str(one) for text in texts):
            return True
    return False
