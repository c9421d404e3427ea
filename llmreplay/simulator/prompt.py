"""What a request asks for, read by shape: the shapes of all chat endpoints have enough in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmreplay.core.model import Json
from llmreplay.simulator.schema_sample import is_list

_TOOL_ROLES = ("tool", "function")
_TOOL_RESULT_TYPES = ("tool_result", "function_call_output", "custom_tool_call_output")
_TURNS = ("messages", "input", "contents", "inputs", "prompt")
_TEXT_TYPES = (None, "text", "input_text", "output_text")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a request offers.

    Attributes:
        name: As the model has to call it.
        schema: JSON schema of its arguments; None if not given.
    """

    name: str
    schema: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a request asks for.

    Attributes:
        text: Of the last turn: what the user said, or what the tool returned.
        turns: Number of turns in the request.
        is_tool_result: Whether the last turn brings the result of a tool.
        tool: To call; None if none is offered or the request forbids it.
        answer_schema: JSON schema that the answer's text must fit; None if free.
    """

    text: str
    turns: int
    is_tool_result: bool
    tool: Tool | None
    answer_schema: Json


def prompt_from_body(body: Json) -> Prompt:
    """Read what a decoded request body asks for; parts that it does not have are empty."""
    fields = body if isinstance(body, Mapping) else {}
    turns = next((fields[name] for name in _TURNS if fields.get(name)), "")
    last: Json = turns
    count = 1
    if is_list(turns):
        count = len(turns)
        last = turns[-1] if turns else ""
    return Prompt(
        text=_text(last).strip(),
        turns=count,
        is_tool_result=_is_tool_result(last),
        tool=_tool(fields),
        answer_schema=_answer_schema(fields),
    )


def _text(node: Json) -> str:
    if isinstance(node, str):
        return node
    if is_list(node):
        return " ".join(filter(None, (_text(child) for child in node)))
    if isinstance(node, Mapping):
        kind = node.get("type")
        if kind in _TOOL_RESULT_TYPES or kind == "message" or "role" in node:
            return _text(node.get("content") or node.get("output") or node.get("parts"))
        return _text(node.get("text")) if kind in _TEXT_TYPES else ""
    return ""


def _is_tool_result(turn: Json) -> bool:
    if not isinstance(turn, Mapping):
        return False
    if turn.get("role") in _TOOL_ROLES or turn.get("type") in _TOOL_RESULT_TYPES:
        return True
    parts = turn.get("content") or turn.get("parts")
    return is_list(parts) and any(
        isinstance(part, Mapping) and (part.get("type") in _TOOL_RESULT_TYPES or "functionResponse" in part)
        for part in parts
    )


def _tool(fields: Mapping[str, Json]) -> Tool | None:
    choice = fields.get("tool_choice")
    wanted: Json = None
    if isinstance(choice, Mapping):
        function = choice.get("function")
        wanted = choice.get("name") or (function.get("name") if isinstance(function, Mapping) else None)
        choice = choice.get("type")
    if choice == "none":
        return None
    tools = [tool for tool in map(_offered, _list(fields.get("tools"))) if tool is not None]
    return next((tool for tool in tools if tool.name == wanted), tools[0] if tools else None)


def _offered(tool: Json) -> Tool | None:
    if not isinstance(tool, Mapping):
        return None
    function = tool.get("function")
    described = function if isinstance(function, Mapping) else tool
    schema = described.get("input_schema") or described.get("parameters")
    name = described.get("name")
    # A provider's own tools (web search, code) have a name and no schema: the model cannot be seen calling them.
    return Tool(name, schema) if isinstance(name, str) and (schema or described is function) else None


def _answer_schema(fields: Mapping[str, Json]) -> Json:
    for path in (
        ("response_format", "json_schema", "schema"),
        ("text", "format", "schema"),
        ("output_config", "format", "schema"),
        ("output_format", "schema"),
    ):
        node: Json = fields
        for name in path:
            node = node.get(name) if isinstance(node, Mapping) else None
        if node:
            return node
    return None


def _list(value: Json) -> Sequence[Json]:
    return value if is_list(value) else ()
