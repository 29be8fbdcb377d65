"""A record of the entity topic is read as its schema says, whichever way it is read."""

from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from schemas.entity_change import ChangeSource, EntityChange, SearchQuery, SearchRule
from schemas.headers import Operation, Origin, RecordHeaders
from services.writer.change import Change
from services.writer.decoding import Unreadable, decode
from shared.log.interface import Record

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=5)
NAME = TEXT.filter(bool)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
QUERY = st.just(
    SearchQuery(combinator="and", rules=(SearchRule(property="$title", operator="=", value="x"),))
)
OPTIONAL = {
    "title": st.none() | TEXT,
    "icon": st.none() | TEXT,
    "team": st.none() | TEXT | st.lists(TEXT, max_size=2) | QUERY,
    "properties": st.dictionaries(TEXT, JSON, max_size=3),
    "relations": st.dictionaries(TEXT, st.none() | TEXT | st.lists(TEXT, max_size=2) | QUERY, max_size=3),
    "omits": st.lists(TEXT, max_size=2).map(tuple),
    "merge": st.booleans(),
    "create_missing_related_entities": st.booleans(),
    "delete_dependents": st.booleans(),
    "unless_updated_since": st.none() | st.datetimes(timezones=st.just(UTC)),
}
CHANGES = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(Operation),
        "blueprint": NAME,
        "identifier": TEXT | QUERY,
        "source": st.builds(ChangeSource, kind=TEXT, object_id=TEXT),
    },
    optional=OPTIONAL,
).map(lambda fields: EntityChange(**fields))


def record(value: bytes, origin: Origin, kind: str, *, confirmed: bool = False) -> Record:
    headers = RecordHeaders(
        id="1",
        source="pagerport/me/mapper",
        type="pagerport.entity",
        time=datetime(2026, 3, 1, tzinfo=UTC),
        origin=origin,
        kind=kind,
        runid="run-1",
        confirmed=confirmed,
    )
    return Record("port.entities", 0, 7, 0, b"key", value, headers.encode())


def dumped(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, SearchQuery) else value


@given(CHANGES, st.sampled_from(Origin), st.sampled_from(["", "users"]), st.booleans(), st.booleans())
def test_every_change_is_read_as_it_was_written(
    written: EntityChange, origin: Origin, kind: str, unset_too: bool, confirmed: bool
) -> None:
    value = written.model_dump_json(exclude_unset=not unset_too).encode()
    fields = set(EntityChange.model_fields) if unset_too else written.model_fields_set
    body: dict[str, Any] = {
        name: dumped(getattr(written, name)) for name in ("title", "icon", "team") if name in fields
    }
    if written.properties:
        body["properties"] = written.properties
    if written.relations:
        body["relations"] = {name: dumped(target) for name, target in written.relations.items()}
    assert decode(3, record(value, origin, kind, confirmed=confirmed)) == Change(
        index=3,
        is_delete=written.operation is Operation.DELETE,
        origin=origin,
        run_id="run-1",
        kind=kind or written.source.kind,
        object_id=written.source.object_id,
        blueprint=written.blueprint,
        identifier=dumped(written.identifier),
        body=body,
        merge=written.merge or bool(written.omits),
        create_missing=written.create_missing_related_entities,
        delete_dependents=written.delete_dependents,
        confirmed=confirmed,
        unless_updated_since=written.unless_updated_since,
    )


@given(st.dictionaries(st.sampled_from([*EntityChange.model_fields, "x"]), JSON, max_size=6), st.binary())
def test_nothing_makes_reading_fail(value: dict[str, Any], junk: bytes) -> None:
    for content in (orjson.dumps(value), junk):
        assert decode(0, record(content, Origin.LIVE, "")) is not None
    headers = (("ce_id", junk), ("ce_origin", junk), ("ce_schemaversion", junk))
    assert isinstance(decode(0, Record("port.entities", 0, 0, 0, junk, junk, headers)), Unreadable)
