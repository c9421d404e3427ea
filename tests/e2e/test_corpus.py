"""Real exchanges of many providers, recorded and replayed with real clients; a sample, the benchmark takes all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
BENCHMARKS = ROOT / "benchmarks"

needs_corpus = pytest.mark.skipif(
    not any(CORPUS.glob("*.jsonl.gz")), reason="the corpus of real exchanges is not beside this repository"
)
needs_benchmarks = pytest.mark.skipif(
    not BENCHMARKS.is_dir(), reason="the benchmarks are not part of this copy of the sources"
)
pytestmark = needs_benchmarks


@pytest.fixture
def corpus_round_trip(monkeypatch):
    pytest.importorskip("httpx2", reason="the benchmark asks with httpx2, which is not installed")
    monkeypatch.syspath_prepend(BENCHMARKS)
    import corpus_round_trip

    yield corpus_round_trip
    for name in ("corpus", "corpus_round_trip"):
        sys.modules.pop(name, None)


@needs_corpus
@pytest.mark.parametrize(("compress", "seed"), [(None, 1), ("gzip", 2), ("br", 3)], ids=["plain", "gzip", "brotli"])
async def test_real_exchanges_come_back_as_they_were(corpus_round_trip, tmp_path, compress, seed):
    """Every sampled exchange replays with the same status, bytes and chunks, and its cassette is stable."""
    groups = corpus_round_trip.by_cassette(corpus_round_trip.exchanges_of(CORPUS, seed=seed))[seed::60]

    verdict = await corpus_round_trip.round_trip(groups, tmp_path, compress=compress)

    assert verdict.exchanges >= 40
    assert verdict.is_good, "\n".join([*verdict.problems, str(verdict)])


@pytest.mark.parametrize(
    ("status", "chunks", "problem"),
    [
        (200, (b"ab", b"c"), "2 chunks became 2, or were cut elsewhere"),
        (200, (b"a", b"bd"), "byte 2: b'abc' became b'abd'"),
        (500, (b"a", b"bc"), "status 200 became 500"),
    ],
    ids=["chunks", "bytes", "status"],
)
def test_a_difference_is_seen(corpus_round_trip, status, chunks, problem):
    """The round trip tells a replay that differs in status, bytes or chunks from one that does not."""
    model = corpus_round_trip
    response = model.Response(200, (), (model.Chunk(b"a"), model.Chunk(b"bc")))
    interaction = sys.modules["corpus"].Interaction(model.Request("POST", "https://api.example.com/"), response)
    exchange = model.Exchange("owner/repo:path#0@1", interaction)
    recorded = model.Seen(200, (b"a", b"bc"))
    verdict = model.Verdict()

    model._judge(verdict, exchange, recorded, recorded)
    model._judge(verdict, exchange, recorded, model.Seen(status, chunks))

    assert (verdict.exchanges, verdict.same) == (2, 1)
    assert verdict.problems == [f"owner/repo:path#0@1: {problem}"]
