"""What the plugin costs a run that does not use it, and what it gives one that has no keys."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

TELL_MODULES = """
import sys

def pytest_unconfigure(config):
    with open("modules.txt", "w") as file:
        file.write("\\n".join(sys.modules))
"""


def modules_of(suite, *arguments):
    suite.pytester.makeconftest(TELL_MODULES)
    suite.pytester.makepyfile(test_a="def test_it(): pass")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    subprocess.run(command, cwd=suite.root, check=True, capture_output=True)
    return set((suite.root / "modules.txt").read_text().split("\n"))


def test_a_run_that_does_not_use_it_imports_the_standard_library_alone(suite):
    """With the plugin installed and unused, nothing of ours but the plugin is loaded, and nothing of anybody else's."""
    without = modules_of(suite)
    with_plugin = modules_of(suite, "-p", "llmreplay")

    added = with_plugin - without
    ours = {name for name in added if name.partition(".")[0] == "llmreplay"}
    assert ours == {"llmreplay", "llmreplay.pytest_options", "llmreplay.pytest_plugin"}
    assert {name for name in added - ours if name.partition(".")[0] not in sys.stdlib_module_names} == set()


def test_the_plugin_is_imported_in_no_time(suite):
    """Importing the plugin beside pytest costs milliseconds; the figure is printed, and held to a generous bound."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import pytest\nimport llmreplay.pytest_plugin"],
        cwd=suite.root,
        check=True,
        capture_output=True,
        text=True,
    )

    times = {name: int(us) / 1000 for us, name in re.findall(r"\| +(\d+) \| +(llmreplay\S*)", done.stderr)}
    print(
        f"import of the plugin: {times['llmreplay.pytest_plugin']:.1f} ms, of the package: {times['llmreplay']:.1f} ms"
    )
    assert sum(times.values()) < 200


KEYLESS = """
import openai
CLIENT = openai.OpenAI()

def test_it(llmreplay):
    answer = CLIENT.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": "hi"}])
    assert "hi" in answer.choices[0].message.content
"""


@pytest.fixture
def keyless(suite, monkeypatch):
    """Give a suite that was recorded with a key, and now has none; its client is made at import."""
    suite.pytester.makepyfile(test_a=KEYLESS)
    with monkeypatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-test")
        suite.record().assert_outcomes(passed=1)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return suite


@pytest.mark.parametrize("where", ["ini file", "environment"])
def test_a_client_made_at_import_needs_no_key(keyless, monkeypatch, where):
    """Placeholders for the session are there before a test file is imported, and gone after it."""
    import os

    if where == "ini file":
        keyless.ini("llmreplay_placeholder_keys = session")
    else:
        monkeypatch.setenv("LLMREPLAY_PLACEHOLDER_KEYS", "session")

    result = keyless.run()

    result.assert_outcomes(passed=1)
    assert "OPENAI_API_KEY" not in os.environ


def test_without_placeholders_for_the_session_a_client_made_at_import_is_told_of_them(keyless):
    """By default a client made at import is the SDK's business: below its error stands what helps."""
    result = keyless.run()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "E *OPENAI_API_KEY*",
            "*llmreplay: a client was made at import*",
            "OPENAI_API_KEY was not set when this module was imported.*",
            "  LLMREPLAY_PLACEHOLDER_KEYS=session pytest *",
        ]
    )


def test_a_client_that_says_late_that_it_has_no_key_is_told_of_placeholders(suite, monkeypatch):
    """Anthropic's own client is made without a key, and fails in the test."""
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    suite.pytester.makepyfile(
        test_a="""
        import anthropic
        CLIENT = anthropic.Anthropic()

        def test_it(llmreplay):
            llmreplay.reply("hi")
            CLIENT.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "hi"}])

        def test_another(llmreplay):
            assert "api_key" == "a key"
        """
    )

    told = suite.run("-k", "it")
    other = suite.run("-k", "another")

    told.assert_outcomes(failed=1, deselected=1)
    told.stdout.fnmatch_lines(["*a client found no key*", "*placeholders were not set yet. To replay*"])
    other.assert_outcomes(failed=1, deselected=1)
    other.stdout.no_fnmatch_line("*a client found no key*")
    monkeypatch.setenv("LLMREPLAY_PLACEHOLDER_KEYS", "session")
    suite.run("-k", "it").assert_outcomes(passed=1, deselected=1)


@pytest.mark.parametrize(
    "source", ["import nothing_of_that_name", "raise KeyError('name')"], ids=["no module", "another key"]
)
def test_a_module_that_fails_for_another_reason_gets_no_advice_on_keys(suite, source):
    """What has nothing to do with a provider's key is left as it is."""
    suite.pytester.makepyfile(test_a=source)

    result = suite.run()

    result.assert_outcomes(errors=1)
    result.stdout.no_fnmatch_line("*a client was made at import*")


def test_a_client_made_in_a_test_needs_no_key(suite, monkeypatch):
    """The default is a placeholder for as long as a test is replayed; a suite without any key passes."""
    import os

    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    suite.pytester.makepyfile(
        test_a="""
        import anthropic, openai

        def test_it(llmreplay):
            question = [{"role": "user", "content": "hi"}]
            anthropic.Anthropic().messages.create(model="claude-haiku-4-5", max_tokens=9, messages=question)
            openai.OpenAI().chat.completions.create(model="gpt-5-mini", messages=question)
            assert len(llmreplay.calls) == 2
        """
    )

    suite.recorded_and_replayed(1)

    assert "OPENAI_API_KEY" not in os.environ


def test_the_help_names_every_option_and_setting(suite):
    """`pytest --help` tells of every setting of the ini file and every option."""
    from llmreplay.pytest_options import SETTINGS

    text = suite.run("--help").stdout.str()

    assert all(f"llmreplay_{name}" in text for name in SETTINGS)
    assert "--llmreplay-mode=" in text
    assert "--llmreplay-accept" in text


@pytest.mark.parametrize("guard", ["session", "test"])
def test_the_whole_session_is_closed_on_request(suite, guard):
    """With the guard over the session, a test that does not use us is refused a connection; else it is let alone."""
    suite.ini(f"llmreplay_guard = {guard}")
    suite.pytester.makepyfile(
        test_a="""
        import socket, sys

        def test_ours(llmreplay):
            pass

        def test_of_somebody_else():
            # The event that `connect` raises before it connects: nothing is sent.
            with socket.socket() as ours:
                sys.audit("socket.connect", ours, ("192.0.2.1", 9))
        """
    )

    result = suite.run()

    result.assert_outcomes(passed=2 if guard == "test" else 1, failed=0 if guard == "test" else 1)
    if guard == "session":
        result.stdout.fnmatch_lines(["*192.0.2.1*"])


def test_all_names_and_the_help_need_no_extra():
    """`strategies` needs Hypothesis: who asks for all there is, without it, gets the rest."""
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from llmreplay import *\n"
        "print(use_cassette, Usage)\n"
        "help('llmreplay')\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Record real LLM exchanges once" in done.stdout
