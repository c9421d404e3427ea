"""What the providers' own SDKs make of one made-up reply, plain and streamed, over a transport in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from llmreplay.core.api import Api
from llmreplay.core.asked import Asked
from llmreplay.core.attempt import Attempt
from llmreplay.core.model import Answer, Reply, Request, Response
from llmreplay.providers.anthropic import MESSAGES
from llmreplay.providers.openai import CHAT, RESPONSES

HELLO = [{"role": "user", "content": "hello"}]


class Provider:
    """Answers with the reply it holds, and keeps what it sent last."""

    def __init__(self, api: Api, http: Any) -> None:
        self.api = api
        self.reply = Reply()
        self.sent: tuple[Request, Response] | None = None
        self._http = http
        self.client = http.Client(transport=http.MockTransport(self._handle))

    def _handle(self, native: Any) -> Any:
        request = Request(native.method, str(native.url), (), native.read())
        assert self.api.build_response is not None
        is_streamed = json.loads(request.body).get("stream") is True
        response = self.api.build_response(self.reply, request, is_streamed)
        self.sent = (request, response)
        chunks = iter([chunk.data for chunk in response.chunks])
        return self._http.Response(response.status, headers=list(response.headers), content=chunks)

    @property
    def logged(self) -> Answer:
        """What the call log says of the last answer."""
        assert self.sent is not None
        request, response = self.sent
        attempt = Attempt(Asked(request), self.api, 0.0, ended_s=0.0)
        attempt.outcome = response
        assert not attempt.has_failed
        return attempt.answer


def checked(model: Any) -> Any:
    """Give the fields of a parsed answer, having held it against its own class."""
    type(model).model_validate_json(model.model_dump_json(exclude_unset=True, by_alias=True))
    return model.model_dump(mode="json", exclude_none=True)


def _anthropic(client: Any) -> Callable[[], tuple[Any, Any]]:
    import anthropic

    sdk = anthropic.Anthropic(api_key="k", http_client=client, max_retries=0)

    def ask() -> tuple[Any, Any]:
        plain = sdk.messages.create(model="m", max_tokens=9, messages=HELLO)
        with sdk.messages.stream(model="m", max_tokens=9, messages=HELLO) as stream:
            streamed = stream.get_final_message()
        return checked(plain), checked(streamed)

    return ask


def _chat(client: Any) -> Callable[[], tuple[Any, Any]]:
    import openai

    sdk = openai.OpenAI(api_key="k", http_client=client, max_retries=0)

    def fields(completion: Any) -> Any:
        choice = checked(completion)["choices"][0]
        message = choice["message"]
        message.pop("annotations", None)
        # A stream begins with empty content where a body has none.
        message = {name: value for name, value in message.items() if value not in ("", None)}
        for call in message.get("tool_calls", ()):
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        return choice["finish_reason"], message, checked(completion.usage)

    def ask() -> tuple[Any, Any]:
        plain = sdk.chat.completions.create(model="m", messages=HELLO)
        chunks = sdk.chat.completions.create(
            model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        from openai.lib.streaming.chat import ChatCompletionStreamState

        state: Any = ChatCompletionStreamState()
        for chunk in chunks:
            checked(chunk)
            state.handle_chunk(chunk)
        return fields(plain), fields(state.current_completion_snapshot)

    return ask


def _responses(client: Any) -> Callable[[], tuple[Any, Any]]:
    import openai

    sdk = openai.OpenAI(api_key="k", http_client=client, max_retries=0)

    def ask() -> tuple[Any, Any]:
        plain = sdk.responses.create(model="m", input="hello")
        *_, last = [(checked(event), event)[1] for event in sdk.responses.create(model="m", input="hello", stream=True)]
        return checked(plain), checked(last.response)

    return ask


ASKING: dict[Api, Callable[[Any], Callable[[], tuple[Any, Any]]]] = {
    MESSAGES: _anthropic,
    CHAT: _chat,
    RESPONSES: _responses,
}
