"""A pytest plugin that writes down what each test recorded or replayed, a JSON line a test."""

import json
import os
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add a line for every test that has run."""
    report = yield
    if report.when == "call":
        replay = item.funcargs.get("llmreplay")
        line = {
            "test": item.name,
            "outcome": report.outcome,
            "seconds": report.duration,
            "calls": [_described(one) for one in replay.calls] if replay else [],
        }
        with Path(os.environ["DEMO_REPORT"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return report


def _described(call):
    usage = call.usage
    return {
        "source": call.last.source.value,
        "api": call.api,
        "model": call.model,
        "host": call.request.url.split("/")[2],
        "stop_reason": call.stop_reason,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "text": call.text,
        "tools": [tool.name for tool in call.tool_calls],
        "seconds": call.duration_s,
    }
