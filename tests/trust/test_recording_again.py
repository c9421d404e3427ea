"""A re-record keeps the good cassette unless a whole, better one came; a hand-edited one is read or named."""

from __future__ import annotations

import json

import pytest

from llmreplay.storage.files import load, load_partial

pytest_plugins = ["pytester", "plugin_doubles"]

CASSETTE = "test_a/test_it.json"
PARTIAL = CASSETTE + ".llmreplay-partial"
SUITE = """
import os
import pytest
from asking import CLIENT

MESSAGES = "https://api.anthropic.com/v1/messages"

def say(text):
    body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    return CLIENT.post(MESSAGES, json=body, timeout=5).status_code

def test_it(llmreplay):
    say("one")
    if os.environ.get("FAIL"):
        assert not "my own reason"
    say("two")
"""


@pytest.fixture
def recorded(suite):
    """Give a suite with a good cassette, and the bytes of that."""
    suite.pytester.makepyfile(test_a=SUITE)
    suite.record().assert_outcomes(passed=1)
    suite.good = (suite.root / "cassettes" / CASSETTE).read_bytes()
    return suite


def stands(suite):
    return (suite.root / "cassettes" / CASSETTE).read_bytes() == suite.good


def answering(suite, status):
    """Let the provider answer with an error from now on."""
    error = json.dumps({"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}})
    suite.pytester.makepyfile(
        sitting=f'''
        import http.server, threading

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response({status})
                self.send_header("content-type", "application/json")
                self.send_header("content-length", "{len(error)}")
                self.end_headers()
                self.wfile.write({error!r}.encode())

            def log_message(self, *said):
                pass

        SERVER = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=SERVER.serve_forever, daemon=True).start()
        URL = f"http://127.0.0.1:{{SERVER.server_port}}"
        '''
    )


def test_a_rerecord_that_fails_keeps_the_good_cassette(recorded, monkeypatch):
    """A failing test leaves the cassette as it was, keeps its half marked, and says why and how to force it."""
    monkeypatch.setenv("FAIL", "1")
    result = recorded.record(mode="rewrite")

    result.assert_outcomes(failed=1)
    assert stands(recorded)
    assert recorded.others == [PARTIAL]
    result.stdout.fnmatch_lines(["*the cassette stays as it was, because the test did not pass*--llmreplay-accept*"])

    monkeypatch.delenv("FAIL")
    recorded.run().assert_outcomes(passed=1)
    assert recorded.record(mode="rewrite").parseoutcomes() == {"passed": 1}
    assert recorded.others == []


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_rerecord_that_brings_errors_keeps_the_good_cassette(recorded, status):
    """Errors where answers stood do not replace them, though the test passes; `--llmreplay-accept` has them do so."""
    answering(recorded, status)
    recorded.ini("addopts = -p sitting")
    conftest = recorded.pytester.makeconftest(
        """
        import pytest, sitting

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.llmreplay(upstream={"https://api.anthropic.com": sitting.URL}))
        """
    )
    refused = recorded.run("--llmreplay-mode=rewrite")

    refused.assert_outcomes(passed=1)
    assert stands(recorded)
    refused.stdout.fnmatch_lines(["*the cassette stays as it was, because it brought errors where answers stood*"])
    path = recorded.root / "cassettes" / CASSETTE
    assert [one.outcome.status for one in load_partial(path)] == [status, status]

    recorded.run("--llmreplay-mode=rewrite", "--llmreplay-accept").assert_outcomes(passed=1)
    conftest.unlink()
    recorded.ini()
    recorded.run().assert_outcomes(passed=1)
    assert [one.outcome.status for one in load(path)] == [status, status]
    assert recorded.others == []


def test_a_rerecord_without_a_network_keeps_the_good_cassette(recorded, monkeypatch):
    """Nobody to talk to: the failures are kept aside, the answers stay, and the next run is as before."""
    asking = recorded.root / "test_a.py"
    asking.write_text(
        SUITE.replace(
            "    return CLIENT.post(MESSAGES, json=body, timeout=5).status_code",
            "    import httpx2\n    try:\n        return CLIENT.post(MESSAGES, json=body, timeout=5).status_code\n"
            "    except httpx2.TransportError:\n        return 0",
        )
    )
    monkeypatch.setenv("LLMREPLAY_UPSTREAM", "https://api.anthropic.com=http://127.0.0.1:9")

    result = recorded.run("--llmreplay-mode=rewrite")

    result.assert_outcomes(passed=1)
    assert stands(recorded)
    result.stdout.fnmatch_lines(["*the cassette stays as it was, because it brought errors where answers stood*"])
    monkeypatch.delenv("LLMREPLAY_UPSTREAM")
    recorded.run().assert_outcomes(passed=1)


def test_a_rerecord_without_a_key_keeps_the_good_cassette(recorded, monkeypatch):
    """A placeholder is never sent: the test fails with what to set, and the cassette stands."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-placeholder")
    asking = recorded.root / "test_a.py"
    asking.write_text(
        "import anthropic\n"
        + SUITE.replace(
            "    return CLIENT.post(MESSAGES, json=body, timeout=5).status_code",
            "    return anthropic.Anthropic().messages.create(**body)",
        )
    )
    from llmreplay.providers import CATALOGUE

    placeholder = dict(CATALOGUE.key_variables)["ANTHROPIC_API_KEY"]
    monkeypatch.setenv("ANTHROPIC_API_KEY", placeholder)

    result = recorded.run("--llmreplay-mode=rewrite")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*MissingKey*", "*Set*ANTHROPIC_API_KEY*"])
    assert stands(recorded)


def test_accept_takes_a_recording_of_a_test_that_fails(recorded, monkeypatch):
    """Whoever says so gets the half recording in the cassette's place."""
    monkeypatch.setenv("FAIL", "1")

    recorded.record("--llmreplay-accept", mode="rewrite").assert_outcomes(failed=1)

    assert recorded.prompts(CASSETTE) == ["one"]
    assert recorded.others == []


def test_what_was_put_aside_is_never_replayed(recorded, monkeypatch):
    """A partial file is no cassette, beside one or in the place of one."""
    monkeypatch.setenv("FAIL", "1")
    recorded.record(mode="rewrite")
    monkeypatch.delenv("FAIL")
    folder = recorded.root / "cassettes"
    (folder / CASSETTE).unlink()

    alone = recorded.run()
    (folder / PARTIAL).rename(folder / CASSETTE)
    renamed = recorded.run()

    alone.assert_outcomes(failed=1)
    alone.stdout.fnmatch_lines(["*does not exist*"])
    renamed.assert_outcomes(errors=1)
    renamed.stdout.fnmatch_lines(["*CassetteError*test_it.json*"])


EDITS = {
    "an answer": (lambda text: text.replace("end_turn", "max_tokens"), None),
    "laid out by an editor": (lambda text: json.dumps(json.loads(text), indent=1, ensure_ascii=False), None),
    "on one line": (lambda text: json.dumps(json.loads(text)), None),
    "windows line ends": (lambda text: text.replace("\n", "\r\n"), None),
    "keys in another order": (lambda text: json.dumps(json.loads(text), sort_keys=True), None),
    "a trailing comma": (lambda text: text.replace('"end": "complete"', '"end": "complete",'), r"line \d+"),
    "a misspelt field": (lambda text: text.replace('"response":', '"respones":', 1), r"\$\.interactions\[0\]"),
    "a misspelt end": (lambda text: text.replace('"complete"', '"compleet"', 1), r"\$\.interactions\[0\]"),
    "a status in words": (lambda text: text.replace('"status": 200', '"status": "ok"', 1), r"status"),
    "half of it": (lambda text: text[: len(text) // 2], r"line \d+"),
    "a newer format": (lambda text: text.replace("llmreplay/1", "llmreplay/9"), r"llmreplay/9"),
    "a merge conflict": (lambda text: "<<<<<<< HEAD\n" + text + "=======\n" + text + ">>>>>>> b\n", r"merge"),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("mode", ["none", "once", "new_episodes", "rewrite"])
def test_a_cassette_that_was_edited_is_read_or_named(recorded, edit, mode):
    """An edit that keeps it a cassette is read; any other is an error with file, place and remedy, in every mode."""
    change, words = EDITS[edit]
    path = recorded.root / "cassettes" / CASSETTE
    edited = change(path.read_text("utf-8")).encode()
    path.write_bytes(edited)

    result = recorded.record(mode=mode)

    if words is None:
        result.assert_outcomes(passed=1)
        assert recorded.prompts(CASSETTE) == ["one", "two"]
        if mode in ("none", "once"):
            assert path.read_bytes() == edited
    else:
        result.assert_outcomes(errors=1)
        result.stdout.re_match_lines([rf".*CassetteError: .*test_it\.json: .*{words}.*"])
        assert path.read_bytes() == edited
    assert recorded.others == []
