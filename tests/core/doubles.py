"""Test doubles of the core's values; what a test does not say is beside the point."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import count

from llmreplay.core.api import Api, Provider
from llmreplay.core.errors import Difference
from llmreplay.core.matching import rules_from
from llmreplay.core.model import Answer, Chunk, Interaction, Outcome, Request, Response, Usage
from llmreplay.core.recorder import Recorder
from llmreplay.core.remedy import Remedy
from llmreplay.core.settings import settings_from
from llmreplay.core.surroundings import Surroundings
from llmreplay.core.traffic import Catalogue

URL = "https://api.example.ai/v1/chat"


def an_api(name: str = "example.chat", **fields: object) -> Api:
    """Give the row of an endpoint whose answers are `{"text": ..., "stop": ...}`."""
    return Api(
        name=name,
        provider=name.partition(".")[0],
        hosts=("api.example.ai",),
        path=re.compile(r"/v\d+/chat"),
        source="made up for tests",
        answer_from_body=lambda body: Answer(text=body["text"], stop_reason="stop", usage=Usage(output_tokens=1)),
        looks_like=lambda body: isinstance(body, dict) and "prompt" in body,
        canonical_path=lambda path: re.sub(r"^/v\d+/", "/", path),
        **fields,
    )


A_PROVIDER = Provider(
    name="example",
    apis=(an_api(),),
    key_variables=(("EXAMPLE_API_KEY", "placeholder-example-key"),),
)
A_CATALOGUE = Catalogue(
    providers=(A_PROVIDER,),
    apis=A_PROVIDER.apis,
    feature_headers=("example-beta",),
    side_paths=("telemetry.example.ai/*",),
    credential_paths=("login.example.ai/token",),
    key_variables=A_PROVIDER.key_variables,
)


def a_request(
    prompt: object = "hi", *, url: str = URL, headers: Iterable[tuple[str, str]] = (), **body: object
) -> Request:
    """Give a request that asks `prompt`."""
    text = json.dumps({"prompt": prompt, **body}).encode()
    return Request("POST", url, (("content-type", "application/json"), *headers), text)


def a_response(text: str = "hello", *, status: int = 200, **fields: object) -> Response:
    """Give a response that answers `text`."""
    body = json.dumps({"text": text}).encode()
    return Response(status, (("content-type", "application/json"),), (Chunk(body),), **fields)


def an_interaction(prompt: object = "hi", text: str = "hello", **fields: object) -> Interaction:
    """Give a recorded question and its answer."""
    return Interaction(a_request(prompt), a_response(text), "2026-11-21T00:00:00Z", **fields)


class NoRedaction:
    """Hides nothing."""

    known = 0

    def learn_from_request(self, request: Request) -> None: ...

    def learn_from_body(self, request: object) -> None: ...
    def learn_from_response(self, response: Response) -> None: ...
    def request(self, request: Request) -> Request:
        return request

    def outcome(self, outcome: Outcome) -> Outcome:
        return outcome

    def text(self, text: str) -> str:
        return text


def a_recorder(interactions: Iterable[Interaction] | None = (), **settings: object) -> Recorder:
    """Give a recorder over interactions; None for a cassette that does not exist."""
    checked = settings_from(("the test", settings))
    seconds = count()
    return Recorder(
        None if interactions is None else tuple(interactions),
        name="cassettes/a.json",
        settings=checked,
        rules=rules_from(
            checked.ignore, checked.normalize, apis=A_CATALOGUE.apis, feature_headers=A_CATALOGUE.feature_headers
        ),
        catalogue=A_CATALOGUE,
        redaction=NoRedaction(),
        surroundings=Surroundings(
            now=lambda: float(next(seconds)),
            time=lambda: 1_800_000_000.0,
            utc_now=lambda: "2026-11-21T12:00:00Z",
            explain=lambda recorded, sent: (
                [Difference("$.prompt", '"hi"', '"ho"')] if recorded.body != sent.body else []
            ),
            remedy=Remedy(rerun="pytest a.py::test_a --llmreplay-mode={mode}"),
        ),
    )
