"""A key is printed, logged, raised and compared in tests, and must be in nothing that pytest says about them."""

from __future__ import annotations

import pytest
from trust_doubles import SECRET, leaks_below, seen_in

pytest_plugins = ["pytester", "plugin_doubles"]

# No source of it names the key: it comes from the environment, as a key does.
TALKING = """
import logging, os, sys, warnings
import pytest
from asking import ask, CLIENT, MESSAGES_URL
from llmreplay import use_cassette

KEY = os.environ.get("ANTHROPIC_API_KEY") or "wJ9x/Qm2"
HEADERS = {"x-api-key": KEY}

def say(text="hi"):
    body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    return CLIENT.post(MESSAGES_URL, json=body, headers=HEADERS).json()

class Client:
    def __repr__(self):
        return f"Client(api_key={KEY!r})"

@pytest.fixture
def chatty():
    print("set up with", KEY)
    yield
    print("torn down with", KEY)

@pytest.fixture
def broken_end():
    yield
    raise RuntimeError(f"while ending: {KEY}")

def test_passes(llmreplay, chatty, record_property):
    say()
    print(KEY)
    print("b64", __import__("base64").b64encode(b"x" + KEY.encode()).decode())
    sys.stderr.write(KEY)
    logging.getLogger("app").warning("using %s", KEY)
    record_property("key", KEY)
    warnings.warn(f"deprecated key {KEY}")

def test_compares(llmreplay):
    client = Client()
    say()
    assert KEY == "something else"

def test_raises(llmreplay):
    local = KEY
    try:
        raise ValueError(KEY)
    except ValueError as error:
        raise RuntimeError(f"for {KEY}\\nand more") from error

def test_skips(llmreplay):
    pytest.skip(f"no use with {KEY}")

@pytest.mark.xfail(reason="known")
def test_expected(llmreplay):
    raise ValueError(KEY)

def test_ends_badly(llmreplay, broken_end):
    say()

def test_inside_a_block():
    with use_cassette("block.json"):
        say()
    print(KEY)
    assert not KEY

@pytest.mark.parametrize("key", [KEY, KEY + "x", "plain"])
def test_named(llmreplay, key):
    say()

def test_refused(llmreplay):
    ask("told")
    say(f"never recorded, with {KEY}" if os.environ.get("OTHERWISE") else f"recorded, with {KEY}")
"""


@pytest.fixture
def talking(suite, monkeypatch):
    """Give a suite whose tests tell their key in every way; the key is in the environment."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    asking = suite.root / "asking.py"
    asking.write_text(asking.read_text() + '\nMESSAGES_URL = "https://api.anthropic.com/v1/messages"\n')
    suite.pytester.makepyfile(test_talking=TALKING)
    return suite


ASKED = [
    ["-v", "-rA", "--junitxml=out.xml"],
    ["-vv", "-rA", "--showlocals", "--tb=long", "--junitxml=out.xml", "-o", "junit_logging=all"],
    ["-q", "--tb=native", "-rA"],
    ["-n2", "-rA", "-v", "--junitxml=out.xml"],
]


@pytest.mark.parametrize("arguments", ASKED, ids=["verbose", "locals", "native", "xdist"])
def test_no_report_tells_the_key(talking, arguments):
    """Neither terminal nor junit file nor any file below the project tells a key that tests said aloud."""
    if "-n2" in arguments:
        talking.plugins.append("xdist")
    recorded = talking.record(*arguments)
    said = recorded.stdout.str() + recorded.stderr.str()
    replayed = talking.run(*arguments)
    said_again = replayed.stdout.str() + replayed.stderr.str()

    lines = [line for line in (said + said_again).splitlines() if seen_in(line)]
    assert lines == []
    assert [line for line in (said + said_again).splitlines() if SECRET[:10] in line or SECRET[-10:] in line] == []
    assert leaks_below(talking.root) == []
    for result, passed in ((recorded, 6), (replayed, 5)):
        counts = result.parseoutcomes()
        del counts["warnings"]
        assert counts == {"passed": passed, "failed": 9 - passed, "skipped": 1, "xfailed": 1, "errors": 1}
    assert "REDACTED" in said


def test_a_refusal_does_not_tell_the_key(talking, monkeypatch):
    """A request that does not match is explained without the key it carries."""
    talking.record("-k", "refused").assert_outcomes(passed=1, deselected=10)
    monkeypatch.setenv("OTHERWISE", "1")

    refused = talking.run("-k", "refused", "-vv", "-rA", "--junitxml=out.xml")

    refused.assert_outcomes(failed=1, deselected=10)
    assert "UnmatchedRequest" in refused.stdout.str()
    assert seen_in(refused.stdout.str()) == []
    assert leaks_below(talking.root) == []


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="this pytest has no subtests")
@pytest.mark.parametrize("arguments", ASKED[1:], ids=["locals", "native", "xdist"])
def test_no_subtest_tells_the_key_by_its_name(talking, arguments):
    """What a subtest is called stands in its headline, in the progress and in the summary."""
    if "-n2" in arguments:
        talking.plugins.append("xdist")
    with (talking.root / "test_talking.py").open("a", encoding="utf-8") as file:
        file.write(
            "\ndef test_parts(llmreplay, subtests):\n"
            "    say()\n"
            "    with subtests.test(f'with {KEY}', key=KEY, number=3):\n"
            "        assert not KEY\n"
            "    with subtests.test(key=KEY):\n"
            "        pass\n"
        )

    result = talking.record("-k", "parts", *arguments)

    said = result.stdout.str() + result.stderr.str()
    assert [line for line in said.splitlines() if SECRET[:10] in line or SECRET[-10:] in line] == []
    assert "number=3" in said
    assert leaks_below(talking.root) == []


def test_reasons_and_properties_are_cleaned_whatever_they_are(suite):
    """The reason of an expected failure, a property that is no text, and its name."""
    suite.pytester.makepyfile(
        test_a="""
        import pytest
        from asking import ask, CLIENT

        KEY = "q7Wm2Zx9" + "Lp4Kv8Tn3Rb6Yc1Hs5Jd"

        def say(llmreplay):
            llmreplay.reply("Paris")
            CLIENT.post(
                "https://api.openai.com/v1/chat/completions",
                headers={"authorization": "Bearer " + KEY},
                json={"model": "m", "messages": []},
            )

        def test_expected(llmreplay):
            say(llmreplay)
            pytest.xfail("the provider said: bad key " + KEY)

        def test_properties(llmreplay, record_property):
            say(llmreplay)
            record_property("headers", {"authorization": KEY})
            record_property("keys", [KEY])
            record_property(KEY, 1)
        """
    )

    result = suite.run("-rx", "--junitxml=report.xml")

    result.assert_outcomes(xfailed=1, passed=1)
    written = result.stdout.str() + (suite.root / "report.xml").read_text("utf-8")
    assert "bad key REDACTED" in written
    assert "q7Wm2Zx9Lp4" not in written
