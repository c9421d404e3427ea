"""The tables in docs/faults.md, measured; `python tests/e2e/fault_table.py` writes them anew."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anthropic
import openai

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    __package__ = "e2e"

from llmreplay import faults
from llmreplay.core.fault import Fault
from llmreplay.faults.code import code_of_fault

from .fault_measuring import APIS, Bench, Way

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
VERSIONS = f"anthropic {anthropic.__version__}, openai {openai.__version__}"

BEFORE_THE_ANSWER: tuple[Fault, ...] = (
    faults.RateLimited(),
    faults.RateLimited(retry_after_s=121),
    faults.RateLimited(should_retry=False),
    faults.Overloaded(),
    faults.ServerError(),
    faults.Unavailable(),
    faults.BadRequest(),
    faults.BadRequest(should_retry=True),
    faults.Unauthorized(),
    faults.ContextOverflow(),
    faults.SpendCap(),
    *(faults.Status(code) for code in (402, 403, 404, 408, 409, 413, 422, 424, 501, 502, 504)),
    faults.ConnectError(),
    faults.ConnectTimeout(),
    faults.ConnectionReset(),
    faults.ReadTimeout(),
    faults.ClosedAfterRequest(),
    faults.Delay(delay_s=5),
    faults.Delay(delay_s=601),
    faults.HtmlBody(),
)
IN_THE_BODY: tuple[Fault, ...] = (
    faults.TruncatedJson(),
    faults.EmptyBody(),
    faults.HtmlBody(status=200),
    faults.WrongContentType(),
    faults.BadGzip(),
    faults.MissingUsage(),
)
IN_THE_STREAM: tuple[Fault, ...] = (
    faults.CutAfter(events=3),
    faults.CutAfter(events=3, end="reset"),
    faults.CutAfter(events=3, end="clean"),
    faults.CutAfter(events=3, inside="event"),
    faults.CutAfter(events=3, inside="event", end="clean"),
    faults.CutAfter(events=1, inside="character"),
    faults.CutAfter(events=1, inside="character", end="clean"),
    faults.MissingTerminalEvent(),
    faults.ErrorEvent(after=3),
    faults.ErrorEvent(after=3, status=429),
    faults.DropEvent(n=5),
    faults.DuplicateEvent(n=5),
    faults.SwapEvents(n=5),
    faults.CorruptEvent(n=5),
    faults.CorruptEvent(n=5, damage="utf8"),
    faults.SlowFirstToken(delay_s=5),
    faults.SlowFirstToken(delay_s=601),
    faults.SlowStream(delay_s=5),
    faults.SlowStream(delay_s=601),
    faults.Stall(after=3),
    faults.Stall(after=3, stall_s=5),
    faults.Rechunk(sizes=(1,)),
    faults.Pings(),
    faults.Pings(form="event"),
)


def verdicts_of(bench: Bench, fault: Fault, *, is_streamed: bool) -> list[str]:
    """Give what each api's clients make of a fault, sync and async, which agree or are both given."""
    cells = []
    for api in APIS:
        sync, task = (str(bench.verdict(fault, Way(api, is_streamed, is_async))) for is_async in (False, True))
        cells.append(sync if sync == task else f"sync {sync}; async {task}")
    return cells


def table(bench: Bench, title: str, chosen: Sequence[Fault], *, is_streamed: bool) -> list[str]:
    """Draw a table of faults and verdicts in Markdown."""
    lines = [f"### {title}", "", f"| fault | {' | '.join(APIS)} |", "|---|---|---|---|"]
    for fault in chosen:
        cells = verdicts_of(bench, fault, is_streamed=is_streamed)
        lines.append(f"| `{code_of_fault(fault)}` | {' | '.join(cells)} |")
    return [*lines, ""]


def measured(bench: Bench) -> str:
    """Give the text between the marks of the document."""
    return "\n".join(
        [
            BEGIN,
            "",
            f"Measured with {VERSIONS} and clients with their default settings; sync and async clients agree.",
            "A cell names the class raised and the number of attempts.",
            "",
            *table(bench, "Before the answer begins (whole and streamed alike)", BEFORE_THE_ANSWER, is_streamed=True),
            *table(bench, "In a whole body", IN_THE_BODY, is_streamed=False),
            *table(bench, "In a stream", (*IN_THE_BODY[1:], *IN_THE_STREAM), is_streamed=True),
            END,
        ]
    )


def main() -> None:
    """Measure, and write the tables into the document."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.record()
        text = measured(bench)
        bench.close()
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(before + text + after, "utf-8")


if __name__ == "__main__":
    main()
