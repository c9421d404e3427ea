"""What is said before, or beside, a recording that cannot be what its user wants."""

from __future__ import annotations

import os

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]


def test_a_variable_to_redact_that_is_not_set_is_told_while_recording(suite, monkeypatch):
    """Misspelt, it would let the secret through; while replaying it is of course not set."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask

        @pytest.mark.llmreplay(redact=["env:GATEWEY_KEY"])
        def test_a():
            ask("one")
        """
    )

    recorded, replayed = suite.record(), suite.run()

    recorded.stdout.fnmatch_lines(["*GATEWEY_KEY is not set, so nothing was looked for in its place.*"])
    replayed.assert_outcomes(passed=1)
    replayed.stdout.no_fnmatch_line("*GATEWEY_KEY*")


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_sent(suite, monkeypatch):
    """What is paid for could not be kept."""
    suite.pytester.makepyfile(
        test_a="""
        from asking import ask

        def test_a(llmreplay):
            ask("one")
        """
    )
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    sent = suite.sent

    result = suite.record()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*cannot be recorded: the folder * cannot be written to*"])
    assert suite.sent == sent


@pytest.mark.parametrize("decorated", ["classmethod", "staticmethod", "pytest.fixture"])
def test_what_is_no_function_is_not_decorated(suite, decorated):
    """Written above another decorator, `use_cassette` says where it belongs."""
    suite.pytester.makepyfile(
        test_a=f"""
        import pytest
        from llmreplay import SettingError, use_cassette

        def test_a():
            with pytest.raises(SettingError, match="write it below, next to the `def`"):
                use_cassette("a.json")({decorated}(lambda: None))
        """
    )

    suite.run().assert_outcomes(passed=1)


def test_a_wrong_value_in_the_ini_file_is_named_whatever_else_is_said(suite):
    """An option beside it changes nothing of that."""
    suite.ini("llmreplay_allow_repeats = maybe")

    result = suite.run("--llmreplay-mode=none")

    result.stderr.fnmatch_lines(["*the ini file: llmreplay_allow_repeats: *'maybe'*"])
