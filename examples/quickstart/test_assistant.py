"""Tests of the assistant: written as for a live provider, plus one fixture.

Record:  pytest --llmreplay-mode=once      (needs keys, or an `upstream` such as the simulator)
Replay:  pytest                            (offline, without keys)
"""

from assistant import Chat, answer, answer_word_by_word, packing_advice, summary


def test_answers_a_question(llmreplay):
    """One question is one call, which ends by itself."""
    text = answer("What is the capital of France?")

    call = llmreplay.calls.one()
    assert call.text == text
    assert call.stop_reason == "stop"


def test_streams_an_answer(llmreplay):
    """The pieces of a streamed answer are the answer, and the stream reaches its end."""
    pieces = list(answer_word_by_word("Why is the sky blue?"))

    call = llmreplay.calls.one()
    assert len(pieces) > 1
    assert "".join(pieces) == call.text
    assert call.is_complete


async def test_sums_up_without_blocking(llmreplay):
    """The async client is recorded and replayed like the other."""
    text = await summary("A long report about the harvest of 1816.")

    assert text == llmreplay.calls.one().text
    assert llmreplay.calls.usage.output_tokens > 0


def test_looks_the_weather_up_before_it_answers(llmreplay):
    """The model asks for the tool, gets its result, and then answers."""
    text = packing_advice("What should I pack for Paris?")

    assert llmreplay.calls.stop_reasons == ["tool_use", "stop"]
    assert llmreplay.calls.last.text == text


def test_remembers_the_conversation(llmreplay):
    """Every turn sends what was said before, so the input grows."""
    chat = Chat()
    for text in ("My name is Ada.", "I live in Turin.", "What do you know about me?"):
        chat.say(text)

    inputs = [call.usage.input_tokens for call in llmreplay.calls]
    assert inputs == sorted(set(inputs))
    assert len(chat.messages) == 6
