"""Strategies of answers and outcomes of an api, such as the SDKs' own models accept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, replace
from functools import cache
from typing import Any

from hypothesis import strategies as st

from llmreplay.core.api import Api
from llmreplay.core.errors import SettingError
from llmreplay.core.fault import Fault, FaultCannotApply, FaultContext
from llmreplay.core.model import Failure, Json, Outcome, Reply, Request, Response, ToolCall, TransportFailure, Usage
from llmreplay.strategies.rows import rows_named
from llmreplay.strategies.single_faults import faults
from llmreplay.strategies.texts import texts

# Without `compaction`: Anthropic's own models know it in the beta only (anthropic 2.11.0, read 2026-11-21).
_STOP_REASONS = (
    "stop",
    "stop_sequence",
    "length",
    "context_window",
    "refusal",
    "content_filter",
    "malformed",
    "pause",
    "cancelled",
    "other",
)
_LARGEST_EXACT = 2**53
_TOKENS = st.integers(0, 10**6)
_A_CALL = ToolCall("", "f", "{}")
# What a client does is not drawn: it cannot be told to give up.
_FAILURES = tuple(kind for kind in Failure if kind is not Failure.CLIENT_CLOSED)
_NOT_HEARD = st.sampled_from((*[None] * 3 * len(_FAILURES), *_FAILURES))
_PLAIN_REQUEST = json.dumps(
    {
        "model": "a-model",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "hello"}],
        "input": "hello",
        "stream_options": {"include_usage": True},
    }
).encode()


def replies(api: Api | str) -> st.SearchStrategy[Reply]:
    """Draw what an api can say: text of any script, thinking, tool calls, every stop reason, usage that adds up.

    Args:
        api: A row, or the name of one.

    Raises:
        SettingError: There is no such api, or it gives no answers that can be made up.
    """
    return _replies(_one_row(api))


@cache
def _replies(row: Api) -> st.SearchStrategy[Reply]:
    thinking = st.just("") | texts() if _says(row, Reply(text="x", thinking="y")) else st.just("")
    shared = {"text": texts(), "thinking": thinking, "usage": _usages(row), "id_seed": st.text(max_size=4)}
    reasons = _stop_reasons(row)
    stop_reasons = st.none() | st.sampled_from(reasons) if reasons else st.none()
    said = st.builds(Reply, stop_reason=stop_reasons, **shared).map(_with_words)
    if not _says(row, Reply(tool_calls=(_A_CALL,))):
        return said
    tools = st.lists(_tool_calls(), min_size=1, max_size=3, unique_by=lambda call: call.id or call.name).map(tuple)
    called = st.builds(Reply, tool_calls=tools, **shared)
    # A model that has no tokens left stops in the midst of a call, too; not all APIs can say how far it came.
    for cut in (_cut_short, tuple):
        if _says(row, Reply(tool_calls=cut([_A_CALL]), stop_reason="length")):
            length = st.just("length")
            return said | called | st.builds(Reply, tool_calls=tools.map(cut), stop_reason=length, **shared)
    return said | called


def _cut_short(calls: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
    *whole, last = calls
    return (*whole, replace(last, arguments=last.arguments[: (len(last.arguments) + 1) // 2]))


def answers(
    api: Api | str, *, is_streamed: bool | None = None, request: Request | None = None
) -> st.SearchStrategy[Response]:
    """Draw answers in an api's own format, which its SDK accepts.

    Args:
        api: A row, or the name of one.
        is_streamed: Only streams, or only whole bodies; None for both.
        request: What they answer; the model, for one, is taken from it.

    Raises:
        SettingError: There is no such api, it gives no answers that can be made up, or it has no streams.
    """
    row = _one_row(api)
    if is_streamed and row.wire is None:
        raise SettingError(f"answers({row.name!r}, is_streamed=True): this api has no streams.")
    return _answers(row, is_streamed, request or _request_to(row))


@cache
def _answers(row: Api, is_streamed: bool | None, request: Request) -> st.SearchStrategy[Response]:
    forms = st.just(bool(is_streamed)) if is_streamed is not None or row.wire is None else st.booleans()
    build = row.build_response
    assert build is not None, "_one_row gives rows with a builder only"
    return st.builds(lambda reply, is_stream: build(reply, request, is_stream), _replies(row), forms)


def outcomes(api: Api | str, *, is_streamed: bool | None = None) -> st.SearchStrategy[Outcome]:
    """Draw what may become of a call: answers, errors in the provider's words, broken streams, no response at all.

    It shrinks to an answer.

    Args:
        api: A row, or the name of one.
        is_streamed: What the call asked for; None for either.
    """
    return _outcomes(_one_row(api), is_streamed)


@st.composite
def _outcomes(draw: st.DrawFn, row: Api, is_streamed: bool | None) -> Outcome:
    streams = draw(st.booleans()) if is_streamed is None and row.wire is not None else bool(is_streamed)
    # What becomes of the call is drawn before the answer, for of what is drawn late Hypothesis tries little.
    failure = draw(_NOT_HEARD)
    fault = draw(_perhaps_a_fault(row, streams))
    # Drawn in any case: fewer choices would pass for simpler, and no response for simpler than an answer.
    answer = draw(_answers(row, streams, _request_to(row)))
    if failure is not None:
        return TransportFailure(failure, "made up")
    return answer if fault is None else _under(fault, answer, row, streams)


def _under(fault: Fault, answer: Response, row: Api, streams: bool) -> Outcome:
    context = FaultContext(
        api=row, request=_request_to(row), is_streamed=streams, read_timeout_s=600.0, connect_timeout_s=5.0
    )
    try:
        return fault.apply(answer, context)
    except FaultCannotApply:
        return answer


@cache
def _perhaps_a_fault(row: Api, streams: bool) -> st.SearchStrategy[Fault | None]:
    whole = st.none() | faults(row, ("status", "body"), streams=streams)
    return whole | faults(row, "stream") if streams else whole


def _request_to(row: Api) -> Request:
    return Request("POST", f"https://{row.hosts[0]}/", (), _PLAIN_REQUEST)


def _with_words(reply: Reply) -> Reply:
    """Give a refusal words, for no model refuses in silence."""
    return replace(reply, text="No.") if reply.stop_reason == "refusal" and not reply.text else reply


def _one_row(api: Api | str) -> Api:
    row = rows_named(api)[0]
    if row.build_response is None:
        raise SettingError(f"api={row.name!r}: its answers cannot be made up.")
    return row


@cache
def _stop_reasons(row: Api) -> tuple[str, ...]:
    return tuple(reason for reason in _STOP_REASONS if _says(row, Reply(text="x", stop_reason=reason)))


def _built(row: Api, reply: Reply) -> Response:
    assert row.build_response is not None, "_one_row gives rows with a builder only"
    return row.build_response(reply, _request_to(row), False)


def _says(row: Api, reply: Reply) -> bool:
    """Say whether an api can express a reply: whether what it builds reads back."""
    try:
        response = _built(row, reply)
    except ValueError:
        return False
    if row.answer_from_body is None:
        return reply == Reply()
    read = row.answer_from_body(json.loads(response.body))
    meant = reply.stop_reason or ("tool_use" if reply.tool_calls else "stop")
    return len(read.tool_calls) == len(reply.tool_calls) and read.stop_reason == meant


def _tool_calls() -> st.SearchStrategy[ToolCall]:
    names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=12).map("f{}".format)
    arguments = st.dictionaries(st.text(max_size=8), _json(), max_size=4)
    return st.builds(
        ToolCall,
        st.just("") | st.integers(0, 10**6).map("call_{}".format),
        names,
        arguments.map(lambda given: json.dumps(given, ensure_ascii=False)),
    )


def _json() -> st.SearchStrategy[Json]:
    leaves: st.SearchStrategy[Json] = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-_LARGEST_EXACT, _LARGEST_EXACT),
        st.floats(allow_nan=False, allow_infinity=False),
        texts(12),
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    )


@cache
def _fields_said(row: Api) -> tuple[str, ...]:
    """Give the counts for which an api has a place: it builds an answer with one of each."""
    told: list[str] = []
    for name in (field.name for field in fields(Usage) if field.name != "service_tier"):
        one: dict[str, Any] = {name: 1}
        with suppress(ValueError):
            _built(row, Reply(usage=Usage(**one)))
            told.append(name)
    return tuple(told)


@st.composite
def _usages(draw: st.DrawFn, row: Api) -> Usage:
    """Draw counts that an api can say, the parts of which are not more than their wholes."""
    fresh, read, kept_5m, kept_1h, said, thought = (draw(_TOKENS) for _ in range(6))
    counts: dict[str, Any] = {
        "input_tokens": fresh + read + kept_5m + kept_1h,
        "output_tokens": said + thought,
        "cache_read_tokens": read,
        "cache_write_tokens": kept_5m + kept_1h,
        "cache_write_5m_tokens": kept_5m,
        "cache_write_1h_tokens": kept_1h,
        "output_reasoning_tokens": thought,
    }
    return Usage(**{name: counts[name] for name in _fields_said(row) if name in counts})
