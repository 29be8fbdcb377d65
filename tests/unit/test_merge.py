"""Proves that merging entries equals applying them in order, and that omitted keys never overwrite."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from schemas.entity_change import SearchQuery, entity_key
from services.mapper.evaluate import Cause, Made
from services.mapper.merge import key_of, merge_made

Json = Any
Pair = tuple[str, str]

pairs = st.sampled_from(
    [("title", ""), ("team", ""), ("properties", "a"), ("properties", "b"), ("relations", "a")]
)
values = st.none() | st.integers(0, 3) | st.sampled_from(["", "x"])


def because(template: int) -> Cause:
    entry: Any = {"index": 0}
    return entry, template, None


@st.composite
def made(draw: st.DrawFn) -> Made:
    given_values = draw(st.dictionaries(pairs, values))
    cause = draw(st.integers(0, 2))
    lost = draw(st.lists(pairs.filter(lambda pair: pair not in given_values), unique=True))
    omits = {pair: because(cause) for pair in lost}
    return Made(draw(st.sampled_from("AB")), draw(st.sampled_from("12")), given_values, omits)


def applied(entries: list[Made]) -> dict[tuple[str, str], dict[Pair, Json]]:
    """Apply entries one after the other to a catalog, value by value."""
    catalog: dict[tuple[str, str], dict[Pair, Json]] = {}
    for entry in entries:
        assert isinstance(entry.identifier, str)
        entity = catalog.setdefault((entry.blueprint, entry.identifier), {})
        for pair, value in entry.values.items():
            entity[pair] = value
    return catalog


@given(st.lists(made(), max_size=6))
def test_merging_equals_applying_in_order(entries: list[Made]) -> None:
    merged = merge_made(entries)

    assert {key: one.values for key, one in merged.items()} == applied(entries)
    assert list(merged) == list(applied(entries))


@given(st.lists(made(), max_size=6))
def test_what_is_omitted_never_overwrites_and_is_named_only_where_nobody_gave_a_value(
    entries: list[Made],
) -> None:
    for key, one in merge_made(entries).items():
        omitted = {
            pair for entry in entries if (entry.blueprint, entry.identifier) == key for pair in entry.omits
        }
        assert set(one.omits) == omitted - set(one.values)
        assert len(one.omits) == len(set(one.omits))


@given(st.lists(made(), max_size=4), st.lists(made(), max_size=4))
def test_merging_can_be_done_in_parts(first: list[Made], second: list[Made]) -> None:
    parts = merge_made([*merge_made(first).values(), *second])

    assert parts == merge_made([*first, *second])


def test_merging_changes_none_of_what_it_is_given() -> None:
    entries = [
        Made("A", "1", {("title", ""): "x"}, {}),
        Made("A", "1", {("title", ""): None}, {("icon", ""): because(1)}),
    ]

    merge_made(entries)

    assert entries == [
        Made("A", "1", {("title", ""): "x"}, {}),
        Made("A", "1", {("title", ""): None}, {("icon", ""): because(1)}),
    ]


@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=2),
        max_leaves=4,
    )
)
def test_a_search_query_has_the_key_that_its_record_has(value: Json) -> None:
    rule = {"property": "email", "operator": "=", "value": value}
    query = {"combinator": "and", "rules": [rule, {"combinator": "or", "rules": [rule]}]}
    blueprint, name = key_of("user", query)

    key = f"{blueprint}/{name}".encode()

    read = SearchQuery.model_validate_json(orjson.dumps(query))
    assert orjson.loads(key.removeprefix(b"user/?")) == orjson.loads(
        entity_key("user", read).removeprefix(b"user/?")
    )
