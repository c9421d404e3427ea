"""Interrupted recordings: what came is kept aside, the cassette stands, and the same command then just works."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

ASKS_TWICE = """
import os
import pytest
from asking import ask

def test_it(llmreplay):
    ask("one")
    {interruption}
    ask("two")

def test_next(llmreplay):
    ask("next")
"""
CASSETTE = "test_a/test_it.json"
PARTIAL = CASSETTE + ".llmreplay-partial"


def interrupted_by(suite, interruption):
    suite.pytester.makepyfile(test_a=ASKS_TWICE.format(interruption=f"if not os.environ.get('AGAIN'): {interruption}"))


def then_it_just_works(suite, mode="once"):
    """Run the same command again, undisturbed, and replay."""
    suite.pytester._monkeypatch.setenv("AGAIN", "1")
    suite.recorded_and_replayed(2, mode=mode)
    assert suite.prompts(CASSETTE) == ["one", "two"]
    assert suite.others == []


@pytest.mark.parametrize("standing", [False, True], ids=["no cassette", "a cassette"])
@pytest.mark.parametrize(
    "interruption",
    ["raise KeyboardInterrupt", "pytest.exit('enough')", "assert False", "raise SystemExit(3)"],
    ids=["keyboard", "exit", "failure", "system exit"],
)
def test_a_test_that_does_not_pass_keeps_its_recording_aside(suite, interruption, standing):
    """However a test is broken off, its half is kept beside the cassette, which stays as it was."""
    interrupted_by(suite, interruption)
    if standing:
        suite.pytester._monkeypatch.setenv("AGAIN", "1")
        suite.record()
        suite.pytester._monkeypatch.delenv("AGAIN")
    before = [(suite.root / "cassettes" / name).read_bytes() for name in suite.cassettes]

    result = suite.record(mode="rewrite")

    after = [(suite.root / "cassettes" / name).read_bytes() for name in suite.cassettes if name == CASSETTE]
    assert after == before[:1]
    assert PARTIAL in suite.others
    assert result.stdout.str().count("What was recorded is in test_it.json.llmreplay-partial") == 1
    then_it_just_works(suite, mode="rewrite")


def test_an_interrupt_leaves_nothing_behind_in_the_process(suite):
    """After Ctrl-C in the middle of a recording, no patch, guard or key of ours is left."""
    import os

    import httpx2

    before = (httpx2.HTTPTransport.handle_request, sorted(os.environ))
    interrupted_by(suite, "raise KeyboardInterrupt")

    suite.record()

    assert (httpx2.HTTPTransport.handle_request, sorted(os.environ)) == before


def test_ctrl_c_between_two_calls_is_survived(suite):
    """A real SIGINT, sent while the test waits, keeps what was recorded, and the same command then works."""
    interrupted_by(suite, "(print('now', flush=True), __import__('time').sleep(60))")
    command = [sys.executable, "-m", "pytest", "-p", "llmreplay", "-s", "-q", "--llmreplay-mode=once"]
    with suite.pytester._monkeypatch.context() as patch:
        patch.setenv("LLMREPLAY_UPSTREAM", suite.upstream)
        patch.setenv("LLMREPLAY_CLOCK", "real")
        running = subprocess.Popen(command, cwd=suite.root, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    with running:
        assert any("now" in line for line in iter(running.stdout.readline, ""))
        running.send_signal(signal.SIGINT)
        text = running.stdout.read()

    assert running.returncode == pytest.ExitCode.INTERRUPTED
    assert "What was recorded is in test_it.json.llmreplay-partial" in text
    assert PARTIAL in suite.others
    then_it_just_works(suite)


def test_kill_9_loses_nothing_that_was_answered(suite):
    """A process that dies at once leaves its journal, which the next run finds and says so."""
    interrupted_by(suite, "os.kill(os.getpid(), 9)")

    suite.record(subprocess=True)
    left = suite.others
    result = suite.run("-k", "test_it")

    assert left == [CASSETTE + ".llmreplay-journal"]
    assert suite.others == [PARTIAL]
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["*1 interaction of an interrupted recording found*"])
    then_it_just_works(suite)


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_a_timeout_is_survived(suite, method):
    """pytest-timeout breaks a recording off in either of its ways; the same command then works."""
    interrupted_by(suite, "__import__('threading').Event().wait(60)")
    suite.plugins.append("timeout")

    suite.record("--timeout=0.5", f"--timeout-method={method}", subprocess=method == "thread")

    assert suite.others in ([PARTIAL], [CASSETTE + ".llmreplay-journal"])
    suite.plugins.remove("timeout")
    then_it_just_works(suite)
