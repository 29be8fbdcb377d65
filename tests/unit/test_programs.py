"""Proves that it makes no difference how a topic's expressions are put into programs."""

import json
from typing import Any

import pytest

from services.mapper.native import Result
from services.mapper.plan_shape import ITEMS
from services.mapper.programs import FUSED_EXPRESSIONS, Rows, TopicPrograms
from tests.mapper_builders import INCIDENTS, a_plan, an_entry

DOCUMENT = {"id": "I1", "n": 7, "list": [1, 2]}


def programs(*entries: dict[str, Any]) -> TopicPrograms:
    return TopicPrograms(a_plan(*entries)["topics"][INCIDENTS]["entries"])


def fused(*entries: dict[str, Any]) -> list[Rows]:
    return plain(programs(*entries).evaluate(DOCUMENT, json.dumps(DOCUMENT)))


def apart(*entries: dict[str, Any]) -> tuple[list[Rows], list[tuple[int, int]]]:
    heard: list[tuple[int, int]] = []
    rows = programs(*entries).evaluate_apart(json.dumps(DOCUMENT), lambda *at: heard.append(at))
    return plain(rows), heard


def plain(results: list[Rows]) -> list[Rows]:
    """Return results that say of an error only that there is one: alone its value is given as text."""
    return [
        Rows([[_plain(one) for one in row] for row in given.rows], _plain(given.found)) for given in results
    ]


def _plain(result: Result | None) -> Result | None:
    return {"e": True} if isinstance(result, dict) else result


def many(number: int) -> list[dict[str, Any]]:
    return [
        an_entry(identifier=f'.id + "-{index}"', properties={"n": f".n + {index}"}) for index in range(number)
    ]


def test_thousands_of_expressions_give_what_each_gives_alone() -> None:
    entries = many(FUSED_EXPRESSIONS)

    rows, _ = apart(*entries)

    assert fused(*entries) == rows
    assert [one.rows[0][2] for one in rows] == [[f"I1-{index}"] for index in range(FUSED_EXPRESSIONS)]


@pytest.mark.parametrize("breaking", ["halt", "error(null)", "input", "last(empty)"])
def test_an_expression_that_breaks_out_changes_nothing_for_the_others(breaking: str) -> None:
    entries = many(FUSED_EXPRESSIONS)
    entries[70] = an_entry(properties={"p": breaking, "q": ".n + 1"})

    assert fused(*entries) == apart(*entries)[0]


def test_selector_that_goes_on_behind_its_first_value_is_judged_by_that() -> None:
    # With `?//` in a pattern jq 1.8 takes the end of `first` for an error, and tries the next pattern.
    entry = an_entry(query=".list as [$x] ?// $x | true, error", properties={"p": ".n | @html"})

    assert fused(entry) == apart(entry)[0]
    assert fused(entry)[0].rows[0][3] == ["7"]


def test_items_and_unselected_objects_give_the_same_apart() -> None:
    entries = (
        an_entry(items=".list", identifier=".item | tostring", properties={"n": ".n + .item"}),
        an_entry(items=".n"),
        an_entry(query=".n == 8", properties={"p": ".n + 1"}),
        an_entry(query="error", properties={"p": ".n + 1"}),
    )

    assert fused(*entries) == apart(*entries)[0]


def test_each_expression_is_announced_before_it_is_run_alone() -> None:
    _, heard = apart(an_entry(items=".list"), an_entry(query="false", properties={"p": ".n"}))

    assert heard == [(0, ITEMS), *[(0, 0), (0, 1), (0, 2)] * 2, (1, 0), (1, 1), (1, 2)]
