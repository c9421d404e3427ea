"""What fuzzing tells: the smallest scenario as code to paste, and what chaos broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmreplay.core.fault import Scenario
from llmreplay.faults import code_of, scenario_from_text, text_of
from llmreplay.pytest_fuzz.said import FuzzSettings, as_code
from llmreplay.pytest_fuzz.trials import Trials


def reproduction(scenario: Scenario, settings: FuzzSettings, *, fails_alone: bool) -> str:
    """Write a scenario as markers to paste.

    Args:
        scenario: The smallest that was found.
        settings: Under which it was found.
        fails_alone: Whether the test's body fails by itself; else the marker must bring along what saw the failure.
    """
    text = text_of(scenario)
    if text is None:
        body = "\n".join(f"    {line}" for line in code_of(scenario).splitlines())
        return f"def test_...(llmreplay):\n{body}\n    ..."
    if fails_alone:
        return f'@pytest.mark.llmreplay(faults="{text}")'
    kept: dict[str, object] = {
        "examples": [text],
        "max_examples": 0,
        **({"allowed": _Names(settings.allowed)} if settings.allowed else {}),
        **{
            name: value
            for name, value in (
                ("oracles", list(settings.oracles)),
                ("on_unmatched", settings.on_unmatched if settings.on_unmatched != "discard" else None),
                ("most_attempts", settings.most_attempts),
                ("deadline_s", settings.deadline_s),
            )
            if value
        },
    }
    return f"@pytest.mark.llmreplay_fuzz({as_code(kept)})"


class _Names:
    """Exceptions, as they are written."""

    def __init__(self, kinds: Sequence[type[BaseException]]) -> None:
        self._kinds = kinds

    def __repr__(self) -> str:
        names = ", ".join(kind.__name__ for kind in self._kinds)
        return f"({names},)" if len(self._kinds) == 1 else f"({names})"


def merged(scenario: Scenario) -> Scenario:
    """Give the same scenario in the fewest injections: one for a fault that hits attempts in a row."""
    text = text_of(scenario)
    return scenario if text is None else scenario_from_text(text)


def failure_text(scenario: Scenario, settings: FuzzSettings, trials: Trials, seed: int, *, fails_alone: bool) -> str:
    """Tell what was found, and how to have it again."""
    pasted = reproduction(scenario, settings, fails_alone=fails_alone)
    lines = [
        "The test passes without faults and fails under the smallest scenario that was found:",
        "",
        *(f"    {line}" for line in pasted.splitlines()),
        "",
        "As code:",
        "",
        *(f"    {line}" for line in code_of(scenario).splitlines()),
        "",
        f"The first scenario that failed was number {trials.found_after} (seed {seed}).",
    ]
    return "\n".join(lines)


def counted(trials: Trials) -> str:
    """Count the runs in which nothing was wrong, by how they ended."""
    ends = (
        (trials.passed, "passed"),
        (trials.allowed, "raised what is allowed"),
        (trials.discarded, "discarded, as they asked for what was never recorded"),
    )
    told = ", ".join(f"{count} {word}" for count, word in ends if count)
    return f"{trials.tried} scenarios{f': {told}' if told else ''}"


def chaos_lines(tests: Sequence[Mapping[str, Any]], share: float, seed: int) -> list[str]:
    """Rank what chaos broke: faults by how many tests they broke, then each test with its command.

    Args:
        tests: Of each: `test`, `faults` that hit it, `broke`, and `why`.
        share: Of all attempts.
        seed: Of this run.
    """
    hit = [test for test in tests if test["faults"]]
    broken = [test for test in hit if test["broke"]]
    count = sum(len(test["faults"]) for test in hit)
    where = f"{len(hit)} of {len(tests)} tests"
    lines = [f"llmreplay chaos: {share:g} of all attempts, seed {seed}: {count} faults in {where}; {len(broken)} broke"]
    names = sorted({name for test in hit for name in test["faults"]})
    ranked = sorted(
        (
            (sum(name in test["faults"] for test in broken), sum(name in test["faults"] for test in hit), name)
            for name in names
        ),
        key=lambda row: (-row[0], row[1], row[2]),
    )
    lines += [f"  {name:22} broke {broke} of {count} tests" for broke, count, name in ranked if broke]
    for test in sorted(broken, key=lambda test: (len(test["faults"]), test["test"])):
        lines += [
            f"  {test['test']}: {', '.join(test['faults'])}: {test['why']}",
            f"      pytest {quoted(test['test'])} --llmreplay-chaos={share:g} --llmreplay-seed={seed}",
        ]
    return lines


def quoted(text: str) -> str:
    """Quote a test's id for a shell, where it must be."""
    return (
        text
        if all(character.isalnum() or character in "/._:-" for character in text)
        else "'" + text.replace("'", "'\\''") + "'"
    )
