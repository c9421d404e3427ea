"""The same seed gives the same run: in any process, order and number of workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITE = """
import json
import os
from pathlib import Path

import httpx
import pytest

from llmreplay import chance, faults

SEED = int(os.environ["SEED"])
CLIENT = httpx.Client()


@pytest.mark.parametrize("number", range(16))
def test_it(llmreplay, number):
    llmreplay.reply(*"abcdef")
    llmreplay.inject(faults.Overloaded(), on=chance(0.3, seed=SEED))
    llmreplay.inject(faults.Rechunk(seed=SEED), on=chance(0.5, seed=SEED + 1))
    seen = []
    answered = 0
    while answered < 6:
        body = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": str(answered)}]}
        with CLIENT.stream("POST", "https://api.anthropic.com/v1/messages", json=body) as response:
            sizes = [len(chunk) for chunk in response.iter_raw()]
        seen.append([response.status_code, sizes])
        answered += response.status_code == 200
    Path(os.environ["SEEN"], f"{number}.json").write_text(json.dumps(seen))
"""


def what_happened(folder: Path, *arguments: str, seed: int = 7, hash_seed: int = 0) -> dict[str, object]:
    """Run the suite in a process of its own; give what each test saw."""
    seen = folder / f"seen-{'-'.join(arguments)}-{seed}-{hash_seed}".replace("/", "")
    seen.mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LLMREPLAY_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "llmreplay.pytest_plugin", "-p", "no:cacheprovider", *arguments],
        env={
            **clean,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONHASHSEED": str(hash_seed),
            "PYTHONPATH": str(ROOT),
            "SEED": str(seed),
            "SEEN": str(seen),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: json.loads(path.read_text()) for path in sorted(seen.iterdir())}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with the suite in it."""
    folder = tmp_path_factory.mktemp("seeded")
    (folder / "pytest.ini").write_text("[pytest]\nllmreplay_on_unfired = ignore\n")
    (folder / "test_seeded.py").write_text(SUITE)
    return folder


@pytest.fixture(scope="module")
def first_run(folder):
    """What happened in one process, in the order written."""
    return what_happened(folder)


def test_the_faults_hit_some_attempts_and_spare_others(first_run):
    """The runs compared are no empty ones: tests differ, some attempts are refused, some streams are cut anew."""
    statuses = [status for seen in first_run.values() for status, _ in seen]

    assert len(first_run) == 16
    assert 96 < len(statuses) < 200
    assert len({json.dumps(seen) for seen in first_run.values()}) > 8


def test_another_process_sees_the_same(folder, first_run):
    """Nothing depends on the hashes of a process."""
    assert what_happened(folder, hash_seed=1) == first_run


def test_four_workers_see_the_same(folder, first_run):
    """Nothing depends on which worker runs which test when."""
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")

    assert what_happened(folder, "-p", "xdist", "-n", "4", hash_seed=2) == first_run


def test_a_test_by_itself_sees_the_same(folder, first_run):
    """A test that failed under chance fails alone, too."""
    alone = what_happened(folder, "test_seeded.py::test_it[11]")

    assert alone == {"11": first_run["11"]}


def test_another_seed_sees_something_else(folder, first_run):
    """The seed decides."""
    assert what_happened(folder, seed=8) != first_run
