"""Content codings: a body compressed chunk by chunk on its way out, a request body decoded on its way in."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

from llmreplay.core.errors import LlmReplayError, SettingError

Encoder: TypeAlias = Callable[[bytes, bool], bytes]
"""Takes bytes and whether they are the last; gives bytes that decode to everything given so far."""

CODINGS = ("gzip", "deflate", "br", "zstd")
_GZIP_WINDOW = 31
_BROTLI_QUALITY = 4


def encoder_for(coding: str) -> Encoder:
    """Give a fresh encoder, whose output can be decoded as far as it was fed after every chunk.

    Raises:
        SettingError: No such content coding.
        LlmReplayError: The library for it is not installed.
    """
    if coding == "gzip":
        return _zlib_encoder(zlib.compressobj(wbits=_GZIP_WINDOW))
    if coding == "deflate":
        return _zlib_encoder(zlib.compressobj())
    if coding == "br":
        return _brotli_encoder(_library("brotli", coding).Compressor(quality=_BROTLI_QUALITY))
    if coding == "zstd":
        return _zstandard_encoder(_library("zstandard", coding).ZstdCompressor().compressobj())
    raise SettingError(f"compress={coding!r}: choose from {', '.join(CODINGS)}, or None.")


def decoded(coding: str, body: bytes) -> bytes:
    """Undo a content coding of a whole body; a coding that is not known leaves it as it is."""
    if coding == "gzip":
        return zlib.decompress(body, _GZIP_WINDOW)
    if coding == "deflate":
        return zlib.decompress(body)
    if coding == "br":
        return bytes(_library("brotli", coding).decompress(body))
    if coding == "zstd":
        return bytes(_library("zstandard", coding).ZstdDecompressor().decompressobj().decompress(body))
    return body


def _library(name: str, coding: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise LlmReplayError(
            f"the content coding {coding!r} needs {name}, which is not installed.\n  pip install {name}"
        ) from error


def _zlib_encoder(compressor: Any) -> Encoder:
    def encode(data: bytes, is_last: bool) -> bytes:
        flush = zlib.Z_FINISH if is_last else zlib.Z_SYNC_FLUSH
        return bytes(compressor.compress(data) + compressor.flush(flush))

    return encode


def _brotli_encoder(compressor: Any) -> Encoder:
    def encode(data: bytes, is_last: bool) -> bytes:
        return bytes(compressor.process(data) + (compressor.finish() if is_last else compressor.flush()))

    return encode


def _zstandard_encoder(compressor: Any) -> Encoder:
    end_of_block, end_of_body = 1, 0

    def encode(data: bytes, is_last: bool) -> bytes:
        flush = end_of_body if is_last else end_of_block
        return bytes(compressor.compress(data) + compressor.flush(flush))

    return encode
