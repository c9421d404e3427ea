"""What to type where a refusal is told: how to run it again, and where its settings are written."""

from __future__ import annotations

import ast
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What to type for one cassette.

    Attributes:
        rerun: The command that runs its test in a mode, `{mode}` in it; of a block the call that opens it.
        is_fixtures: Whether a fixture wider than a function owns it: markers of the tests that use it do not reach it.
        is_shared: Whether other tests ask for what is on it, too: recorded afresh for one of them, it would fail them.
    """

    rerun: str = "use_cassette(..., mode='{mode}')"
    is_fixtures: bool = False
    is_shared: bool = False

    def rerun_in(self, mode: str) -> str:
        """Give the command that runs the test in a mode."""
        return self.rerun.replace("{mode}", mode)

    @property
    def for_a_change(self) -> str:
        """The command that records what is asked now instead of what was asked before."""
        return self.rerun_in("new_episodes" if self.is_shared else "rewrite")

    @property
    def to_accept(self) -> str:
        """What takes a recording whatever it holds."""
        return self.setting("accept=True") if self._is_of_block else "--llmreplay-accept"

    @property
    def _is_of_block(self) -> bool:
        return self.rerun.startswith("use_cassette(")

    def setting(self, text: str) -> str:
        """Say where to write a setting, which is given as an argument of a marker, `ignore=["$.user"]`."""
        if self._is_of_block:
            return f"{self.rerun.rpartition(', mode=')[0]}, {text})"
        if self.is_fixtures:
            name, _, value = text.partition("=")
            said = _in_ini(ast.literal_eval(value))
            return f"llmreplay_{name} = {said}   (ini file: the fixture is of many tests)"
        return f"@pytest.mark.llmreplay({text})"


def _in_ini(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(entry) for entry in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
