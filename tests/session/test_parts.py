"""The parts of a session."""

from llmreplay.core.model import Request
from llmreplay.core.settings import Settings
from llmreplay.session.parts import redactor_for


def test_a_variable_that_the_user_names_is_hunted(monkeypatch):
    """The value of an `env:` entry is taken out wherever it turns up."""
    monkeypatch.setenv("GATEWAY_KEY", "zebra-lamp-4711-kite")
    redactor = redactor_for(Settings(redact=("env:GATEWAY_KEY", "env:NOT_SET")))

    body = redactor.request(Request("POST", "https://x.example/y", (), b'{"q":"use zebra-lamp-4711-kite now"}')).body

    assert body == b'{"q":"use REDACTED now"}'
