"""`python -m llmreplay.simulator --port 8123`: made-up answers until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from threading import Event

from llmreplay.simulator.made_up import make_up
from llmreplay.simulator.simulator import Simulator


def main(arguments: Sequence[str] | None = None, *, until: Event | None = None) -> int:
    """Serve made-up answers.

    Args:
        arguments: Of the command line; those of the process if not given.
        until: Ends the serving when set; Ctrl-C does too.

    Returns:
        0, when it was ended.
    """
    parser = argparse.ArgumentParser(
        prog="python -m llmreplay.simulator",
        description="Serve made-up answers of LLM providers on loopback, until Ctrl-C.",
    )
    parser.add_argument("--port", type=int, default=0, help="to listen on; any free one if not given")
    parser.add_argument("--token-delay", type=float, default=0.0, help="seconds before every streamed event")
    options = parser.parse_args(arguments)
    with Simulator(make_up(token_delay_s=options.token_delay), port=options.port) as simulator:
        sys.stdout.write(f"{simulator.url}\n")
        sys.stdout.flush()
        try:
            (until or Event()).wait()
        except KeyboardInterrupt:
            sys.stdout.write("stopped\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
