"""Proves what is read of a raw record's key and headers, however odd they are."""

import pytest

from schemas.versions import SCHEMA_VERSION, newer_version
from services.mapper.mapped import RawObject
from services.mapper.reading import Readable, Unreadable, read_record
from shared.held_partitions import Newer
from shared.log.interface import NewRecord, Record
from tests.mapper_builders import INCIDENTS
from tests.service.mapper_setting import raw_record


def read(new: NewRecord) -> Readable | Unreadable | Newer:
    return read_record(Record(new.topic, 2, 17, 0, new.key, new.value, new.headers))


def test_a_record_is_read_with_its_place() -> None:
    one = read(raw_record({"id": "I1"}, omitted=("__analytics",)))

    assert isinstance(one, Readable)
    assert one.raw == RawObject(
        INCIDENTS, 2, 17, "I1", False, ("__analytics",), b'{"id": "I1"}', one.raw.in_run
    )


@pytest.mark.parametrize(
    ("version", "newer"),
    [(b"2", 2), (b"999999999", 999_999_999), (b" 2", 2), (b"2.0", 2), (b"1", None), (b"0", None)],
)
def test_only_a_newer_version_is_left_where_it_is(version: bytes, newer: int | None) -> None:
    one = read(raw_record({"id": "I1"}, more=(("ce_schemaversion", version),)))

    assert (one.version if isinstance(one, Newer) else None) == newer


@pytest.mark.parametrize("version", ["²", "-2", "9" * 5000, "two", "1.5"])
def test_what_is_no_version_is_unreadable_and_stops_nobody(version: str) -> None:
    one = read(raw_record({"id": "I1"}, more=(("ce_schemaversion", version.encode()),)))

    assert isinstance(one, Unreadable)
    assert one.object_id == "I1"
    assert len(one.detail) < 500
    assert newer_version(version) is None
    assert SCHEMA_VERSION == 1
