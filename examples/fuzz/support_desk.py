"""A support desk over Claude, with error handling of its own. It looks careful, and has five bugs."""

import functools
import json
import time

import anthropic

MODEL = "claude-sonnet-4-6"
FALLBACK = "claude-haiku-4-5"
TRIES = 3


class DeskError(Exception):
    """The desk has no answer; its callers know what to do then."""


class Busy(Exception):
    """The provider asks to come back later."""

    def __init__(self, headers) -> None:
        super().__init__("busy")
        self.headers = headers


class Unreachable(Exception):
    """The provider cannot be reached."""


@functools.cache
def client() -> anthropic.Anthropic:
    return anthropic.Anthropic(max_retries=0)


def create(messages, model=MODEL) -> str:
    """Ask once; any trouble is one of the three exceptions above."""
    try:
        message = client().messages.create(model=model, max_tokens=200, messages=messages)
        return "".join(block.text for block in message.content if block.type == "text")
    except (anthropic.RateLimitError, anthropic.InternalServerError) as error:
        raise Busy(error.response.headers) from error
    except anthropic.APIConnectionError as error:
        raise Unreachable from error
    except Exception as error:
        raise DeskError("no usable answer") from error


def answer(question: str) -> str:
    """Answer a question, with patience."""
    for _ in range(TRIES):
        try:
            return create([{"role": "user", "content": question}])
        except Unreachable:
            time.sleep(1)
        except Busy as busy:
            time.sleep(float(busy.headers["retry-after"]))  # bug 1: nobody promised that header
    raise DeskError("busy for too long")


class Conversation:
    """What a customer and the desk said to each other."""

    def __init__(self) -> None:
        self.messages = []

    def say(self, text: str) -> str:
        """Hear the customer, and reply."""
        self.messages.append({"role": "user", "content": text})
        reply = self._reply()
        self.messages.append({"role": "assistant", "content": reply})
        return reply

    def _reply(self) -> str:
        try:
            return create(self.messages)
        except (Busy, Unreachable):
            try:
                return create(self.messages)
            except (Busy, Unreachable, DeskError):
                self.messages.pop()  # bug 2: what the customer said is lost
                return "We are busy right now. Please say that again later."
        except DeskError:
            return "We cannot answer that."


def translation(text: str) -> str:
    """Translate, reading the stream by hand."""
    pieces, rest, is_whole = [], "", False
    try:
        with client().messages.with_streaming_response.create(
            model=MODEL, max_tokens=200, stream=True, messages=[{"role": "user", "content": f"Translate: {text}"}]
        ) as response:
            for data in response.iter_bytes():
                rest += data.decode("utf-8")  # bug 3: a character may come in two pieces
                *lines, rest = rest.split("\n")
                for line in lines:
                    event = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                    is_whole = is_whole or event.get("type") == "message_stop"
                    pieces.append(event.get("delta", {}).get("text", ""))
    except UnicodeDecodeError:
        raise
    except Exception as error:
        raise DeskError("the translation broke off") from error
    if not is_whole:
        raise DeskError("the translation broke off")
    return "".join(pieces)


def summary(text: str) -> str:
    """Sum a ticket up, for the files."""
    try:
        with client().messages.stream(
            model=MODEL, max_tokens=200, messages=[{"role": "user", "content": f"Sum up: {text}"}]
        ) as stream:
            return "".join(stream.text_stream)  # bug 4: nobody looks whether that was all
    except Exception as error:
        raise DeskError("no summary") from error


def urgent_answer(question: str) -> str:
    """Answer at once, from the smaller model if need be."""
    messages = [{"role": "user", "content": question}]
    try:
        return create(messages)
    except Unreachable as error:
        raise DeskError("the provider is out of reach") from error
    except Busy:
        try:
            return create(messages, FALLBACK)
        except Busy as error:  # bug 5: and if it is out of reach by now?
            raise DeskError("both models are busy") from error
