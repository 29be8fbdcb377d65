"""Proves that what is evaluated natively gives what libjq gives, and what a text says of itself."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mapper.native import LEFT_TO_LIBJQ, Result, native, native_path
from services.mapper.programs import TopicPrograms
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
from tests.mapper_builders import INCIDENTS, a_plan, an_entry

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


@given(text=paths(), document=documents)
def test_plain_paths_give_what_libjq_gives(text: str, document: Json) -> None:
    get = native_path(text)
    assert get is not None

    result = get(document)

    assert ("raised" if isinstance(result, dict) else result) == by_libjq(text, document)


@given(value=scalars, document=documents)
def test_constants_give_what_libjq_gives(value: Json, document: Json) -> None:
    text = json.dumps(value)
    get = native(text)

    if get is not None:
        assert get(document) == [value] == by_libjq(text, document)


DOCUMENT: Json = {
    "id": "P1",
    "n": 3,
    "big": 2**53 + 1,
    "part": 1.5,
    "name": "A-b c",
    "no": None,
    "list": [{"id": "a", "n": 2}, {"id": "b", "n": 1}, {"id": None}],
    "teams": [{"summary": "Ops"}, {"summary": "Dev"}],
    "at": "2026-04-06T21:30:42Z",
}


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        (".name // .id", "A-b c"),
        (".no // .id", "P1"),
        ("[.list[].id // empty]", ["a", "b"]),
        ('"#\\(.n): \\(.name) \\(.no)"', "#3: A-b c null"),
        (".id | tostring", "P1"),
        (".n == 3 and (.no | not)", True),
        ("[.list[] | select(.n > 1) | .id]", ["a"]),
        (".list | map(.n) | first", 2),
        ("if .n > 5 then .a elif .no then .b else {id, big: .big} end", {"id": "P1", "big": 2**53 + 1}),
        ('[.teams[].summary] | sort | join(", ")', "Dev, Ops"),
        (".list | group_by(.id) | map(length)", [1, 1, 1]),
        (".list[0].x?.y?", None),
        ("[.name[]?]", []),
        ("try .name.x", []),
        (".name[2:]", "b c"),
        ('.name | ascii_downcase | gsub("[^a-z0-9]+"; "-")', "a-b-c"),
        ('[.name | splits(" +")]', ["A-b", "c"]),
        (".at | fromdate | todate[0:10]", "2026-04-06"),
        (".n * 2 - 1 + (.n / 2)", LEFT_TO_LIBJQ),
        (".n | IN(1, 3)", True),
        ("first(.list[] | select(.n == 1)).id", "b"),
    ],
)
def test_what_mappings_are_made_of_runs_natively(text: str, gives: Json) -> None:
    get = native(text)

    assert get is not None
    expected = LEFT_TO_LIBJQ if gives is LEFT_TO_LIBJQ else [] if text.startswith("try") else [gives]
    assert get(DOCUMENT) == expected
    if gives is not LEFT_TO_LIBJQ:
        assert by_libjq(text, DOCUMENT) == expected


@pytest.mark.parametrize("text", [".teams[{}]", "[.teams[{}]]", ".teams[{} | . + 0]", "[].[{}]", ".no[{}]"])
@pytest.mark.parametrize("step", [-3, -2, -1, 0, 1, 2])
def test_index_is_null_beyond_either_end_of_a_list(text: str, step: int) -> None:
    text = text.format(step)
    get = native(text)

    assert get is not None
    assert get(DOCUMENT) == by_libjq(text, DOCUMENT)


@pytest.mark.parametrize(
    "text",
    [
        ".big | tostring",
        ".big == .big + 1",
        ".part + 1",
        ".part | tostring",
        ".part == .part",
        "[.part] | sort",
        '"\\(.list)"',
        ".name.x | length",
        ".list + 1",
        ".n / 0",
        "0 * -1",
        '"é" | test("[a-z]")',
        '"a\nb" | test("a.b")',
        '"2026-02-31T00:00:00Z" | fromdate',
    ],
)
def test_a_value_that_cannot_be_judged_is_left_to_libjq(text: str) -> None:
    get = native(text)

    assert get is not None
    assert get(DOCUMENT) is LEFT_TO_LIBJQ


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "1e999",
        "1.5",
        "nan",
        "NaN",
        "Infinity",
        ". as [$x] | $x",
        "foreach .a[] as $x (0; . + $x)",
        "reduce .a[] as $x (0; empty)",
        "def f: 1; f",
        "try .a catch .",
        ".a |= 1",
        "env",
        "$ENV",
        "$__loc__",
        "input",
        "error",
        "halt",
        "fromjson",
        "@html",
        '@base64 "\\(.a)"',
        "{(.a): 1}",
        "{$x}",
        '.a | test("a*")',
        '.a | test("é")',
        '.a | test("a"; "i")',
        '.a | scan("(a)")',
        '.a | sub("a"; .b)',
        "[limit(-1; .a[])]",
        '(.a, .b) + "x"',
        "{a: (.a, .b)}",
    ],
)
def test_everything_else_is_left_to_libjq(text: str) -> None:
    assert native(text) is None


@pytest.mark.parametrize("text", [".a | length", '"a\\(.b)"', ".a?", "[.a]", ".a // .b", "not"])
def test_only_paths_and_constants_are_the_same_in_every_jq(text: str) -> None:
    assert native_path(text) is None


def test_a_fraction_goes_to_libjq_as_it_was_written() -> None:
    properties = {"p": ".a | tojson | @html", "q": "[.b[]] | tojson | @html", "r": ".c | tojson | @sh"}
    programs = TopicPrograms(a_plan(an_entry(properties=properties))["topics"][INCIDENTS]["entries"])

    def given(text: str) -> list[Result | None]:
        return programs.evaluate(json.loads(text), text)[0].rows[0][3:]

    assert given('{"a": 1.10, "b": [1.10, 1e2], "c": {"d": [2.50]}}') == [
        ["1.10"],
        ["[1.10,1E+2]"],
        ["'{\"d\":[2.50]}'"],
    ]
    assert given('{"a": 7, "b": [1, "x"], "c": {"d": [true]}}') == [
        ["7"],
        ["[1,&quot;x&quot;]"],
        ["'{\"d\":[true]}'"],
    ]


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
