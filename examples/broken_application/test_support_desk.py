"""Five short tests that catch the five mistakes: every one of them fails, and says why.

Run:  pytest examples/broken_application
"""

from contextlib import suppress

import anthropic
from support_desk import Chat, category, paid_answer, summary, urgency

from llmreplay import faults, nth

TICKET = "My invoice is wrong."


def test_does_not_take_half_a_summary_for_one(llmreplay):
    """No SDK raises when a stream ends too early: only the wire shows it."""
    llmreplay.reply("The customer's invoice has the wrong address.")
    llmreplay.inject(faults.CutAfter(event="content_block_delta", n=2, end="clean"))

    summary(TICKET)

    llmreplay.calls.assert_all_streams_complete()


def test_does_not_repeat_a_request_that_is_wrong(llmreplay):
    """A 400 stays a 400."""
    llmreplay.reply("billing")
    llmreplay.inject(faults.BadRequest())

    with suppress(anthropic.BadRequestError):
        category(TICKET)

    llmreplay.calls.assert_not_retried()


def test_waits_as_long_as_it_is_asked_to(llmreplay):
    """The provider says thirty seconds."""
    llmreplay.reply("high")
    llmreplay.inject(faults.RateLimited(retry_after_s=30))

    urgency(TICKET)

    llmreplay.calls.assert_honoured_retry_after()


def test_remembers_the_conversation_after_an_error(llmreplay):
    """Each turn sends what was said before, also when it is tried again."""
    llmreplay.reply("Hello Ada.", "Your name is Ada.")
    llmreplay.inject(faults.Overloaded(), on=nth(2))
    chat = Chat()

    chat.say("My name is Ada.")
    chat.say("What is my name?")

    llmreplay.calls.assert_history_grows()


def test_charges_once(llmreplay):
    """The provider took the request, and its answer was lost: was it served or not?"""
    llmreplay.reply("We have corrected it.")
    llmreplay.inject(faults.ClosedAfterRequest())
    bill = []

    paid_answer(TICKET, bill)

    assert bill == [TICKET]
