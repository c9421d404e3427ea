"""JSON as text: whether it can be embedded, its white space laid out for reading and put back."""

from __future__ import annotations

import msgspec

from llmreplay.storage.wire import Layout

WHITE_SPACE = b" \t\r\n"

# Deeper values are stored as text: the reader's own recursion limit depends on the stack it is called from.
DEEPEST = 200

_INDENTS: dict[Layout, int] = {"compact": -1, "spaced": 0, "indent-2": 2, "indent-4": 4}


def laid_out(data: bytes) -> bytes | None:
    """Indent a JSON object or array by two spaces, its tokens untouched.

    Returns:
        None if it cannot stand in a cassette: not JSON, not UTF-8, no object or array, too deep, or with
        escapes of lone surrogates, which the reader rejects.
    """
    if data.lstrip(WHITE_SPACE)[:1] not in (b"{", b"["):
        return None
    try:
        data.decode()
        shown = msgspec.json.format(data, indent=2)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if b"\n" + b" " * (2 * DEEPEST) in shown else shown


def is_embeddable(line: bytes) -> bool:
    """Say whether one line is a JSON object or array that can stand in a cassette as it is.

    Not one with white space around it, nor with a carriage return in it, which checking out may change.
    """
    if line[:1] not in (b"{", b"[") or line[-1:] not in (b"}", b"]") or b"\r" in line:
        return False
    if line.count(b"[") + line.count(b"{") > DEEPEST:
        return laid_out(line) is not None
    try:
        line.decode()
        msgspec.json.format(line, indent=-1)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def layout_of(data: bytes, shown: bytes) -> Layout | None:
    """Name the layout that gives `data` back from `shown`, its form indented by two.

    Returns:
        None if no layout does: it must then be stored as text.
    """
    for layout in _INDENTS:
        if restored(shown, layout) == data:
            return layout
    if b"\n" in data or b"\r" in data:
        return None
    return "verbatim"


def restored(shown: bytes | msgspec.Raw | memoryview, layout: Layout) -> bytes:
    """Give JSON its original white space back.

    Raises:
        msgspec.DecodeError: It is no JSON.
    """
    if layout == "verbatim":
        return bytes(shown)
    # A copy: what msgspec gives holds half as much memory again.
    return bytes(memoryview(msgspec.json.format(shown, indent=_INDENTS[layout])))
