"""Which tool calls a request gives results for, in the forms of all providers.

Sources: the providers' references of 2026-11 and the requests of 2,600 recorded exchanges (read 2026-11-30).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from llmreplay.core.model import Json, ToolCall

# Anthropic; OpenAI's chat api and those like it, Cohere, Mistral.
_IDS = ("tool_use_id", "tool_call_id")
_GEMINI = ("functionResponse", "function_response")
# OpenAI's responses: function_call_output, custom_tool_call_output, ...; Gemini's interactions: function_result.
_RESULT_TYPES = ("_output", "_result")


@dataclass(frozen=True, slots=True)
class ToolResults:
    """The results that stand in a request.

    Attributes:
        ids: Of the calls that they answer.
        names: Of the tools of results without an id; an empty one for a result that says neither.
    """

    ids: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    def answers(self, call: ToolCall) -> bool:
        """Say whether one is the result of a tool call."""
        return (bool(call.id) and call.id in self.ids) or not self.names.isdisjoint((call.name, ""))


def tool_results_in(request: Json) -> ToolResults:
    """Find the results in the decoded body of a request."""
    found = ToolResults()
    for value in _objects_in(request):
        kind = value.get("type")
        ids = [value.get(name) for name in _IDS]
        if isinstance(kind, str) and kind.endswith(_RESULT_TYPES):
            ids.append(value.get("call_id"))
        # Bedrock's Converse.
        if isinstance(result := value.get("toolResult"), Mapping):
            ids.append(result.get("toolUseId"))
        for name in _GEMINI:
            if isinstance(result := value.get(name), Mapping):
                ids.append(result.get("id"))
                found.names.add(str(result.get("name") or ""))
        given = {one for one in ids if isinstance(one, str) and one}
        if value.get("role") == "tool" and not given:
            # Ollama.
            found.names.add(str(value.get("tool_name") or value.get("name") or ""))
        found.ids.update(given)
    return found


def _objects_in(value: Json) -> Iterator[Mapping[str, Json]]:
    waiting = [value]
    while waiting:
        held = waiting.pop()
        if isinstance(held, Mapping):
            yield held
            waiting += held.values()
        elif isinstance(held, list):
            waiting += held
