"""A process that has everything imported and forks a recording session for each line it reads, to be killed.

Each line is JSON: `path`, `mode`, `upstream`, `texts`, `during` (seconds an answer may take). The child's number is
printed, then each text whose answer the application has in hand, then `closed`.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
from functools import cache
from pathlib import Path

import anthropic
import httpx2  # noqa: F401 - preloaded, as everything here

from llmreplay import use_cassette

ssl.create_default_context = cache(ssl.create_default_context)


def say(text: str) -> None:
    """Tell the test something; it survives this process."""
    os.write(1, text.encode() + b"\n")


def record(job: dict) -> None:
    """Ask once a text, and tell when the answer is there."""
    with (
        anthropic.Anthropic(api_key="sk-any", max_retries=0) as client,
        use_cassette(Path(job["path"]), mode=job["mode"], upstream=job["upstream"], accept=True),
    ):
        for text in job["texts"]:
            with client.messages.stream(
                model="claude-haiku-4-5", max_tokens=9, messages=[{"role": "user", "content": text}]
            ) as stream:
                stream.get_final_message()
            say(text)
        say("saving")
    say("closed")


def main() -> None:
    """Fork a session for each line."""
    # What the first session would do once, done before any is forked.
    with anthropic.Anthropic(api_key="sk-any"), use_cassette("unused.json", mode="none"):
        pass
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                record(json.loads(line))
            except BaseException as error:
                say(f"error {error!r}"[:500])
            finally:
                os._exit(0)
        say(f"child {child}")
        os.waitpid(child, 0)
        say("over")


if __name__ == "__main__":
    main()
