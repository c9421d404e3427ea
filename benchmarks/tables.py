"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Cell: TypeAlias = str | float | None


def shown(cell: Cell) -> str:
    """Write a cell: a number with about three digits that say something, None as a dash."""
    if cell is None:
        return "-"
    if isinstance(cell, str | int):
        return str(cell)
    return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Draw a table: numbers stand to the right, texts to the left."""
    texts = [list(heads), *([shown(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in texts) for column in range(len(heads))]
    is_text = [all(isinstance(row[column], str) for row in rows) for column in range(len(heads))]
    lines = [
        "  ".join(
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(line, widths, is_text, strict=True)
        ).rstrip()
        for line in texts
    ]
    return "\n".join(["  " + line for line in lines])
