"""Every exception of ours, with its data as attributes and a text that says what to do next."""

from __future__ import annotations


class LlmReplayError(Exception):
    """Base of the errors that report a wrong setting, a bad file or a misuse."""


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


class SettingError(LlmReplayError, ValueError):
    """A setting with a value that it cannot have."""


class MalformedStream(LlmReplayError):
    """Bytes that break the format of the stream they claim to be."""


# BaseException: anthropic, groq and openai 2.x retry every Exception that a transport raises, then report
# "Connection error." in its place. See tests/e2e/test_refusal.py.
class Refusal(BaseException):
    """The recorder will not answer; the test must not go on as if it had."""
