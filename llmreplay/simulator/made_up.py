"""Answers made up for any prompt, in the provider's own format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from llmreplay.core.api import Api
from llmreplay.core.errors import SettingError
from llmreplay.core.model import Reply, Request, Response, ToolCall
from llmreplay.simulator.prompt import Prompt, prompt_from_body
from llmreplay.simulator.rows import json_body, row_for
from llmreplay.simulator.schema_sample import schema_sample
from llmreplay.simulator.sources import Source

_SHOWN_CHARACTERS = 80


def make_up(apis: Sequence[Api] | None = None, *, token_delay_s: float = 0.0) -> Source:
    """Answer any prompt: a tool call where tools are offered, a sentence about the prompt otherwise.

    The same request gives the same bytes. After a tool's result comes text. Counts of tokens add up.

    Args:
        apis: Rows that build the answers, in order of preference; all that we know if not given.
        token_delay_s: Seconds before every event of a streamed answer.

    Raises:
        SettingError: A negative delay.
    """
    if token_delay_s < 0:
        raise SettingError(f"make_up(token_delay_s={token_delay_s}): must be 0 or more.")

    def answer(request: Request) -> Response | None:
        api = row_for(request, apis)
        body = json_body(request)
        if api is None or api.build_response is None or not isinstance(body, Mapping):
            return None
        is_streamed = api.is_streamed is not None and api.is_streamed(urlsplit(request.url).path, body)
        response = api.build_response(reply_to(prompt_from_body(body), request.body), request, is_streamed)
        if not is_streamed:
            return response
        chunks = tuple(replace(chunk, after_s=token_delay_s) for chunk in response.chunks)
        return replace(response, chunks=chunks)

    return answer


def reply_to(prompt: Prompt, seed: bytes) -> Reply:
    """Make up what the model says.

    Args:
        prompt: What it is asked.
        seed: Ids are derived from it: the request's body.
    """
    digest = hashlib.sha256(seed).hexdigest()
    if prompt.tool is not None and not prompt.is_tool_result:
        words = prompt.text.split()
        last_word = words[-1].strip("?!.,;:\"'") if words else ""
        arguments = json.dumps(schema_sample(prompt.tool.schema, last_word or "example") or {})
        return Reply(tool_calls=(ToolCall("", prompt.tool.name, arguments),), id_seed=digest)
    return Reply(text=_text(prompt), id_seed=digest)


def _text(prompt: Prompt) -> str:
    shown = prompt.text[:_SHOWN_CHARACTERS] + ("…" if len(prompt.text) > _SHOWN_CHARACTERS else "")
    if prompt.answer_schema is not None:
        return json.dumps(schema_sample(prompt.answer_schema, shown or "example"))
    if prompt.is_tool_result:
        return f"The tool says: {shown}"
    if not shown:
        return "You said nothing, so this answer is about nothing."
    return f'You asked "{shown}" in turn {prompt.turns}; this answer is made up.'
