"""Retry loops as tutorials teach them, around two providers' SDKs. They know nothing of llmreplay."""

import random
import time
from dataclasses import dataclass, field

import anthropic
import openai

CLAUDE = "claude-haiku-4-5"
GPT = "gpt-5-mini"


def ask_claude(question: str, *, max_retries: int = 3) -> str:
    """Ask Claude; the SDK itself tries again."""
    with anthropic.Anthropic(max_retries=max_retries) as client:
        message = client.messages.create(model=CLAUDE, max_tokens=200, messages=[{"role": "user", "content": question}])
    return message.content[0].text


def ask_gpt(question: str, *, max_retries: int = 3) -> str:
    """Ask GPT; the SDK itself tries again."""
    with openai.OpenAI(max_retries=max_retries) as client:
        completion = client.chat.completions.create(model=GPT, messages=[{"role": "user", "content": question}])
    return completion.choices[0].message.content


async def ask_claude_async(question: str) -> str:
    """Ask Claude without blocking; the SDK itself tries again."""
    async with anthropic.AsyncAnthropic(max_retries=3) as client:
        message = await client.messages.create(
            model=CLAUDE, max_tokens=200, messages=[{"role": "user", "content": question}]
        )
    return message.content[0].text


async def ask_gpt_async(question: str) -> str:
    """Ask GPT without blocking; the SDK itself tries again."""
    async with openai.AsyncOpenAI(max_retries=3) as client:
        completion = await client.chat.completions.create(model=GPT, messages=[{"role": "user", "content": question}])
    return completion.choices[0].message.content


def ask_with_jitter(question: str, *, tries: int = 5, base_s: float = 1.0, longest_s: float = 60.0) -> str:
    """Wait as long as the provider says, else exponentially longer with some jitter."""
    for attempt in range(tries):
        try:
            return ask_claude(question, max_retries=0)
        except anthropic.RateLimitError as error:
            failure = error
            asked = error.response.headers.get("retry-after")
            wait_s = float(asked) if asked else _backoff(attempt, base_s, longest_s)
        except anthropic.APIStatusError as error:
            if error.status_code not in (500, 529):
                raise
            failure = error
            wait_s = _backoff(attempt, base_s, longest_s)
        if attempt < tries - 1:
            time.sleep(wait_s)
    raise failure


def _backoff(attempt: int, base_s: float, longest_s: float) -> float:
    return min(base_s * 2**attempt, longest_s) * random.uniform(0.8, 1.2)


def ask_doubling(question: str, *, tries: int = 4) -> str:
    """Sleep 1, 2, 4 seconds, whatever the error says."""
    for attempt in range(tries):
        try:
            return ask_gpt(question, max_retries=0)
        except openai.APIError:
            if attempt == tries - 1:
                raise
            time.sleep(2**attempt)
    raise AssertionError("unreachable")


@dataclass
class CountingAssistant:
    """Asks Claude, tries again, and keeps count of what happened."""

    attempts: int = 0
    errors: list[str] = field(default_factory=list)

    def ask(self, question: str, *, tries: int = 3) -> str:
        """Ask; the last error is raised."""
        for left in reversed(range(tries)):
            self.attempts += 1
            try:
                return ask_claude(question, max_retries=0)
            except anthropic.APIError as error:
                self.errors.append(type(error).__name__)
                if not left:
                    raise
                time.sleep(0.5)
        raise AssertionError("unreachable")


def ask_either(question: str) -> str:
    """Ask GPT; if it cannot be had, ask Claude."""
    try:
        return ask_gpt(question, max_retries=1)
    except openai.APIError:
        return ask_claude(question)
