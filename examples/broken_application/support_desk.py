"""A support desk with five mistakes that no test of the good case finds. It knows nothing of llmreplay."""

import time

import anthropic

CLAUDE = "claude-haiku-4-5"


def summary(ticket: str) -> str:
    """Sum a ticket up, streamed. Mistake: a stream that breaks off is taken for an answer."""
    text = ""
    with anthropic.Anthropic() as client:
        stream = client.messages.create(
            model=CLAUDE, max_tokens=200, stream=True, messages=[{"role": "user", "content": ticket}]
        )
        for event in stream:
            if event.type == "content_block_delta":
                text += event.delta.text
    return text


def category(ticket: str) -> str:
    """Sort a ticket. Mistake: every error is tried again, also one that cannot go away."""
    for left in (2, 1, 0):
        try:
            return _ask([{"role": "user", "content": ticket}])
        except anthropic.APIError:
            if not left:
                raise
            time.sleep(1)
    raise AssertionError("unreachable")


def urgency(ticket: str) -> str:
    """Weigh a ticket. Mistake: it does not wait as long as the provider asks."""
    for left in (2, 1, 0):
        try:
            return _ask([{"role": "user", "content": ticket}])
        except anthropic.RateLimitError:
            if not left:
                raise
            time.sleep(1)
    raise AssertionError("unreachable")


class Chat:
    """A conversation. Mistake: when a turn is tried again, what was said before is lost."""

    def __init__(self) -> None:
        self.messages = []

    def say(self, text: str) -> str:
        """Say something and give the reply."""
        self.messages.append({"role": "user", "content": text})
        try:
            reply = _ask(self.messages)
        except anthropic.APIStatusError:
            self.messages = [{"role": "user", "content": text}]
            reply = _ask(self.messages)
        self.messages.append({"role": "assistant", "content": reply})
        return reply


def paid_answer(ticket: str, bill: list[str]) -> str:
    """Answer for money. Mistake: a request whose answer was lost is charged, and then charged again."""
    while True:
        try:
            bill.append(ticket)
            return _ask([{"role": "user", "content": ticket}])
        except anthropic.APIConnectionError:
            time.sleep(1)


def _ask(messages: list[dict[str, str]]) -> str:
    with anthropic.Anthropic(max_retries=0) as client:
        message = client.messages.create(model=CLAUDE, max_tokens=200, messages=messages)
    return message.content[0].text
