"""Proves that reading an object changes no number that is written in it, whatever stands beside it."""

import json
from typing import Any

import pytest

from services.mapper.documents import read_document
from services.mapper.mapped import RawObject
from services.mapper.programs import TopicPrograms
from tests.mapper_builders import INCIDENTS, a_plan, an_entry


def read(body: str) -> tuple[Any, str]:
    return read_document(RawObject(INCIDENTS, 0, 0, "I1", False, (), body.encode()))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"a": -0, "b": 1.10}', '{"a": 0, "b": 1.10}'),
        ('{"a":[-0,1e2,-0],"b":"-0, \\"-0 "}', '{"a":[0,1e2,0],"b":"-0, \\"-0 "}'),
        ('{"a":1e-0,"b":-0.0,"c":-0e1,"d":-05e0}'.replace("-05", "-5"), None),
        ('{"t": "web-0 is down", "a": 1.10, "b": 1e2}', None),
        ('{"t": "2026-04-06", "a": 2.50}', None),
    ],
)
def test_only_a_negative_zero_is_written_anew(body: str, text: str | None) -> None:
    assert read(body) == (json.loads(body), body if text is None else text)


def test_item_that_is_computed_to_be_negative_zero_is_zero_for_every_expression() -> None:
    entry = an_entry(items="[.a[] * -1]", properties={"p": ".item | tostring", "q": ".item | @html"})
    programs = TopicPrograms(a_plan(entry)["topics"][INCIDENTS]["entries"])
    document, text = read('{"id": "I1", "a": [0, 1]}')

    together = programs.evaluate(document, text)

    assert together == programs.evaluate_apart(text, lambda *_: None)
    assert [row[3:] for row in together[0].rows] == [[["0"], ["0"]], [["-1"], ["-1"]]]
