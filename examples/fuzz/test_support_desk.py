"""Tests of the support desk. Without faults all of them pass; with faults each finds a bug.

Record:  pytest --llmreplay-mode=once      (needs a key, or an `upstream` such as the simulator)
Fuzz:    pytest                            (offline, without a key)
"""

import pytest
from support_desk import Conversation, DeskError, answer, summary, translation, urgent_answer

SAID = ("My printer is on fire.", "It is a Laser 9000.", "What now?")

fuzzed = pytest.mark.llmreplay_fuzz(max_examples=200, allowed=(DeskError,))


@fuzzed
def test_answers_with_patience():
    """A question gets an answer, or the desk says that it has none."""
    assert "password" in answer("How do I reset my password?")


@pytest.mark.llmreplay_fuzz(on_unmatched="answer")
@fuzzed
def test_never_forgets_what_was_said():
    """Whatever happens, the conversation holds all that the customer said."""
    conversation = Conversation()
    for text in SAID:
        conversation.say(text)

    said = [message["content"] for message in conversation.messages if message["role"] == "user"]
    assert said == list(SAID)


@pytest.mark.llmreplay_invariant(allowed=(DeskError,), max_examples=200)
def test_translates_however_the_bytes_come():
    """The translation is the same however the stream is cut into pieces."""
    assert "你好" in translation("你好，世界。今天天气很好。")


@pytest.mark.llmreplay_fuzz(oracles=("truncated",), kinds=("stream", "transport"))
@fuzzed
def test_sums_up_all_of_it():
    """A summary that was cut short is not taken for whole."""
    assert summary("The customer's printer was on fire, and the fire is out.") is not None


@pytest.mark.llmreplay_fuzz(kinds=("status", "transport"))
@fuzzed
def test_answers_at_once():
    """An urgent question gets an answer from either model, or the desk says that it has none."""
    assert urgent_answer("Is it still on fire?")
