"""What became of each entity of a bulk, read from Port's answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writer.classification import CallFate, Fate, classify_bulk
from shared.port.answer import Answer


def item(index: Any) -> dict[str, Any]:
    return {"created": True, "identifier": "x", "index": index}


def error(index: Any, status: Any, code: str = "invalid_request") -> dict[str, Any]:
    return {"identifier": "unknown", "index": index, "statusCode": status, "error": code, "message": "why"}


def body(entities: Any, errors: Any) -> dict[str, Any]:
    return {"ok": True, "entities": entities, "errors": errors}


def fates(answer: Answer, count: int) -> list[Fate]:
    found = classify_bulk(answer, count)
    assert isinstance(found, list)
    return [one.fate for one in found]


@pytest.mark.parametrize("status", [200, 201, 207])
def test_entities_are_matched_by_index(status: int) -> None:
    answer = Answer(status, body([item(2), item(0)], [error(1, 422)]))
    assert fates(answer, 3) == [Fate.WRITTEN, Fate.REJECTED, Fate.WRITTEN]


@pytest.mark.parametrize(
    ("status", "fate", "limited"),
    [
        (400, Fate.REJECTED, False),
        (401, Fate.REJECTED, False),
        (404, Fate.UNMET, False),
        (408, Fate.RETRY, False),
        (409, Fate.REJECTED, False),
        (413, Fate.REJECTED, False),
        (422, Fate.REJECTED, False),
        (429, Fate.RETRY, True),
        (500, Fate.RETRY, False),
        (503, Fate.RETRY, False),
        (200, Fate.RETRY, False),
        (None, Fate.RETRY, False),
        ("422", Fate.RETRY, False),
        (True, Fate.RETRY, False),
    ],
)
def test_status_of_an_item_decides_its_fate(status: Any, fate: Fate, limited: bool) -> None:
    found = classify_bulk(Answer(207, body([], [error(0, status)])), 1)
    assert isinstance(found, list)
    assert (found[0].fate, found[0].limited) == (fate, limited)
    assert "why" in found[0].detail


def test_item_in_neither_list_is_tried_again() -> None:
    assert fates(Answer(200, body([item(0)], [])), 2) == [Fate.WRITTEN, Fate.RETRY]


def test_item_in_both_lists_has_failed() -> None:
    assert fates(Answer(207, body([item(0)], [error(0, 422)])), 1) == [Fate.REJECTED]


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"entities": "x", "errors": None},
        body([None, 7, item(-1), item(9), item("0"), item(True)], [[], error(5, 422)]),
    ],
)
def test_body_that_says_nothing_means_try_again(data: dict[str, Any] | None) -> None:
    assert fates(Answer(200, data), 2) == [Fate.RETRY, Fate.RETRY]


UNNUMBERED = {"created": True, "identifier": "x"}


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        (Answer(200, {"entities": [UNNUMBERED, UNNUMBERED]}), True),
        (Answer(207, body([UNNUMBERED, UNNUMBERED], [])), True),
        (Answer(200, {"ok": True}), False),
        (Answer(200, {"ok": False, "entities": [UNNUMBERED, UNNUMBERED]}), False),
        (Answer(200, body([UNNUMBERED], [])), False),
        (Answer(207, body([UNNUMBERED, UNNUMBERED], [{"message": "why"}])), False),
    ],
)
def test_answer_that_numbers_no_entity_counts_where_it_is_well_for_all(answer: Answer, written: bool) -> None:
    assert fates(answer, 2) == [Fate.WRITTEN if written else Fate.RETRY] * 2


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        (Answer(404, {}), CallFate.NOT_FOUND),
        (Answer(413), CallFate.SPLIT),
        (Answer(422, {}), CallFate.SPLIT),
        (Answer(400, {}), CallFate.SPLIT),
        (Answer(409, {}), CallFate.SPLIT),
        (Answer(500, {}, cause="HTTP 500"), CallFate.FAILED),
        (Answer(0, cause="timeout"), CallFate.FAILED),
        (Answer(404, None, cause="unreadable answer"), CallFate.FAILED),
    ],
)
def test_call_that_fails_has_one_fate(answer: Answer, fate: CallFate) -> None:
    assert classify_bulk(answer, 3) is fate


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["index", "statusCode", "error", "message", "identifier"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(entities=JSON, errors=JSON, count=st.integers(min_value=1, max_value=20))
def test_no_body_makes_it_fail_or_lose_an_entity(entities: Any, errors: Any, count: int) -> None:
    assert len(fates(Answer(207, body(entities, errors)), count)) == count
