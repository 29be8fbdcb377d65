"""What no sound writer of the topic sends costs itself alone, neither its batch nor its partition."""

import asyncio
from typing import Any

import orjson
import pytest

from schemas.headers import Origin
from schemas.outcome import Count
from shared.core import Batch
from shared.dead_letters import read_dead_letter
from tests.service.writer_setting import (
    KIND,
    LETTERS,
    WriterSetting,
    change_headers,
    record,
    upsert,
    writer_setting,
)

LIVE, RESYNC = Origin.LIVE, Origin.RESYNC
MIB = 1024 * 1024
SOURCE = {"kind": KIND, "object_id": "P1"}


def change(**more: Any) -> dict[str, Any]:
    return {"operation": "upsert", "blueprint": "app", "identifier": "bad", "source": SOURCE, **more}


def with_text(json_text: bytes, **more: Any) -> bytes:
    """Return a change whose property `text` is this JSON, also such as no encoder would write."""
    return orjson.dumps(change(properties={"text": "HERE"}, **more)).replace(b'"HERE"', json_text)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


POISON = {
    "deeper than can be written": (with_text(nested(300)), "unreadable"),
    "deeper than can be read": (with_text(nested(100_000)), "unreadable"),
    "deep beside a large number": (with_text(b'{"a":%s,"b":%s}' % (nested(5000), b"9" * 20)), "unreadable"),
    "deep search": (orjson.dumps(change(identifier=0)).replace(b"0", nested(900), 1), "unreadable"),
    "NaN": (with_text(b"NaN"), "unreadable"),
    "infinity": (with_text(b"1e999"), "unreadable"),
    "integer beyond 64 bits": (with_text(b"18446744073709551616"), "unreadable"),
    "integer below 64 bits": (with_text(b"-9223372036854775809"), "unreadable"),
    "integer of many digits": (with_text(b"9" * 5000), "unreadable"),
    "half of a character": (with_text(b'"\\ud800"'), "unreadable"),
    "no UTF-8": (with_text(b'"\xff"'), "unreadable"),
    "NUL in the identifier": (orjson.dumps(change(identifier="a\0b")), "invalid_identifier"),
    "NUL in the blueprint": (orjson.dumps(change(blueprint="a\0b")), "blueprint_missing"),
    "identifier of a megabyte": (orjson.dumps(change(identifier="a" * MIB)), "invalid_identifier"),
    "blueprint of a megabyte": (orjson.dumps(change(blueprint="a" * MIB)), "blueprint_missing"),
    "search of a megabyte": (
        orjson.dumps(
            change(
                identifier={
                    "combinator": "and",
                    "rules": [{"property": "$title", "operator": "=", "value": "a" * MIB}],
                }
            )
        ),
        "too_large",
    ),
}


async def handled(writer: WriterSetting, value: bytes | None, **parts: Any) -> list[Any]:
    """Hand over a record between two sound changes of its partition, and return the counts."""
    sound = [upsert("before", RESYNC, title="B"), upsert("after", LIVE, title="A")]
    records = [
        record(0, sound[0][1], sound[0][0]),
        record(1, value, **parts),
        record(2, sound[1][1], sound[1][0]),
    ]
    outcomes = await writer.core.handle(Batch(records, asyncio.Event()))
    return [outcome and outcome.counts for outcome in outcomes]


@pytest.mark.parametrize(("value", "reason"), POISON.values(), ids=POISON.keys())
async def test_poison_is_a_letter_and_its_neighbours_arrive(value: bytes, reason: str) -> None:
    async with writer_setting() as writer:
        counts = await handled(writer, value)
        assert [counts[0], counts[2]] == [{Count.WRITTEN: 1}] * 2
        assert {offset: found for offset, (found, _) in (await writer.letters()).items()} == {1: reason}


@pytest.mark.parametrize(
    "text",
    [nested(250), b"18446744073709551615", b"-9223372036854775808", b'"00000000000000000000"'],
    ids=["deep", "largest", "smallest", "digits of a text"],
)
async def test_what_is_only_odd_is_written(text: bytes) -> None:
    any_value = {
        "identifier": "app",
        "title": "App",
        "schema": {"properties": {"text": {"type": "object" if text[:1] == b"[" else "string"}}},
    }
    if text[:1] == b"[":
        text = b'{"a":%s}' % text[1:-1]
    async with writer_setting(blueprints=[any_value]) as writer:
        counts = (await handled(writer, with_text(text)))[1]
        assert counts[Count.WRITTEN] == 1
        assert await writer.letters() == {}


async def test_name_of_a_megabyte_is_dropped_and_kept_nowhere() -> None:
    async with writer_setting() as writer:
        value = orjson.dumps(change(properties={"p" * MIB: 1}, relations={"r" * MIB: "x"}))
        assert (await handled(writer, value))[1] == {Count.WRITTEN: 1, Count.DROPPED: 2}
        assert [len(line) < 300 for line in writer.core.drops.lines(10)] == [True, True]


async def test_record_too_large_for_a_letter_becomes_one_without_its_value() -> None:
    """A broker's limit is on what is compressed: a foreign record may be any size."""
    async with writer_setting() as writer:
        assert (await handled(writer, b"x" * (6 * MIB)))[1] == {Count.FAILED: 1}
        assert (await writer.letters())[1][0] == "unreadable"


async def test_headers_too_large_for_a_letter_become_one_without_them() -> None:
    async with writer_setting() as writer:
        headers = (*change_headers(LIVE), ("odd", b"x" * (6 * MIB)))
        counts = await handled(writer, b"{}", headers=headers, key=b"k" * (5 * MIB))
        assert counts[1] == {Count.FAILED: 1}
        (letter,) = await writer.log.read({LETTERS: 0}, max_records=10, wait_s=0)
        assert (letter.value, read_dead_letter(letter).offset) == (b"", 1)


@pytest.mark.parametrize("name", ["ce_kind", "ce_runid"])
async def test_header_of_a_megabyte_costs_its_record_only(name: str) -> None:
    async with writer_setting() as writer:
        headers = (*change_headers(LIVE), (name, b"x" * MIB))
        counts = await handled(writer, upsert("bad", LIVE)[1], headers=headers)
        assert counts == [{Count.WRITTEN: 1}] * 3


async def test_tombstone_of_any_key_costs_itself_only() -> None:
    async with writer_setting() as writer:
        for key in (b"app/" + b"x" * MIB, b"\xff/a", b"x" * MIB, b"app/\0"):
            counts = await handled(writer, None, headers=change_headers(LIVE), key=key)
            assert counts[1] in ({Count.FAILED: 1}, {Count.NOT_DELETED: 1})
