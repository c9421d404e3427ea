"""The smallest scenario as code to paste into the test that it breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from llmreplay.core.fault import Scenario
from llmreplay.faults import code_of, text_of
from llmreplay.pytest_fuzz.exception_names import written
from llmreplay.pytest_fuzz.said import FuzzSettings, as_code
from llmreplay.session import Replay
from llmreplay.session.scenarios import scenario_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrounded:
    """What a test has already where a marker is pasted.

    Attributes:
        faults: That it has without the fuzzer.
        marked: Settings of the `@pytest.mark.llmreplay` that stands at the test itself; None if there is none.
        on_unmatched: What becomes of a refusal that the application swallows.
        names: Globals of its module.
    """

    faults: Scenario = field(default_factory=Scenario)
    marked: Mapping[str, object] | None = None
    on_unmatched: str = "error"
    names: Mapping[str, object]


def surrounded(item: pytest.Item, replay: Replay) -> Surrounded:
    """Read what a test has already."""
    marks = [mark for mark in reversed(item.own_markers) if mark.name == "llmreplay"]
    marked = {name: value for mark in marks for name, value in mark.kwargs.items()}
    return Surrounded(
        faults=scenario_of(replay.settings.faults),
        marked=marked if marks else None,
        on_unmatched=replay.settings.on_unmatched,
        names=getattr(getattr(item, "module", None), "__dict__", {}),
    )


def reproduction(
    scenario: Scenario,
    settings: FuzzSettings,
    around: Surrounded,
    *,
    fails_alone: bool,
    is_refused: bool = False,
) -> str:
    """Write a scenario as code to paste above the test.

    Args:
        scenario: The smallest that was found.
        settings: Under which it was found.
        around: What the test has already.
        fails_alone: Whether the test's body fails by itself; else the marker must bring along what saw the failure.
        is_refused: Whether it fails by what was refused, which the application may have swallowed.
    """
    text = text_of(scenario)
    joined = text_of(Scenario(around.faults.injections + scenario.injections))
    if text is None or (joined is None and fails_alone):
        body = "\n".join(f"    {line}" for line in code_of(scenario).splitlines())
        return f"def test_...(llmreplay):\n{body}\n    ..."
    if not fails_alone:
        return _as_fuzzed(text, settings, around)
    said: dict[str, object] = {"faults": joined}
    if is_refused and around.on_unmatched != "error":
        said["on_unmatched"] = "error"
    if around.marked is None or not said.keys() & around.marked.keys():
        return f"@pytest.mark.llmreplay({as_code(said)})"
    return (
        f"@pytest.mark.llmreplay({as_code({**around.marked, **said})})\n"
        "# in place of the @pytest.mark.llmreplay that is there, which would win"
    )


def _as_fuzzed(text: str, settings: FuzzSettings, around: Surrounded) -> str:
    said = {
        "oracles": list(settings.oracles),
        "on_unmatched": settings.on_unmatched if settings.on_unmatched != "discard" else None,
        "most_attempts": settings.most_attempts,
        "deadline_s": settings.deadline_s,
    }
    kept = {"examples": [text], "max_examples": 0, **{name: value for name, value in said.items() if value}}
    code = as_code(kept)
    imports: tuple[str, ...] = ()
    if settings.allowed:
        allowed, imports = written(settings.allowed, around.names)
        code += f", allowed={allowed}"
    return "\n".join((*imports, f"@pytest.mark.llmreplay_fuzz({code})"))
