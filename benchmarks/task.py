"""One task in a process of its own, which can be given up and whose memory is its own: run by `files.py`.

    python benchmarks/task.py write|load|replay CONTESTANT COUNT BODY_BYTES PATH

Prints what it measured as JSON.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from statistics import median

from contestants import FILED, Contestant
from material import ask, prompt

_LOADS_S = 1.0
_MOST_LOADS = 20
# The memory of a smaller file disappears in what the process has to spare.
_LEAST_FOR_MEMORY_BYTES = 20_000_000


_STATUS = Path("/proc/self/status")


def _memory_now() -> int:
    """Give the memory in use, and from now on measure its peak anew; 0 where only Linux could tell."""
    gc.collect()
    if not _STATUS.exists():
        return 0
    Path("/proc/self/clear_refs").write_text("5")
    return _status_bytes("VmRSS")


def _status_bytes(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def _peak_since(before: int) -> int:
    return _status_bytes("VmHWM") - before if before else 0


def _memory(path: Path, grown_bytes: int) -> dict[str, float]:
    size = path.stat().st_size
    return {
        "file_bytes": size,
        **({"memory": grown_bytes / size} if grown_bytes and size >= _LEAST_FOR_MEMORY_BYTES else {}),
    }


def _write(one: Contestant, count: int, body_bytes: int, path: Path) -> dict[str, float]:
    # Making the bodies is in it, for all alike: a few percent of writing them.
    one.write(path.with_name("warm-up"), 2, 2000)
    began = time.perf_counter()
    one.write(path, count, body_bytes)
    return {"seconds": time.perf_counter() - began, "file_bytes": path.stat().st_size}


def _load(one: Contestant, path: Path) -> dict[str, float]:
    one.write(path.with_name("warm-up"), 2, 2000)
    one.load(path.with_name("warm-up"))
    before = _memory_now()
    times: list[float] = []
    held: object = None
    while sum(times) < _LOADS_S and len(times) < _MOST_LOADS:
        held = None
        began = time.perf_counter()
        held = one.load(path)
        times.append(time.perf_counter() - began)
        if len(times) == 1:
            grown = _peak_since(before)
    del held
    return {"seconds": median(times), **_memory(path, grown)}


def _replay(one: Contestant, count: int, body_bytes: int, path: Path) -> dict[str, float]:
    warm_up = path.with_name("warm-up")
    one.write(warm_up, 2, 2000)
    with one.replaying(warm_up, 2, 2000) as client:
        ask(client, prompt(0, 2000))
    before = _memory_now()
    with one.replaying(path, count, body_bytes) as client:
        for number in range(count):
            ask(client, prompt(number, body_bytes))
    return _memory(path, _peak_since(before))


def main(task: str, name: str, count: str, body_bytes: str, path: str) -> None:
    one = next(one for one in FILED if one.name == name)
    if task == "write":
        found = _write(one, int(count), int(body_bytes), Path(path))
    elif task == "load":
        found = _load(one, Path(path))
    else:
        found = _replay(one, int(count), int(body_bytes), Path(path))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
