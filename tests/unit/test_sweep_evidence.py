"""Tests what a sweep makes of the records of `port.entities`: whose last word counts, what is not heard."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from schemas.headers import Origin, RecordHeaders
from schemas.run import KindResult, KindState
from services.fetcher.sweep.judgement import Claim, Evidence, Owned
from services.fetcher.sweep.proof import Proof
from services.fetcher.sweep.range_reader import RangeLostError, read_range
from services.fetcher.sweep.scratch import Proposal, Scratch
from services.fetcher.sweep.statements import Said, Statement, read_statement
from shared.log.interface import NewRecord, Record, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.sources import Source

Json = Any
RUN = "run-7"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPIC = "pagerduty.raw.users"


def headers(origin: Origin = Origin.RESYNC, run_id: str = RUN) -> tuple[tuple[str, bytes | None], ...]:
    return RecordHeaders(id="1", source="s", type="t", time=AT, origin=origin, runid=run_id).encode()


def record(value: Json, key: bytes | None = b"user/U1", **more: Any) -> Record:
    body = value if value is None or isinstance(value, bytes) else orjson.dumps(value)
    return Record("port.entities", 0, 0, 0, key, body, headers(**more))


def change(operation: str = "upsert", *, object_id: str = "O1", **more: Json) -> Json:
    return {
        "operation": operation,
        "blueprint": "user",
        "identifier": "U1",
        "source": {"kind": "users", "object_id": object_id, "topic": TOPIC},
        **more,
    }


def test_upsert_of_anybody_says_that_the_entity_is_made_and_names_its_targets() -> None:
    relations = {
        "team": "T1",
        "parts": ["P1", "P2"],
        "lead": None,
        "found": {"combinator": "and", "rules": []},
    }
    said = read_statement(record(change(relations=relations), origin=Origin.LIVE, run_id=""), RUN)
    assert said == Statement(
        key=b"user/U1",
        said=Said.MAKES,
        blueprint="user",
        identifier="U1",
        topic=TOPIC,
        kind="users",
        object_id="O1",
        targets=(("team", "T1"), ("parts", "P1"), ("parts", "P2")),
    )


@pytest.mark.parametrize(
    ("origin", "run_id", "counts"),
    [
        (Origin.RESYNC, RUN, True),
        (Origin.REPLAY, RUN, True),
        (Origin.RESYNC, "run-6", False),
        (Origin.RESYNC, "", False),
        (Origin.LIVE, "", False),
        (Origin.SWEEP, RUN, False),
    ],
)
def test_only_proposals_of_this_run_speak_against_an_entity(
    origin: Origin, run_id: str, counts: bool
) -> None:
    said = read_statement(record(change("delete", reason="selector"), origin=origin, run_id=run_id), RUN)
    assert (said is not None) is counts
    if said is not None:
        assert (said.said, said.reason) == (Said.DISOWNS, "selector")


def test_proposal_of_an_object_that_the_sweep_asked_for_counts_without_a_run_id() -> None:
    delete = record(change("delete"), run_id="")
    assert read_statement(delete, RUN, {(TOPIC, "O2")}) is None
    said = read_statement(delete, RUN, {(TOPIC, "O1")})
    assert said is not None
    assert said.said is Said.DISOWNS


@pytest.mark.parametrize(
    "value",
    [
        b"{",
        b"[]",
        b'"text"',
        b"\xff",
        {},
        change("explode"),
        change(source="x"),
        change(blueprint=3),
        change(relations=["x"]),
        change(relations="x"),
    ],
)
def test_what_cannot_be_read_says_that_the_entity_is_made(value: Json) -> None:
    assert read_statement(record(value), RUN) == Statement(key=b"user/U1", said=Said.MAKES)


def test_records_without_key_or_value_say_nothing() -> None:
    assert read_statement(record(change(), key=None), RUN) is None
    assert read_statement(record(None), RUN) is None


def test_delete_of_what_a_search_finds_says_nothing() -> None:
    assert (
        read_statement(record(change("delete", identifier={"combinator": "and", "rules": []})), RUN) is None
    )


@pytest.fixture
def scratch() -> Iterator[Scratch]:
    one = Scratch()
    yield one
    one.close()


def makes(object_id: str = "O1") -> Statement:
    return Statement(key=b"user/U1", said=Said.MAKES, topic=TOPIC, object_id=object_id)


def disowns(object_id: str = "O1") -> Statement:
    return Statement(
        key=b"user/U1",
        said=Said.DISOWNS,
        blueprint="user",
        identifier="U1",
        topic=TOPIC,
        kind="users",
        object_id=object_id,
        reason="selector",
    )


MADE = Evidence(claim=Claim.MADE)
U1 = Owned(identifier="U1", updated_at=None, created_at=None)


@pytest.mark.parametrize(
    ("statements", "evidence"),
    [
        ([], Evidence(claim=Claim.NONE)),
        ([makes()], MADE),
        ([disowns()], Evidence(claim=Claim.PROPOSED, object_id="O1")),
        ([makes(), disowns()], Evidence(claim=Claim.PROPOSED, object_id="O1")),
        ([disowns(), makes()], MADE),
        ([makes("O2"), disowns("O1")], MADE),
        ([disowns("O1"), disowns("U1")], Evidence(claim=Claim.PROPOSED, object_id="U1")),
    ],
)
def test_last_word_of_each_object_counts(
    scratch: Scratch, statements: list[Statement], evidence: Evidence
) -> None:
    for one in statements:
        scratch.say([one])
    ((found, proposal),) = scratch.evidence("user", [U1])
    assert found == evidence
    if evidence.claim is Claim.PROPOSED:
        assert proposal == Proposal("users", evidence.object_id, "selector")


def test_relation_target_counts_in_its_blueprint_or_in_any_where_that_is_not_known(scratch: Scratch) -> None:
    scratch.name_targets([("user", "U1"), ("", "U3"), ("user", "U1")])
    entities = [Owned(identifier=name, updated_at=None, created_at=None) for name in ("U1", "U2", "U3")]

    def related(blueprint: str) -> list[bool]:
        return [evidence.is_related for evidence, _ in scratch.evidence(blueprint, entities)]

    assert (related("user"), related("team")) == ([True, False, True], [False, False, True])


def test_candidates_come_back_as_they_were_with_what_is_known_by_then(scratch: Scratch) -> None:
    entities = [
        Owned(identifier=f"U{number}", updated_at=AT.replace(microsecond=number), created_at=None)
        for number in range(5)
    ]
    scratch.keep_candidates("user", entities)
    scratch.say([makes()])
    chunks = list(scratch.candidates("user", 2))
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    found = [candidate for chunk in chunks for candidate in chunk]
    assert [candidate.entity for candidate in found] == entities
    claims = [Claim.NONE, Claim.MADE, Claim.NONE, Claim.NONE, Claim.NONE]
    assert [candidate.evidence.claim for candidate in found] == claims


PLACE = TopicPartition("port.entities", 0)


class Forgetful(SqliteLog):
    """A log that gives nothing of what lies in it."""

    async def read(self, *_: Any, **__: Any) -> list[Record]:
        return []


async def test_range_is_read_from_its_start_to_its_end_and_no_further() -> None:
    log = await SqliteLog.temporary()
    try:
        await log.create_topics([PLACE.topic])
        rows = [NewRecord(PLACE.topic, b"user/U1", str(n).encode()) for n in range(2500)]
        (place,) = {TopicPartition(one.topic, one.partition) for one in await log.append(rows)}
        read = [one async for records in read_range(log, {place: 5}, {place: 2300}) for one in records]
        assert [int(one.value or b"") for one in read] == list(range(5, 2300))
    finally:
        await log.close()


async def test_range_of_which_records_do_not_come_is_lost() -> None:
    log = await Forgetful.temporary()
    try:
        with pytest.raises(RangeLostError, match="does not give all"):
            async for _ in read_range(log, {}, {PLACE: 3}):
                pass
    finally:
        await log.close()


async def test_range_whose_start_was_forgotten_is_lost() -> None:
    log = await SqliteLog.temporary()
    try:
        await log.create_topics([PLACE.topic])
        with pytest.raises(RangeLostError, match="has forgotten"):
            async for _ in read_range(log, {PLACE: 7}, {PLACE: 9}):
                pass
    finally:
        await log.close()


def source(kind: str) -> Source:
    return Source(
        kind=kind, parameters="", topic=kind, query=(), entries=(0,), window=None, complete_by_design=True
    )


WHOLE = KindResult(state=KindState.COMPLETE, fetched=3, ids_digest="00000000000000aa")


@pytest.mark.parametrize(
    ("kind", "first", "second", "is_whole"),
    [
        ("users", {}, {}, True),
        ("users", {}, {"ids_digest": "00000000000000ab"}, False),
        ("users", {}, {"state": KindState.INCOMPLETE}, False),
        ("users", {"fetched": 0}, {"fetched": 0}, False),
        ("users", {"ids_digest": ""}, {}, False),
        ("users", {"state": KindState.INCOMPLETE}, {}, False),
        # One answer holds the whole list.
        ("abilities", {}, {"state": KindState.FAILED}, True),
        ("abilities", {"fetched": 0}, {}, False),
    ],
)
async def test_list_is_whole_when_two_readings_name_the_same_objects(
    kind: str, first: Json, second: Json, is_whole: bool
) -> None:
    asked: list[str] = []

    async def relist(one: Source) -> KindResult:
        asked.append(one.kind)
        return WHOLE.model_copy(update=second)

    proof = Proof({kind: WHOLE.model_copy(update=first)}, [source(kind), source("teams")], relist)
    assert [await proof.are_whole([kind]) for _ in range(2)] == [is_whole] * 2
    assert len(asked) <= 1
    assert not await Proof({}, [], None).are_whole(["users"])


async def test_several_lists_must_all_be_whole() -> None:
    async def relist(one: Source) -> KindResult:
        return WHOLE.model_copy(update={"ids_digest": "ff" * 8} if one.kind == "teams" else {})

    proof = Proof({"users": WHOLE, "teams": WHOLE}, [source("users"), source("teams")], relist)
    assert (await proof.are_whole(["users"]), await proof.are_whole(["users", "teams"])) == (True, False)
