"""Bad input: every mistake is told as what it is, with file or setting and remedy, and never as a traceback."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

A_TEST = """
from asking import ask

def test_it(llmreplay):
    ask()

def test_other(llmreplay):
    pass
"""


def no_traceback(result):
    """Hold a run to having told its problem in words."""
    text = result.stdout.str() + result.stderr.str()
    assert "INTERNALERROR" not in text
    assert "Traceback" not in text
    assert "llmreplay/pytest_" not in text
    assert "During handling" not in text
    return text


@pytest.fixture
def cassette(suite):
    """Give a function that replaces the recorded cassette of a test by something else."""
    suite.pytester.makepyfile(test_a=A_TEST)
    suite.record().assert_outcomes(passed=2)
    path = suite.root / "cassettes" / "test_a" / "test_it.json"

    def replace(change):
        path.write_bytes(change(path.read_bytes()))

    return replace


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes", "rewrite"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: b"", "empty"),
        (lambda data: data[: len(data) // 2], "cut off"),
        (lambda data: b"interactions: []\n", "JSON"),
        (lambda data: b'{"interactions": []}', "format"),
        (lambda data: data.replace(b'"llmreplay/1"', b'"llmreplay/2"'), "llmreplay/2"),
        (lambda data: data.replace(b'"hi"', b'"\xff\xfe"'), "UTF-8"),
        (lambda data: data.replace(b'"status": 200', b'"status": "ok"'), "status"),
        (lambda data: b"[1, 2]", "object"),
    ],
    ids=["empty", "truncated", "yaml", "no format", "newer", "not utf-8", "wrong type", "not an object"],
)
def test_a_bad_cassette_is_named_with_its_remedy(suite, cassette, change, words, mode):
    """Whatever the mode, a damaged cassette is an error naming the file, never "empty", and stays as it is."""
    cassette(change)
    before = (suite.root / "cassettes" / "test_a" / "test_it.json").read_bytes()

    result = suite.record(mode=mode)

    text = no_traceback(result)
    result.assert_outcomes(errors=1, passed=1)
    assert "cassettes/test_a/test_it.json: " in text
    assert words.lower() in text.lower()
    assert (suite.root / "cassettes" / "test_a" / "test_it.json").read_bytes() == before


def test_a_missing_cassette_says_how_to_record_it(suite):
    """Without a cassette the refusal gives the command to type."""
    suite.pytester.makepyfile(test_a=A_TEST)

    result = suite.run()

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*cassette  cassettes/test_a/test_it.json: does not exist", "*pytest test_a.py::test_it --llmreplay-mode=once"]
    )


def test_a_folder_in_the_place_of_a_cassette_is_told(suite):
    """Something that is no file is named."""
    suite.pytester.makepyfile(test_a=A_TEST)
    (suite.root / "cassettes" / "test_a" / "test_it.json").mkdir(parents=True)

    result = suite.run()

    result.assert_outcomes(errors=1, passed=1)
    assert "cassettes/test_a/test_it.json: it is a folder" in no_traceback(result)


WRONG_MODE = "mode='onse': choose from none, once, new_episodes, rewrite, live."


@pytest.mark.parametrize("where", ["command line", "environment", "ini file"])
def test_a_mode_that_does_not_exist_ends_the_run_before_it_begins(suite, monkeypatch, where):
    """A wrong mode that is said for the whole run is a usage error that echoes it."""
    suite.pytester.makepyfile(test_a=A_TEST)
    arguments = []
    if where == "command line":
        arguments = ["--llmreplay-mode=onse"]
    elif where == "environment":
        monkeypatch.setenv("LLMREPLAY_MODE", "onse")
    else:
        suite.ini("llmreplay_mode = onse")

    result = suite.run(*arguments)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: the {where}: {WRONG_MODE}" in no_traceback(result)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("mode='onse'", f"@pytest.mark.llmreplay: {WRONG_MODE}"),
        ("modus='once'", "@pytest.mark.llmreplay: 'modus' is no setting. Did you mean mode?"),
        ("'once'", "settings have names, such as mode='none'."),
        ("ignore=['$.messages[']", "$.messages["),
        ("ignore=['messages.id']", "messages.id"),
        ("normalize=['tomorrow']", "tomorrow"),
        ("redact=['re:(']", "re:("),
        ("upstream={'api.anthropic.com': 'localhost'}", "'api.anthropic.com' is no address."),
        ("faults='429 times two'", "429 times two"),
        ("cassette='../../outside.json'", None),
    ],
    ids=["mode", "name", "position", "path", "no path", "normalize", "redact", "upstream", "faults", "outside"],
)
def test_a_wrong_marker_is_an_error_of_its_test_alone(suite, marker, message):
    """A marker with a mistake names the mistake; other tests run."""
    suite.pytester.makepyfile(
        test_a=f"""
        import pytest

        @pytest.mark.llmreplay({marker})
        def test_it():
            pass

        def test_other(llmreplay):
            pass
        """
    )

    result = suite.run()

    if message is None:
        result.assert_outcomes(passed=2)
        return
    text = no_traceback(result)
    result.assert_outcomes(errors=1, passed=1)
    assert message in text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("llmreplay_ignore = $.messages[", "$.messages["),
        ("llmreplay_speed = fast", "speed='fast': give a number of 0 or more."),
        ("llmreplay_allow_repeats = perhaps", "the ini file: llmreplay_allow_repeats: invalid truth value 'perhaps'."),
        ("llmreplay_faults = often", "often"),
    ],
)
def test_a_wrong_line_of_the_ini_file_ends_the_run_before_it_begins(suite, line, message):
    """The whole run has these settings, so nothing runs with wrong ones."""
    suite.ini(line)
    suite.pytester.makepyfile(test_a=A_TEST)

    result = suite.run()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in no_traceback(result)


def test_a_misspelt_environment_variable_is_told(suite, monkeypatch):
    """A variable that resembles one of ours is not passed over in silence."""
    monkeypatch.setenv("LLMREPLAY_MOED", "once")
    suite.pytester.makepyfile(test_a=A_TEST)

    result = suite.run()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "LLMREPLAY_MOED is no setting. Did you mean LLMREPLAY_MODE?" in no_traceback(result)


INI_TABLE = """
[tool.pytest.ini_options]
pythonpath = ["."]
llmreplay_ignore = ["$.id", "query:a,b"]
llmreplay_allow_repeats = true
llmreplay_upstream = ["https://a=http://b", "https://c=http://d"]
llmreplay_speed = "2"
"""
INI_FILE = """
[pytest]
llmreplay_ignore = $.id, query:a
    query:b
llmreplay_allow_repeats = yes
llmreplay_upstream =
    https://a=http://b
    https://c=http://d
llmreplay_speed = 2
"""


@pytest.mark.parametrize(
    ("file", "text", "ignore"),
    [
        ("pyproject.toml", INI_TABLE, ("$.id", "query:a,b")),
        ("pyproject.toml", INI_TABLE.replace(".ini_options", ""), ("$.id", "query:a,b")),
        ("pytest.ini", INI_FILE, ("$.id", "query:a", "query:b")),
    ],
    ids=["ini_options", "native table", "ini file"],
)
def test_lists_and_switches_are_understood_in_every_file(suite, file, text, ignore):
    """Lists, lines, switches and numbers mean the same in each place where pytest is configured."""
    (suite.root / "tox.ini").unlink()
    (suite.root / file).write_text(text)
    suite.pytester.makepyfile(
        test_a=f"""
        def test_it(llmreplay):
            said = llmreplay.settings
            assert said.ignore == {ignore!r}
            assert (said.allow_repeats, said.speed) == (True, 2.0)
            assert said.upstream == {{"https://a": "http://b", "https://c": "http://d"}}
        """
    )

    suite.run("-W", "error").assert_outcomes(passed=1)


def test_a_wrong_type_in_a_native_table_is_told(suite):
    """A number where a text is wanted is a usage error that names the setting."""
    (suite.root / "tox.ini").unlink()
    suite.pytester.makepyprojecttoml("[tool.pytest]\nllmreplay_mode = 3\n")
    suite.pytester.makepyfile(test_a="def test_it(llmreplay): pass")

    result = suite.run()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "llmreplay_mode" in no_traceback(result)


def test_recording_without_any_key_says_which_are_missing(suite, monkeypatch):
    """An SDK that will not start without a key fails the recording with a section that names the variables."""
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    suite.pytester.makepyfile(test_a="import openai\ndef test_it(llmreplay):\n    openai.OpenAI()\n")

    result = suite.run("--llmreplay-mode=once")

    result.stdout.fnmatch_lines(
        ["*llmreplay: recording needs a key*", "none of these is set: ANTHROPIC_API_KEY, OPENAI*"]
    )
