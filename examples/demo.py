"""Records the quick-start suite from the embedded simulator, stops it, replays offline, and tells what happened.

Run by `make demo`. Needs no key and no network. The cassettes stay in `build/demo/cassettes`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from llmreplay.simulator import Simulator, make_up

HERE = Path(__file__).resolve().parent
SUITE = HERE / "quickstart"
OUTPUT = HERE.parent / "build" / "demo"
CASSETTES = OUTPUT / "cassettes"
PROVIDERS = ("https://api.anthropic.com", "https://api.openai.com")
TOKEN_DELAY_S = 0.03


def main() -> int:
    """Run the demo; give 0 if what was replayed is what was recorded."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    with Simulator(make_up(token_delay_s=TOKEN_DELAY_S)) as simulator:
        say(f"1. Simulator listens on {simulator.url}; every streamed event takes {TOKEN_DELAY_S * 1000:.0f} ms.")
        say("2. Recording the suite with the real SDKs (pytest --llmreplay-mode=once):\n")
        upstream = ",".join(f"{provider}={simulator.url}" for provider in PROVIDERS)
        recorded, recording_s = run_suite({"LLMREPLAY_MODE": "once", "LLMREPLAY_UPSTREAM": upstream})
        table(recorded)
        say(f"\n   The simulator got {len(simulator.requests)} requests. Simulator stopped.")
    say("3. Replaying offline (pytest), nobody listens any more:\n")
    replayed, replaying_s = run_suite({})
    table(replayed)
    return conclude(recorded, recording_s, replayed, replaying_s)


def run_suite(settings: Mapping[str, str]) -> tuple[list[dict], float]:
    """Run the suite in a process of its own; give a description of each test, and the seconds it took."""
    keys = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY")
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in keys and not name.startswith(("LLMREPLAY_", "ANTHROPIC_BASE", "OPENAI_BASE"))
    }
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.jsonl"
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-c", SUITE / "pytest.ini", "-p", "demo_report", SUITE],
            env={
                **inherited,
                **settings,
                "LLMREPLAY_CASSETTE_DIR": str(CASSETTES),
                "DEMO_REPORT": str(report),
                "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
            },
            cwd=SUITE,
            capture_output=True,
            text=True,
            check=False,
        )
        elapsed_s = time.perf_counter() - started
        if done.returncode != 0 or not report.exists():
            sys.exit(f"{done.stdout}{done.stderr}\nThe suite failed; see above.")
        lines = report.read_text("utf-8").splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda line: line["test"]), elapsed_s


def table(tests: Sequence[dict]) -> None:
    """Print a line for each call of each test."""
    say(f"   {'test':44} {'call':9} {'api':24} {'in':>5} {'out':>5}  {'stop':9} {'ms':>5}")
    for test in tests:
        for number, call in enumerate(test["calls"]):
            name = test["test"] if number == 0 else ""
            say(
                f"   {name:44} {call['source']:9} {call['api']:24} {call['input_tokens'] or 0:5} "
                f"{call['output_tokens'] or 0:5}  {call['stop_reason'] or '-':9} {(call['seconds'] or 0) * 1000:5.0f}"
            )


def conclude(recorded: Sequence[dict], recording_s: float, replayed: Sequence[dict], replaying_s: float) -> int:
    """Compare the two runs and say so; give 0 if they agree."""
    problems = []
    pairs = list(zip(recorded, replayed, strict=True))
    for before, after in pairs:
        sources = {call["source"] for call in before["calls"]}, {call["source"] for call in after["calls"]}
        if sources != ({"recorded"}, {"replayed"}):
            problems.append(f"{before['test']}: expected recorded, then replayed; got {sources}")
        if [_meaning(call) for call in before["calls"]] != [_meaning(call) for call in after["calls"]]:
            problems.append(f"{before['test']}: the replay says something else than the recording")
    calls = [call for test in replayed for call in test["calls"]]
    hosts = ", ".join(sorted({call["host"] for call in calls}))
    files = sorted(CASSETTES.rglob("*.json"))
    tokens = sum((call["input_tokens"] or 0) + (call["output_tokens"] or 0) for call in calls)
    spent = [sum(call["seconds"] or 0 for test in run for call in test["calls"]) for run in (recorded, replayed)]
    say(f"\n4. {len(pairs)} tests, {len(calls)} calls, {tokens} tokens: recorded once, replayed without a provider.")
    say(f"   Waiting for answers: {spent[0] * 1000:.0f} ms recorded, {spent[1] * 1000:.0f} ms replayed.")
    say(f"   Whole runs, Python and pytest included: {recording_s:.1f} s recorded, {replaying_s:.1f} s replayed.")
    say(f"   Cassettes: {len(files)} in {CASSETTES.relative_to(HERE.parent)}, under the providers' names ({hosts}).")
    for problem in problems:
        say(f"   PROBLEM {problem}")
    say("   The replay says what the recording said." if not problems else "")
    return 1 if problems else 0


def _meaning(call: dict) -> dict:
    return {name: value for name, value in call.items() if name not in ("source", "seconds")}


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
