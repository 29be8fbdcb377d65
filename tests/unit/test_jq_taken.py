"""Tests which places of the document an expression takes whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jq_taken import holds, taken_by
from shared.jq_text import Step


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (".", {""}),
        ("tojson", {""}),
        ("del(.self) | tojson", {""}),
        ("to_entries", {""}),
        ("if .name then . else null end", {""}),
        (". as $whole | $whole", {""}),
        ("{id, whole: .}", {"id", ""}),
        ("..", {""}),
        (".name", {"name"}),
        ('.["name"]', {"name"}),
        ('.name | test("^a")', {"name"}),
        (".users", {"users"}),
        (".users[0]", {"users []"}),
        ("[.users[]]", {"users []"}),
        (".users | map(.)", {"users []"}),
        (".users | first", {"users []"}),
        (".users[] | select(.name != null)", {"users []", "users [] name"}),
        (".users | sort_by(.name) | .[0].email", {"users [] name", "users [] email"}),
        ("[.users[].summary]", {"users [] summary"}),
        ('[.users[].summary] | join(", ")', {"users [] summary"}),
        (".users | map({id, name})", {"users [] id", "users [] name"}),
        ('.users | map("\\(.name): \\(.email)")', {"users [] name", "users [] email"}),
        ("reduce .users[] as $one ([]; . + [$one.name])", {"users [] name"}),
        ("[limit(2; .users[].name)]", {"users [] name"}),
        (".users // []", {"users"}),
        (".users | length", set()),
        ("any(.users[]; .name == null)", {"users [] name"}),
        ('has("users")', set()),
        ("now", set()),
        ('"text"', set()),
        ("if .priority != null then .priority.summary else null end", {"priority", "priority summary"}),
        ("def f: .; f", set()),
    ],
)
def test_places_that_an_expression_takes_whole(text: str, taken: set[str]) -> None:
    assert {" ".join(place) for place in taken_by(text)} == taken


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (".item", {"users []"}),
        (".item.name", {"users [] name"}),
        (".name", {"name"}),
        (".", {""}),
        (".other.item", {"other item"}),
    ],
)
def test_item_stands_where_its_list_does(text: str, taken: set[str]) -> None:
    assert {" ".join(place) for place in taken_by(text, "item", ".users")} == taken


def test_what_is_taken_whole_holds_what_stands_in_it() -> None:
    place = ("users", "[]", "__email")
    held = [(), ("users",), ("users", "[]"), ("[]",), ("[]", "[]"), place]
    assert [holds(taken, place) for taken in held] == [True] * len(held)
    others = [("teams",), ("users", "[]", "name"), (*place, "more")]
    assert [holds(taken, place) for taken in others] == [False] * len(others)


@given(st.lists(st.sampled_from(["a", "b"]) | st.integers(min_value=0, max_value=3), min_size=1))
def test_path_takes_what_stands_at_it_and_nothing_else(steps: list[Step]) -> None:
    text = "." + "".join(f"[{step}]" if isinstance(step, int) else f'["{step}"]' for step in steps)
    place = tuple("[]" if isinstance(step, int) else step for step in steps)
    assert taken_by(text) == {place}
