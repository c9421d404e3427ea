"""Checks of what a test makes up, on the line where it does: could any api say that?"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from llmreplay.core.api import Api
from llmreplay.core.errors import SettingError
from llmreplay.core.model import Reply, Request, Usage
from llmreplay.faults.schedule import ApiIs, Selector
from llmreplay.providers import CATALOGUE

_ANY_REQUEST = Request("POST", "https://example.invalid/", (), b"{}")


def apis_selected(owner: str, selector: Selector | None) -> Sequence[Api]:
    """Give the apis that a selector may select: all of them, unless it names some.

    Raises:
        SettingError: It names none that there is; the text has the nearest name.
    """
    apis = CATALOGUE.apis
    if not isinstance(selector, ApiIs):
        return apis
    found = [api for api in apis if selector(_ANY_REQUEST, api)]
    if not found:
        names = sorted({name for api in apis for name in (api.name, api.provider)})
        near = get_close_matches(selector.name, names, n=1)
        raise SettingError(
            f"{owner}(when={selector.name!r}): there is no such api or provider. "
            + (f"Did you mean {near[0]!r}?" if near else "Name one, such as 'anthropic' or 'openai.responses'.")
        )
    return found


def check_reply(reply: Reply, apis: Sequence[Api]) -> None:
    """Accept an answer that one of these apis could give.

    Raises:
        SettingError: None could; says what is wrong with it.
    """
    texts = {"text": reply.text, "thinking": reply.thinking, "stop_reason": reply.stop_reason or ""}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise SettingError(f"reply({name}={value!r}): {name} must be text.")
    if reply.usage is not None and not isinstance(reply.usage, Usage):
        raise SettingError(f"reply(usage={reply.usage!r}): give Usage(input_tokens=..., output_tokens=...).")
    reason: ValueError | None = None
    for api in apis:
        if api.build_response is not None:
            try:
                api.build_response(reply, _ANY_REQUEST, False)
            except ValueError as error:
                reason = reason or error
            else:
                return
    if reason is not None:
        raise SettingError(str(reason)) from None
