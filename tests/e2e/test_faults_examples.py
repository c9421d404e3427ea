"""The broken application among the examples: each mistake is caught, and the failure says what it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "broken_application"
pytestmark = pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the examples are not part of this copy of the sources")
CAUGHT = {
    "test_does_not_take_half_a_summary_for_one": [
        "expected every answer to be whole",
        "but call 1 was cut short",
        r"200     CutAfter  anthropic\.messages claude-haiku-4-5: incomplete, 1 out, \"The customer's\"",
    ],
    "test_does_not_repeat_a_request_that_is_wrong": [
        "expected no retry",
        "but there was 1",
        r"400     BadRequest  anthropic\.messages claude-haiku-4-5: 400 invalid_request_error",
    ],
    "test_waits_as_long_as_it_is_asked_to": [
        "expected a wait of 30 s, as retry-after says",
        r"but it was 1\.\d\d s",
        r"2    1\.\d\d s  1\.00 s  200 ",
    ],
    "test_remembers_the_conversation_after_an_error": [
        "expected a history that grows",
        r'but message 1 of call 2 is \{"role": "user", "content": "My name is Ada\."\}; in call 3 it is ',
        r'in call 3 it is \{"role": "user", "content": "What is my name\?"\}',
        "529     Overloaded ",
    ],
    "test_charges_once": [
        "Left contains one more item: 'My invoice is wrong.'",
        "llmreplay: attempts",
        "-       ClosedAfterRequest  .*protocol_error: Server disconnected without sending a response",
    ],
}


@pytest.fixture(scope="module")
def failures():
    """Run the example as its reader does; give the text of each failure by the test's name."""
    plugins = ("-p", "llmreplay.pytest_plugin", "-p", "no:cacheprovider")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LLMREPLAY_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, EXAMPLE],
        env={**clean, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200"},
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "5 failed" in done.stdout, done.stdout + done.stderr
    parts = re.split(r"^_+ (test_\w+) _+$", done.stdout, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", CAUGHT)
def test_a_mistake_is_caught_and_explained(failures, name):
    """One short test for each mistake; its failure tells what was expected, what happened, and in which attempts."""
    text = failures[name]

    for said in CAUGHT[name]:
        assert re.search(said, text), text
    # The frames shown are the user's own: nothing of ours stands between the check and its caller.
    assert "llmreplay/core" not in text


def test_every_mistake_has_its_test(failures):
    """The example holds no test that this one does not know."""
    assert set(failures) == set(CAUGHT)
