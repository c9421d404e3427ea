"""Undoing `content-encoding`, as far as the installed libraries can."""

from __future__ import annotations

import zlib
from typing import Any, Protocol

from llmreplay.core.model import Chunk, Headers, header

_ZLIB_HEADER_BYTES = 2


class _Inflater(Protocol):
    def feed(self, data: bytes) -> bytes: ...
    def finish(self) -> bytes: ...


class _Zlib:
    """gzip and deflate, several gzip members in a row included."""

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._inflater = zlib.decompressobj(window_bits)
        self._has_begun = False
        self._is_settled = window_bits != zlib.MAX_WBITS
        self._head = b""

    def feed(self, data: bytes) -> bytes:
        if not self._is_settled:
            self._head += data
        try:
            plain = self._inflater.decompress(data)
        except zlib.error:
            if self._is_settled:
                raise
            # "deflate" is zlib by the book and raw deflate by custom; the two bytes that tell may come one by one.
            self._is_settled = True
            self._window_bits = -zlib.MAX_WBITS
            self._inflater = zlib.decompressobj(self._window_bits)
            plain = self._inflater.decompress(self._head)
        self._is_settled = self._is_settled or len(self._head) >= _ZLIB_HEADER_BYTES
        self._has_begun = True
        while self._inflater.eof and self._inflater.unused_data:
            rest = self._inflater.unused_data
            self._inflater = zlib.decompressobj(self._window_bits)
            plain += self._inflater.decompress(rest)
        return plain

    def finish(self) -> bytes:
        if self._has_begun and not self._inflater.eof:
            raise ValueError("truncated")
        return self._inflater.flush() if self._has_begun else b""


class _Brotli:
    def __init__(self, brotli: Any) -> None:
        self._inflater = brotli.Decompressor()
        self._has_begun = False

    def feed(self, data: bytes) -> bytes:
        self._has_begun = True
        plain: bytes = self._inflater.process(data)
        return plain

    def finish(self) -> bytes:
        if self._has_begun and not self._inflater.is_finished():
            raise ValueError("truncated")
        return b""


class _Zstandard:
    def __init__(self, zstandard: Any) -> None:
        self._zstandard = zstandard
        self._inflater = zstandard.ZstdDecompressor().decompressobj()
        self._has_begun = False

    def feed(self, data: bytes) -> bytes:
        self._has_begun = True
        plain: bytes = self._inflater.decompress(data)
        while self._inflater.eof and self._inflater.unused_data:
            rest = self._inflater.unused_data
            self._inflater = self._zstandard.ZstdDecompressor().decompressobj()
            plain += self._inflater.decompress(rest)
        return plain

    def finish(self) -> bytes:
        if self._has_begun and not self._inflater.eof:
            raise ValueError("truncated")
        return b""


def _inflater(encoding: str) -> _Inflater | None:
    if encoding in ("gzip", "x-gzip"):
        return _Zlib(zlib.MAX_WBITS | 16)
    if encoding == "deflate":
        return _Zlib(zlib.MAX_WBITS)
    try:
        if encoding == "br":
            import brotli

            return _Brotli(brotli)
        if encoding == "zstd":
            import zstandard

            return _Zstandard(zstandard)
    except ImportError:
        return None
    return None


class BodyDecoder:
    """Decodes the chunks of a body as they come, and keeps them as they came in case that fails."""

    def __init__(self, headers: Headers) -> None:
        names = ",".join(value for name, value in headers if name.lower() == "content-encoding").lower()
        encodings = [name.strip() for name in names.split(",") if name.strip() not in ("", "identity")]
        inflaters = [_inflater(name) for name in reversed(encodings)]
        self._headers = headers
        self._inflaters = [inflater for inflater in inflaters if inflater is not None]
        self._fails = len(self._inflaters) < len(encodings)
        self._raw: list[Chunk] = []
        self._plain: list[Chunk] = []
        self._late_s = 0.0
        self._held_s = 0.0

    def feed(self, data: bytes, after_s: float) -> None:
        """Take bytes as they came, `after_s` seconds after the ones before."""
        if not data:
            self._late_s += after_s
            return
        after_s += self._late_s
        self._late_s = 0.0
        self._raw.append(Chunk(data, after_s))
        if self._fails:
            return
        try:
            for inflater in self._inflaters:
                data = inflater.feed(data)
        except Exception:  # noqa: BLE001, RUF100 - each library has an error of its own; the raw bytes are kept
            self._fails = True
            return
        # A compressor holds bytes back: a chunk that yields nothing lends its delay to the next.
        self._held_s += after_s
        if data:
            self._plain.append(Chunk(data, self._held_s))
            self._held_s = 0.0

    def result(self, *, is_whole: bool) -> tuple[Headers, tuple[Chunk, ...]]:
        """Give headers and chunks that belong together: decoded, or as they came where that is impossible.

        Args:
            is_whole: Whether the body reached its end; one cut short need not finish its compression.
        """
        if self._inflaters and is_whole and not self._fails:
            try:
                for inflater in self._inflaters:
                    inflater.finish()
            except Exception:  # noqa: BLE001, RUF100 - as above
                self._fails = True
        if self._fails:
            return self._headers, tuple(self._raw)
        length = str(sum(len(chunk.data) for chunk in self._plain))
        headers = [
            (name, length if name.lower() == "content-length" and self._inflaters else value)
            for name, value in self._headers
            if name.lower() not in ("content-encoding", "transfer-encoding")
        ]
        return tuple(headers), tuple(self._plain)


def decoded_body(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """Decode a whole body; headers and body unchanged where it is not encoded or cannot be decoded."""
    if header(headers, "content-encoding") is None:
        return headers, body
    decoder = BodyDecoder(headers)
    decoder.feed(body, 0.0)
    new_headers, chunks = decoder.result(is_whole=True)
    return new_headers, b"".join(chunk.data for chunk in chunks)
