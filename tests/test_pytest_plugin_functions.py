"""Functions of the user's that fail in a run of pytest: told in the report, which holds nothing unredacted."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

A_TEST = """
import warnings
import pytest
from asking import ask

TEXT = "an internal matter"

def forgets(text):
    text.replace("internal", "")

def raises(text):
    raise LookupError(text)

def breaks_at_short_texts(text):
    if len(text) < 9:
        raise LookupError(text)
    return text.replace("internal", "public")

@pytest.mark.llmreplay({setting}=[{function}])
def test_asks(llmreplay):
    ask(TEXT)

@pytest.mark.llmreplay({setting}=[{function}])
def test_fails(llmreplay):
    print(TEXT)
    warnings.warn(TEXT)
    assert TEXT == ""

@pytest.mark.llmreplay({setting}=[{function}])
def test_skips(llmreplay):
    print(TEXT)
    pytest.skip(TEXT)

def test_other():
    pass
"""


@pytest.mark.parametrize("function", ["forgets", "raises", "breaks_at_short_texts"])
def test_a_redaction_that_fails_ends_no_run_and_shows_nothing(suite, function):
    """Every test is reported; in the place of what cannot be redacted stands why."""
    suite.pytester.makepyfile(test_a=A_TEST.format(setting="redact", function=function))

    result = suite.run("-rA")

    result.assert_outcomes(failed=2, skipped=1, passed=1, warnings=1)
    text = result.stdout.str() + result.stderr.str()
    assert "INTERNALERROR" not in text
    assert "internal matter" not in text
    result.stdout.fnmatch_lines([f"*(not shown: it cannot be redacted, for redact={function}  (*test_a.py:*"])


def test_a_normaliser_that_fails_is_told_in_the_report_with_its_line(suite):
    """The failure's text names the function; the traceback shows where it failed."""
    suite.pytester.makepyfile(test_a=A_TEST.format(setting="normalize", function="raises"))
    suite.record("-k", "test_asks", mode="rewrite")

    result = suite.run("-k", "test_asks")

    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines(
        ["*setting   normalize", "*function  raises  (*test_a.py:*)", "*problem   raised LookupError: *"]
    )
