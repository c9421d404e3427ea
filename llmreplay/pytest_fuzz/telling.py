"""What fuzzing tells: the smallest scenario as code to paste, and what chaos broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmreplay.core.fault import Scenario
from llmreplay.faults import code_of, scenario_from_text, text_of
from llmreplay.pytest_fuzz.trials import Trials


def merged(scenario: Scenario) -> Scenario:
    """Give the same scenario in the fewest injections: one for a fault that hits attempts in a row."""
    text = text_of(scenario)
    return scenario if text is None else scenario_from_text(text)


def failure_text(scenario: Scenario, pasted: str, trials: Trials, seed: int) -> str:
    """Tell what was found, and how to have it again.

    Args:
        scenario: The smallest that was found.
        pasted: The same, as code to paste.
        trials: How it was found.
        seed: Of the search.
    """
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
        (trials.skipped, "skipped"),
    )
    told = ", ".join(f"{count} {word}" for count, word in ends if count)
    return f"{trials.tried} scenarios{f': {told}' if told else ''}"


def chaos_lines(tests: Sequence[Mapping[str, Any]], share: float, seed: int) -> list[str]:
    """Rank what chaos broke: faults by how many tests they broke, then each test with its command.

    Args:
        tests: Of each: `test`, `faults` that hit it, `broke`, `why`, and whether it `is_recorded`.
        share: Of all attempts.
        seed: Of this run.
    """
    hit = [test for test in tests if test["faults"]]
    broken = [test for test in hit if test["broke"]]
    count = sum(len(test["faults"]) for test in hit)
    where = f"{len(hit)} of {len(tests)} tests"
    told = f"{share:g}" if float(f"{share:g}") == share else repr(share)
    lines = [f"llmreplay chaos: {told} of all attempts, seed {seed}: {count} faults in {where}; {len(broken)} broke"]
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
            f"      pytest {quoted(test['test'])} --llmreplay-chaos={told} --llmreplay-seed={seed}",
        ]
    recorded = [test["test"] for test in tests if test["is_recorded"]]
    if recorded:
        lines.append(f"  recorded meanwhile, so without faults: {', '.join(recorded)}")
    return lines


def quoted(text: str) -> str:
    """Quote a test's id for a shell, where it must be."""
    return (
        text
        if all(character.isalnum() or character in "/._:-" for character in text)
        else "'" + text.replace("'", "'\\''") + "'"
    )
