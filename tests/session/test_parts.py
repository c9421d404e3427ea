"""The parts of a session."""

import tempfile
from pathlib import Path

import pytest

from llmreplay.core.matching import fingerprint
from llmreplay.core.model import Request
from llmreplay.core.settings import Settings
from llmreplay.session.ambience import AMBIENCES, Ambience
from llmreplay.session.parts import redactor_for, rules_for


def test_a_variable_that_the_user_names_is_hunted(monkeypatch):
    """The value of an `env:` entry is taken out wherever it turns up."""
    monkeypatch.setenv("GATEWAY_KEY", "zebra-lamp-4711-kite")
    redactor = redactor_for(Settings(redact=("env:GATEWAY_KEY", "env:NOT_SET")))

    body = redactor.request(Request("POST", "https://x.example/y", (), b'{"q":"use zebra-lamp-4711-kite now"}')).body

    assert body == b'{"q":"use REDACTED now"}'


@pytest.mark.parametrize("named_by", ["--basetemp", "PYTEST_DEBUG_TEMPROOT", "TMPDIR"])
def test_tmp_path_knows_the_temporary_folders_of_this_run(monkeypatch, named_by):
    """A path below the run's own temporary folder, wherever that is, is one below pytest's usual one."""
    ambience = Ambience(base_temp=Path("/work/own/bt") if named_by == "--basetemp" else None)
    if named_by == "PYTEST_DEBUG_TEMPROOT":
        monkeypatch.setenv(named_by, "/work/own/bt")
    elif named_by == "TMPDIR":
        monkeypatch.setattr(tempfile, "tempdir", "/work/own/bt")
    AMBIENCES.enter(ambience)
    try:
        rules = rules_for(Settings(normalize=("tmp_path",)))
    finally:
        AMBIENCES.leave(ambience)

    own, usual, other = (
        fingerprint(Request("POST", "https://x.example/y", (), f"in {folder}/test_x0/f.txt".encode()), rules)
        for folder in ("/work/own/bt", "/tmp/pytest-of-me/pytest-3", "/work/own/other")
    )

    assert own == usual != other
