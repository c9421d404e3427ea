"""Recording sessions are killed at random moments: no finished answer is lost, no cassette damaged."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anthropic
import pytest
from trust_doubles import a_message_stream, always, names_in

from llmreplay import use_cassette
from llmreplay.storage.files import load, load_partial
from llmreplay.storage.journal import recover

SESSIONS = int(os.environ.get("SESSIONS", "30"))
"""How many are killed; `SESSIONS=100` for more certainty."""

TEXTS = [f"question {number}" for number in range(6)]
OLD_TEXTS = ["an old question", "another old question"]


class Sessions:
    """Recording sessions in processes of their own, forked from one that has everything imported."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("recording_process.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=script.parents[2],
        )
        assert self._said() == "ready"

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def run(self, job: dict[str, object], *, after: str, delay_s: float) -> list[str]:
        """Run a session, and kill it a while after it said something; give all that it said."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        said: list[str] = []
        while (line := self._said()) != "over":
            assert line, "the process that forks has died"
            said.append(line)
            if line == after or line.startswith(after + " "):
                # Its number is nobody else's before `over`: until then its parent has not waited for it.
                time.sleep(delay_s)
                os.kill(int(said[0].split()[1]), signal.SIGKILL)
        return said

    def end(self) -> None:
        """End the process that forks."""
        assert self._process.stdin is not None
        self._process.communicate(timeout=10)


@pytest.fixture(scope="module")
def sessions() -> Iterator[Sessions]:
    """Give the process that forks sessions."""
    running = Sessions()
    yield running
    running.end()


def asked(interactions) -> list[str]:
    return [json.loads(one.request.body)["messages"][0]["content"] for one in interactions or ()]


def ask(client, texts):
    for text in texts:
        with client.messages.stream(
            model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": text}]
        ) as stream:
            stream.get_final_message()


@pytest.fixture(scope="module")
def client() -> Iterator[anthropic.Anthropic]:
    """Give one client for all sessions of this process."""
    with anthropic.Anthropic(api_key="sk-any", max_retries=0) as one:
        yield one


@pytest.mark.filterwarnings("ignore::llmreplay.session.replay.LlmReplayWarning")
@pytest.mark.parametrize("mode", ["once", "rewrite", "new_episodes"])
def test_no_finished_answer_is_lost_to_sigkill(tmp_path, listener, sessions, client, mode):
    """Whenever a session is killed, what it finished is found, the cassette is old or new, and the next run works."""
    listener.answer = always(a_message_stream("It is so.", 3))
    count = SESSIONS // 3 + (mode == "once")
    chance = random.Random(f"killed {mode}")
    old = tmp_path / "old.json"
    with use_cassette(old, mode="once", upstream=listener.upstream):
        ask(client, OLD_TEXTS)
    lost, damaged, told, killed, finished = [], [], 0, 0, 0

    for number in range(count):
        path = tmp_path / str(number) / "one.json"
        path.parent.mkdir()
        if mode != "once":
            shutil.copy(old, path)
        job = {"mode": mode, "upstream": listener.upstream, "texts": TEXTS, "path": str(path)}
        after = chance.choice(["child", *TEXTS, "saving", "saving"])
        said = sessions.run(job, after=after, delay_s=chance.uniform(0, 0.008))
        assert not [line for line in said if line.startswith("error")], said
        done = [text for text in said if text in TEXTS]
        killed += "closed" not in said
        finished += len(done)
        try:
            standing, found = asked(load(path)), asked(recover(path))
        except Exception as error:
            damaged.append(f"{number}: {error}")
            continue
        if standing not in ([], OLD_TEXTS, TEXTS, OLD_TEXTS + TEXTS):
            damaged.append(f"{number}: {standing}")
        lost += [f"{number}: {text}" for text in done if text not in standing + found]

        with use_cassette(path, mode=mode, upstream=listener.upstream) as again:
            aside = asked(load_partial(path))
            ask(client, TEXTS)
        lost += [f"{number}: {text}, after the next run opened" for text in done if text not in standing + aside]
        told += any("interrupted recording" in note for note in again.notes)
        assert bool(aside) == any("interrupted recording" in note for note in again.notes)
        assert asked(load(path))[-len(TEXTS) :] == TEXTS
        assert names_in(path.parent) == ["one.json"]

    print(
        f"\n{mode}: {killed} of {count} killed in time, {finished} answers finished, {len(lost)} lost, "
        f"{len(damaged)} cassettes damaged, {told} recoveries told"
    )
    assert (lost, damaged) == ([], [])
    assert killed > count // 2
    assert told > count // 3
