"""Proves where values are compared, ordered and added without libjq, and where they are left to it."""

from collections.abc import Callable
from functools import partial
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import pytest

from services.mapper.native_values import (
    LeftError,
    add,
    as_text,
    compare,
    divide,
    equal,
    is_exact,
    is_truthy,
    multiply,
    order_key,
    subtract,
    total,
    type_name,
)

LAST = 2**53 - 1
"""The largest integer that is sure to be the same everywhere."""
IN_ORDER = (None, False, True, -LAST, 0, 1, LAST, "", "a", "b", "é", "\U0001f600")


@pytest.mark.parametrize(
    ("operator", "judge"),
    [("==", eq), ("!=", ne), ("<", lt), ("<=", le), (">", gt), (">=", ge)],
)
def test_scalars_stand_in_the_order_of_jq(operator: str, judge: Callable[[int, int], bool]) -> None:
    for one, left in enumerate(IN_ORDER):
        for other, right in enumerate(IN_ORDER):
            assert compare(operator)(left, right) is judge(one, other), (left, right)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (LAST, LAST, True),
        ([1, ["a"]], [1, ["a"]], True),
        ([1], [1, 1], False),
        ([1, 1], [1], False),
        ([1, 2], [1, 3], False),
        ({"a": 1, "b": None}, {"b": None, "a": 1}, True),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1, "b": 1.5}, False),
        (1, True, False),
        (0, False, False),
        (None, False, False),
        ("1", 1, False),
        (1.5, "1.5", False),
        ("a", 1.5, False),
    ],
)
def test_what_is_equal_in_jq(left: Any, right: Any, expected: bool) -> None:
    assert equal(left, right) is expected


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (partial(add, None, 1.5), 1.5),
        (partial(add, [1], None), [1]),
        (partial(add, None, None), None),
        (partial(add, "a", "b"), "ab"),
        (partial(add, [1], [2]), [1, 2]),
        (partial(add, {"a": 1, "b": 2}, {"a": 3}), {"a": 3, "b": 2}),
        (partial(add, LAST - 1, 1), LAST),
        (partial(add, -LAST, 1), 1 - LAST),
        (partial(subtract, 1 - LAST, 1), -LAST),
        (partial(multiply, LAST, -1), -LAST),
        (partial(multiply, 0, 3), 0),
        (partial(divide, -6, 3), -2),
        (partial(divide, 0, 3), 0),
        (partial(divide, 7, -2), -3.5),
        (partial(total, []), None),
        (partial(total, [None, None]), None),
        (partial(total, [None, "a", None, "b"]), "ab"),
        (partial(total, [[1], None, [2]]), [1, 2]),
        (partial(total, [LAST, -1, 1]), LAST),
        (partial(total, [None, 7]), 7),
        (partial(as_text, LAST), str(LAST)),
        (partial(as_text, -LAST), str(-LAST)),
        (partial(as_text, True), "true"),
        (partial(as_text, False), "false"),
        (partial(as_text, None), "null"),
        (partial(as_text, "x"), "x"),
    ],
)
def test_what_is_computed_as_jq_does(work: Callable[[], Any], expected: Any) -> None:
    made = work()
    assert (type(made), made) == (type(expected), expected)


LEFT: tuple[tuple[Callable[..., Any], tuple[tuple[Any, ...], ...]], ...] = (
    (equal, ((LAST + 1, LAST + 1), (-LAST - 1, 1), (1, LAST + 1), (1.5, 1.5), (1, 1.0), (1.0, 1))),
    (equal, (([LAST + 1], [1]), ({"a": 1}, {"a": 1.0}))),
    (order_key, ((LAST + 1,), (-LAST - 1,), (1.5,), ([],), ({},))),
    (add, ((LAST, 1), (-LAST, -1), (LAST + 1, -2), (1, LAST + 1), (1, "a"), ("a", 1), (1.5, 1.5))),
    (add, ((True, True), (1, 1.0), ([], {}))),
    (subtract, ((-LAST, 1), (True, 1), (1, 1.5), ([1], [1]))),
    (multiply, ((LAST, 2), (0, -1), (-1, 0), ("a", 2), (1.5, 2), (LAST + 1, 0))),
    (divide, ((1, 0), (0, -5), (0, 0), (LAST + 1, 2), (1, LAST + 1), ("a", "a"), (1.5, 1))),
    (total, (([1, "a"],), ([1.5],), ([LAST, 1, -2],), ([LAST + 1],), ([None, LAST + 1],))),
    (total, (([{}],), ([True],), ([[1], "a"],), ([{}, {}],))),
    (as_text, ((LAST + 1,), (-LAST - 1,), (1.5,), ([],), ({},))),
)


@pytest.mark.parametrize(
    ("work", "given"), [(work, given) for work, all_given in LEFT for given in all_given]
)
def test_what_is_left_to_libjq(work: Callable[..., Any], given: tuple[Any, ...]) -> None:
    with pytest.raises(LeftError):
        work(*given)


def test_what_counts_as_true_and_what_types_are_called() -> None:
    values: list[Any] = [None, False, True, 0, 0.0, "", [], {}]
    assert [is_truthy(value) for value in values] == [False, False, True, True, True, True, True, True]
    assert [type_name(value) for value in values] == [
        *("null", "boolean", "boolean", "number", "number", "string", "array", "object")
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(
            (None, True),
            (LAST + 2, True),
            (1.0, False),
            ("1.0", True),
            ([1, [True]], True),
            ([1, [0.1]], False),
        ),
        *(({"a": [1]}, True), ({"a": {"b": 1.5}}, False), ([], True), ({}, True)),
    ],
)
def test_fractions_are_not_written_as_they_were_read(value: Any, expected: bool) -> None:
    assert is_exact(value) is expected
