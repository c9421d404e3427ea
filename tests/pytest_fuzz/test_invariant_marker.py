"""The invariance marker from outside: a stream in other chunks, late and with keep-alives says the same."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester", "plugin_doubles"]

READING = '''
import json
from asking import CLIENT

def events(lines):
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: ")).get("delta", {}).get("text", "")

def translate(careful):
    """Read a stream in Chinese, by lines or by hand."""
    body = {
        "model": "claude-haiku-4-5", "max_tokens": 50, "stream": True,
        "messages": [{"role": "user", "content": "你好，世界"}],
    }
    with CLIENT.stream("POST", "https://api.anthropic.com/v1/messages", json=body) as response:
        if careful:
            return "".join(events(response.iter_lines()))
        return "".join(events("".join(data.decode("utf-8", "ignore") for data in response.iter_bytes()).split("\\n")))
'''


@pytest.mark.parametrize("is_careful", [True, False], ids=["by lines", "by chunks"])
def test_a_reader_that_cuts_characters_in_two_is_found(suite, is_careful):
    """The same test passes with a reader that minds characters, and fails with one that does not."""
    suite.pytester.makepyfile(
        reading=READING,
        test_a=f"""
        import pytest
        from reading import translate

        @pytest.mark.llmreplay_invariant(max_examples=30, seed=1)
        def test_one():
            assert "你好，世界" in translate({is_careful})
        """,
    )
    suite.record().assert_outcomes(passed=1)

    result = suite.run()

    result.assert_outcomes(passed=int(is_careful), failed=int(not is_careful))
    if not is_careful:
        result.stdout.fnmatch_lines(['*@pytest.mark.llmreplay(faults="rechunk@1")'])
