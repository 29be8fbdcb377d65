"""Proves that what is evaluated natively gives what libjq gives, and what a text says of itself."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mapper.native import LEFT_TO_LIBJQ, native
from shared.jq_engine import ExpressionError, Json, LibjqEngine
from shared.jq_text import (
    constant,
    constant_text,
    names_key,
    plain_path,
    root_keys,
    unguarded_parts,
    without_tostring,
)

ENGINE = LibjqEngine()

names = st.sampled_from(["a", "b", "c_1", "x y", 'q"', "é"])
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.just(1.5)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def paths(draw: st.DrawFn) -> str:
    text = ""
    for _ in range(draw(st.integers(1, 4))):
        name = draw(names)
        dot = "" if text else "."
        forms = [f".{json.dumps(name)}", f"{dot}[{json.dumps(name)}]", f"{dot}[{draw(st.integers(-3, 3))}]"]
        if name.isascii() and name.isidentifier():
            forms += [f".{name}"] * 3
        text += draw(st.sampled_from(forms))
    return text


def by_libjq(text: str, document: Json) -> Json:
    try:
        return ENGINE.compile(text).first(json.dumps(document))
    except ExpressionError:
        return "raised"


@given(text=paths(), suffix=st.sampled_from(["", " | tostring", "|tostring "]), document=documents)
def test_plain_paths_give_what_libjq_gives(text: str, suffix: str, document: Json) -> None:
    get = native(text + suffix)
    assert get is not None

    result = get(document)

    if result is not LEFT_TO_LIBJQ:
        given_ = "raised" if isinstance(result, dict) else result
        assert given_ == by_libjq(text + suffix, document)


@given(value=scalars, document=documents)
def test_constants_give_what_libjq_gives(value: Json, document: Json) -> None:
    text = json.dumps(value)
    get = native(text)

    if get is not None:
        assert get(document) == [value] == by_libjq(text, document)


@pytest.mark.parametrize(
    "text",
    [
        ".a[]",
        ".a?",
        "..",
        ".a | .b",
        ".a .b",
        '"a \\(.b)"',
        ".[0:2]",
        "[1]",
        "{}",
        ".a # no",
        "1e999",
        "-1 - 1",
        "nan",
        "NaN",
        "Infinity",
        ". | tostring",
        '"a" | tostring',
    ],
)
def test_everything_else_is_left_to_libjq(text: str) -> None:
    assert native(text) is None


def test_what_a_text_says_of_itself() -> None:
    assert constant_text(' "pagerdutyService" ') == "pagerdutyService"
    assert constant_text(".kind") is None
    assert constant("false") == [False]
    assert constant("2.50") == []
    assert plain_path('.a["b c"][-1].d') == ("a", "b c", -1, "d")
    assert plain_path(".") == ()
    assert without_tostring(".id | tostring") == ".id"
    assert without_tostring(".id") is None
    assert root_keys('.a.b + "\\(.c).d" | map(.e) # .f') == {"a", "c", "e"}


def test_a_key_is_named_only_as_a_whole_word() -> None:
    assert names_key(".__oncall_user[0].id", "__oncall_user")
    assert not names_key(".__oncall_users[0].id", "__oncall_user")
    assert not names_key(".my__oncall_user", "__oncall_user")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (".id", ()),
        ('.user.id + "-" + .schedule.id', (".user.id", ".schedule.id")),
        ('"\\(.user.id)-\\(.start)"', (".user.id",)),
        ('(.user.id // "none") + .start', ()),
        ('if .user then .user.id + "x" else "y" end', ()),
        ('.id + "-v1.2.3"', ()),
    ],
)
def test_concatenations_of_parts_that_may_be_null_are_seen(text: str, parts: tuple[str, ...]) -> None:
    assert unguarded_parts(text) == parts
