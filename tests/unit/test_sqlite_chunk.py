"""Tests the packed form of records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.log.sqlite_chunk import ChunkKey, ChunkRecord, keys_of_chunk, pack_chunk, unpack_chunk

maybe_bytes = st.none() | st.binary(max_size=20)
header_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
headers = st.lists(st.tuples(header_names, maybe_bytes), max_size=4).map(tuple)
deltas = st.sets(st.integers(0, 50), min_size=1, max_size=8).map(sorted)


@st.composite
def chunk_records(draw: st.DrawFn) -> list[ChunkRecord]:
    return [ChunkRecord(delta, draw(maybe_bytes), draw(maybe_bytes), draw(headers)) for delta in draw(deltas)]


@given(chunk_records(), st.integers(0, 50))
def test_records_come_out_as_they_went_in(records: list[ChunkRecord], from_delta: int) -> None:
    chunk = pack_chunk(records)
    assert list(unpack_chunk(chunk.head, chunk.body)) == records
    assert list(unpack_chunk(chunk.head, chunk.body, from_delta)) == [
        record for record in records if record.delta >= from_delta
    ]
    assert (chunk.count, chunk.last_delta) == (len(records), records[-1].delta)


@given(chunk_records())
def test_head_alone_tells_keys_and_tombstones(records: list[ChunkRecord]) -> None:
    assert list(keys_of_chunk(pack_chunk(records).head)) == [
        ChunkKey(record.delta, record.key, record.value is None) for record in records
    ]


def test_header_name_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(ValueError, match="header name"):
        pack_chunk([ChunkRecord(0, b"k", b"v", (("\ud800", b""),))])


def test_chunk_of_an_unknown_format_is_refused() -> None:
    chunk = pack_chunk([ChunkRecord(0, b"k", b"v", ())])
    head = chunk.head[:8] + b"\x09" + chunk.head[9:]
    with pytest.raises(ValueError, match="format 9"):
        list(unpack_chunk(head, chunk.body))
