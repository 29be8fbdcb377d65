"""What an expression asks of its process is named where it asks, with what it gets instead."""

import pytest

from shared.jq_process import Asked, asks_of_process
from shared.mapping_file import check_mapping, parse_mapping


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("env.HOME", [(0, "`env`: a mapping has no environment: it is empty")]),
        ('"x\\($ENV.PATH)"', [(4, "`$ENV`: a mapping has no environment: it is empty")]),
        (
            "input",
            [(0, "`input`: a mapping has the object, which is `.`, and no further input: it fails")],
        ),
        (
            "[inputs]",
            [(1, "`inputs`: a mapping has the object, which is `.`, and no further input: it gives nothing")],
        ),
        ("input_filename", [(0, "`input_filename`: a mapping reads no file: it is null")]),
        ("input_line_number", [(0, "`input_line_number`: a mapping reads no file: it fails")]),
        (".a | debug", [(5, "`debug`: nobody sees what it writes; it gives its input")]),
        ('debug("a") | stderr', [(0, "`debug`"), (13, "`stderr`")]),
        ("halt, halt_error(1)", [(0, "`halt`: it gives nothing, as `empty` does"), (6, "`halt_error`")]),
        ("$__loc__ | env, env", [(0, "`$__loc__`: it does not tell a place in this file"), (11, "`env`")]),
        ('.env, .a.input, {halt: 1}, {env: 2}, "env", \'"debug"\'', []),
        ("def env: 1; env", []),
        (". as $ENV | $ENV", []),
        (".debug # env", []),
    ],
)
def test_what_is_asked_of_the_process_is_named_where_it_is_asked(
    text: str, asked: list[tuple[int, str]]
) -> None:
    found = list(asks_of_process(text.replace("'", "")))

    assert [one.at for one in found] == [at for at, _ in asked]
    assert all(one.says.startswith(says) for one, (_, says) in zip(found, asked, strict=True))


def test_what_cannot_be_read_asks_for_nothing() -> None:
    assert list(asks_of_process("`env`")) == []
    assert list(asks_of_process("env")) == [Asked(0, "`env`: a mapping has no environment: it is empty")]


def test_it_is_a_warning_of_the_check_at_its_line_and_column() -> None:
    loaded = parse_mapping(
        "resources:\n- kind: services\n  port: {entity: {mappings: {identifier: .id, blueprint: '\"s\"',\n"
        '    title: ".name\n      | env.HOME", properties: {secret: "$ENV.TOKEN"}}}}\n',
        "m",
    )

    m = "resources[0].port.entity.mappings"
    assert [f"{one.severity} {loaded.line(one)}" for one in check_mapping(loaded)] == [
        f"warning m:5:9: {m}.title: `env`: a mapping has no environment: it is empty",
        f"warning m:5:42: {m}.properties.secret: `$ENV`: a mapping has no environment: it is empty",
    ]
