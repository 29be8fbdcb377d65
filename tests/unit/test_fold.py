"""Folding changes of an entity gives the same entity as writing them one by one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.headers import Origin
from services.writer.change import Change
from services.writer.folding import fold, unfold


def change(body: dict[str, Any] | None, index: int = 0, **more: Any) -> Change:
    """Build an upsert of a body, or a delete for None."""
    return Change(
        index=index,
        is_delete=body is None,
        origin=Origin.LIVE,
        blueprint="app",
        identifier="a",
        body=body or {},
        **more,
    )


def applied(held: dict[str, Any] | None, one: Change) -> dict[str, Any] | None:
    """Do to an entity what Port does, by the words of its reference."""
    if one.is_delete:
        return None
    if held is None or not one.merge:
        held = {}
    merged = {**held, **one.body}
    for part in ("properties", "relations"):
        merged[part] = {**held.get(part, {}), **one.body.get(part, {})}
    return merged


VALUES = st.none() | st.integers(min_value=0, max_value=3)
PARTS = st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3)
BODIES = st.fixed_dictionaries(
    {}, optional={"title": VALUES, "icon": VALUES, "properties": PARTS, "relations": PARTS}
)
CHANGES = st.lists(
    st.builds(
        lambda body, merge, create: change(body, merge=merge, create_missing=create),
        st.one_of(BODIES, BODIES, BODIES, st.none()),
        st.booleans(),
        st.sampled_from([True, True, True, False]),
    ),
    max_size=8,
)


@given(CHANGES, st.none() | BODIES)
def test_folded_writes_end_as_the_changes_one_by_one(
    changes: list[Change], held: dict[str, Any] | None
) -> None:
    one_by_one = folded = held
    for one in changes:
        one_by_one = applied(one_by_one, one)
    steps = fold(changes)
    for step in steps:
        folded = applied(folded, step.change)
    assert folded == one_by_one
    assert [part for step in steps for part in step.parts] == changes
    assert [one.change for step in steps for one in unfold(step)] == changes


@given(CHANGES)
def test_nothing_is_folded_across_a_delete_or_another_flag(changes: list[Change]) -> None:
    for step in fold(changes):
        assert len({(part.is_delete, part.create_missing) for part in step.parts}) == 1
        assert len(step.parts) == 1 or not step.change.is_delete


def test_later_keys_win_with_merge() -> None:
    first = change({"title": "A", "properties": {"x": 1, "y": 1}}, 0)
    second = change({"properties": {"y": None, "z": 2}}, 1)
    (step,) = fold([first, second])
    assert step.change.body == {"title": "A", "properties": {"x": 1, "y": None, "z": 2}}
    assert (step.parts, step.change.merge, step.change.index) == ([first, second], True, 1)


def test_last_wins_without_merge() -> None:
    second = change({"properties": {"y": 1}}, 1, merge=False)
    (step,) = fold([change({"title": "A"}, 0), second])
    assert step.change == second


def test_merge_over_an_override_still_overrides() -> None:
    (step,) = fold([change({"title": "A"}, 0, merge=False), change({"icon": "B"}, 1)])
    assert (step.change.body, step.change.merge) == ({"title": "A", "icon": "B"}, False)
