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


@pytest.mark.parametrize("api", ["anthropic", "openai"])
def test_only_streams_of_anthropic_get_its_pings(suite, api):
    """A reader that knows no `ping` event is fuzzed with those at Anthropic only; at OpenAI with comments."""
    suite.pytester.makepyfile(
        asking_openai="""
        from asking import CLIENT

        def stream(api):
            body = {"model": "gpt-5-mini", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
            url = "https://api.openai.com/v1/chat/completions"
            if api == "anthropic":
                body |= {"model": "claude-haiku-4-5", "max_tokens": 50}
                url = "https://api.anthropic.com/v1/messages"
            with CLIENT.stream("POST", url, json=body) as response:
                return response.read().decode().count("event: ping")
        """,
        test_a=f"""
        import pytest
        from asking_openai import stream

        USUAL = []

        @pytest.mark.llmreplay_fuzz(kinds="pings", max_examples=60, seed=1)
        def test_one():
            pings = stream("{api}")
            USUAL.append(pings)
            assert pings == USUAL[0]
        """,
    )
    suite.record().assert_outcomes(passed=1)

    result = suite.run()

    result.assert_outcomes(**{{"anthropic": "failed", "openai": "passed"}[api]: 1})


def test_a_test_with_both_markers_is_run_under_faults_and_with_other_chunks(suite):
    """The fuzz marker does not hide the invariance marker: each is searched, one after the other."""
    suite.pytester.makepyfile(
        reading=READING,
        test_a="""
        import pytest
        from reading import translate

        @pytest.mark.llmreplay_fuzz(max_examples=3, kinds="no_usage", seed=1)
        @pytest.mark.llmreplay_invariant(max_examples=30, seed=1)
        @pytest.mark.parametrize("careful", [True, False])
        def test_one(careful):
            assert "你好，世界" in translate(careful)
        """,
    )
    suite.record().assert_outcomes(passed=2)

    result = suite.run("-rA")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(['*@pytest.mark.llmreplay(faults="rechunk@1")'])
    notes = [line for line in result.outlines if "test_one[True]: fuzzed with" in line]
    assert len(notes) == 2
