"""How entities are packed into bulks: each once, within the limits, in the order of their name."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.writer.batching import Bulk, Packed, fits, plan_bulks
from services.writer.change import EntityFlags

APP = EntityFlags("app", merge=True, create_missing=True)
FLAGS = [APP, EntityFlags("app", merge=False, create_missing=True), EntityFlags("team", True, False)]
LIMIT_BYTES = 400


def packed(number: int, flags: EntityFlags, name: str, filler: str) -> Packed[int]:
    return Packed(number, flags, name, orjson.dumps({"identifier": name, "title": filler}))


def sent_body(bulk: Bulk[int]) -> bytes:
    return b'{"entities":[' + b",".join(entity.body for entity in bulk.entities) + b"]}"


ENTITIES = st.lists(
    st.tuples(st.sampled_from(FLAGS), st.sampled_from("abcdefgh"), st.text(max_size=60)), max_size=80
).map(lambda rows: [packed(number, *row) for number, row in enumerate(rows)])


@given(ENTITIES, st.integers(min_value=1, max_value=20))
def test_every_entity_is_sent_once_within_the_limits(entities: list[Packed[int]], limit: int) -> None:
    bulks = plan_bulks(entities, limit_entities=limit, limit_bytes=LIMIT_BYTES)
    assert sorted(one.item for bulk in bulks for one in bulk.entities) == [one.item for one in entities]
    for bulk in bulks:
        assert 1 <= len(bulk.entities) <= limit
        assert len(sent_body(bulk)) == bulk.size_bytes <= LIMIT_BYTES
        assert len(orjson.loads(sent_body(bulk))["entities"]) == len(bulk.entities)
        assert {one.flags for one in bulk.entities} == {bulk.flags}
        names = [one.name for one in bulk.entities]
        assert len(set(names)) == len(names)


@given(ENTITIES)
def test_entities_of_one_name_stay_in_their_order(entities: list[Packed[int]]) -> None:
    bulks = plan_bulks(entities, limit_entities=20, limit_bytes=LIMIT_BYTES)
    sent = [one for bulk in bulks for one in bulk.entities]
    for flags in FLAGS:
        for name in "abcdefgh":
            mine = [one.item for one in sent if (one.flags, one.name) == (flags, name)]
            assert mine == sorted(mine)


@given(ENTITIES.filter(lambda entities: len(entities) > 1))
def test_halves_are_the_whole(entities: list[Packed[int]]) -> None:
    bulk = Bulk[int](APP)
    for entity in entities:
        bulk.add(entity)
    first, second = bulk.halves()
    assert [*first.entities, *second.entities] == entities
    assert abs(len(first.entities) - len(second.entities)) <= 1
    assert (len(sent_body(first)), len(sent_body(second))) == (first.size_bytes, second.size_bytes)


def test_full_bulks_are_made_of_small_entities() -> None:
    entities = [packed(number, APP, f"n{number}", "") for number in range(45)]
    bulks = plan_bulks(entities, limit_entities=20, limit_bytes=1024 * 1024)
    assert [len(bulk.entities) for bulk in bulks] == [20, 20, 5]


def test_entity_that_just_fits_is_sent_and_one_byte_more_is_not() -> None:
    assert fits(b"x" * (100 - len('{"entities":[]}')), 100)
    assert not fits(b"x" * (101 - len('{"entities":[]}')), 100)
