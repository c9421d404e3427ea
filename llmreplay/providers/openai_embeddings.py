"""OpenAI embeddings, and those who imitate them: reading and making up answers.

Sources: openai/types/create_embedding_response.py and openai/resources/embeddings.py of openai 3.52.0
(read 2026-11-21).
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct

from llmreplay.core.model import Answer, Json, Reply, Request, Response, Usage
from llmreplay.providers.json_fields import (
    Fields,
    count_of,
    error_in,
    fields_of,
    items_of,
    number_at,
    text_of,
    text_or_none,
)
from llmreplay.providers.making import counts_for, json_response, json_text, made_id, request_fields
from llmreplay.providers.stated_cost import cost_in

_DIMENSIONS = 1536
_SAYS = ("input_tokens",)


def looks_like(body: Json) -> bool:
    """Say whether a request's body has the two fields that embeddings require."""
    fields = fields_of(body)
    return isinstance(fields.get("model"), str) and "input" in fields


def is_streamed(path: str, body: Json) -> bool:
    """Say that embeddings are never streamed."""
    return False


def answer_from_body(body: Json) -> Answer:
    """Read a whole body: vectors have no text and no stop reason, only a model and a usage; or an error."""
    fields = fields_of(body)
    usage = fields_of(fields.get("usage"))
    return Answer(
        model=text_or_none(fields.get("model")),
        usage=Usage(input_tokens=_input_tokens(usage), output_tokens=0) if usage else None,
        cost_usd=cost_in(usage),
        error=None if "data" in fields else error_in(fields),
    )


def _input_tokens(usage: Fields) -> int | None:
    prompt = number_at(usage, "prompt_tokens")
    # Voyage gives the total alone.
    return number_at(usage, "total_tokens") if prompt is None else prompt


def build_response(reply: Reply, request: Request, is_streamed: bool, *, has_id: bool = False) -> Response:
    """Make up vectors of length one, each a function of its input and the reply's seed; the text is not used.

    Args:
        reply: Gives the seed and the usage.
        request: Gives the inputs, the model and the dimensions.
        is_streamed: Is never true.
        has_id: Whether the body has an id, which Mistral's SDK demands (mistralai 3.7.0, read 2026-11-30).
    """
    asked = request_fields(request)
    inputs = _inputs(asked.get("input"))
    dimensions = count_of(asked.get("dimensions")) or _DIMENSIONS
    vectors = [_vector(reply.id_seed + json_text(value), dimensions) for value in inputs]
    is_base64 = asked.get("encoding_format") == "base64"
    data: list[Json] = [
        {"object": "embedding", "index": at, "embedding": _base64(vector) if is_base64 else vector}
        for at, vector in enumerate(vectors)
    ]
    counts = counts_for(reply, request, "openai.embeddings", _SAYS)
    identity: dict[str, Json] = {"id": made_id("", reply.id_seed, "embeddings", 32).lower()} if has_id else {}
    body: Json = {
        **identity,
        "object": "list",
        "data": data,
        "model": text_of(asked.get("model")) or "text-embedding-3-small",
        "usage": {"prompt_tokens": counts.input_tokens, "total_tokens": counts.input_tokens},
    }
    return json_response(body, (("x-request-id", made_id("req_", reply.id_seed, "request", 32).lower()),))


def _inputs(value: Json) -> list[Json]:
    """Give the inputs of a request: a text, texts, the tokens of one, or the tokens of several."""
    items = list(items_of(value))
    is_several = bool(items) and all(isinstance(item, str | list) for item in items)
    return items if is_several else [value]


def _vector(seed: str, dimensions: int) -> list[Json]:
    data = hashlib.shake_256(seed.encode("utf-8", "surrogatepass")).digest(2 * dimensions)
    raw = [word / 32768 - 1 for word in struct.unpack(f">{dimensions}H", data)]
    length = math.sqrt(sum(number * number for number in raw)) or 1.0
    return [round(number / length, 8) for number in raw]


def _base64(vector: list[Json]) -> str:
    numbers = [number for number in vector if isinstance(number, float)]
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
