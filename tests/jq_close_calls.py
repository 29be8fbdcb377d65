"""Yields expressions that one would get wrong: parts of texts, empty matches, zeros, dates, odd arguments."""

import json
from collections.abc import Iterator
from itertools import product
from random import Random

PATTERNS = (
    *(
        "a",
        "[a-z]+",
        "[^a-z0-9]+",
        " +",
        "^a",
        "c$",
        "a.c",
        "[A-Za-z]",
        "x?a",
        "a*b",
        "\\.",
        "\\d+",
        "(a|b)c",
    ),
    *(
        "(?:b|c)+",
        "\\s",
        "\\w+",
        "[0-9]",
        "(b)?c",
        "[+]0",
        "[^,]+",
        "a|b",
        "(?<x>a)",
        "[[:alpha:]]+",
        "b*",
        "e+$",
    ),
    *(
        "",
        "^",
        "b?",
        "(b)?",
        "b*c?",
        "\\*?",
        "a{2}",
        "a+?",
        "(?i)a",
        "\\bb",
        "[\\d-]+",
        "[a-]",
        "a||b",
        "^$",
        "\\*+",
    ),
    *("(ab|cb?)", "x?(?:ca|b+a*b|c)?b", "(a[bc]|\\w-b)?c", "(?:bb|bc|ab*c)"),
)
OPERATORS = ("+", "-", "*", "/", "==", "!=", "<", "<=", ">", ">=", "and", "or", "//", ",")
WITH_TEXT = ("join", "split", "startswith", "endswith", "ltrimstr", "rtrimstr", "contains", "has")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_ON_LISTS = ("add", "sort", "unique", "min", "max")
_PARTS = (
    *(("abcab", "ab"), ("abcab", "cab"), ("ab", "ab"), ("ab", "abc"), ("", "a"), ("", ""), ("aab", "a")),
    *((",a,b,", ","), ("abb", "b"), ("éa", "é"), ("a\0b", "b"), ("aXa", "a"), ("ababab", "ab")),
)
_LINES = (
    "abc",
    "a1-b c",
    "X ab,c",
    "bbb",
    "",
    "aab.b",
    "é ab",
    "a\nb",
    "ab\n",
    "[+]00",
    "\x1f b",
    "CaC c",
    "a*",
)
_STRPTIME = 'strptime("%Y-%m-%dT%H:%M:%SZ")'
_DATES = (
    *("1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2026-02-29T00:00:00Z", "9999-12-31T23:59:59Z"),
    *("1969-12-31T23:59:59Z", "1970-01-04T00:00:00Z", "2026-04-06T21:30:42ZZ", " 2026-04-06T21:30:42Z"),
    *("0000-01-01T00:00:00Z", "2026-4-6T1:2:3Z", "2026-06-31T00:00:00Z", "2026-01-01T24:00:60Z"),
)
_BROKEN_DOWN = (
    *(
        "[2026, 3, 6, 21, 30, 42, 1, 95]",
        "[2026, 3, 6, 21, 30, 42]",
        "[2026, 3, 6, 21, 30]",
        "[2026, 12, 31, 25, 61, 61]",
    ),
    *(
        '["a", 3, 6, 21, 30, 42]',
        "[2026, 3, 6, 21, 30, 1.5]",
        "[1969, 11, 31, 23, 59, 59]",
        "[9999, 11, 31, 23, 59, 59]",
    ),
    *(
        "[1970, 0, 1, 0, 0, true]",
        "[-1, 0, 1, 0, 0, 0]",
        "[10000, 0, 1, 0, 0, 0]",
        "[1970, -1, 1, 0, 0, 0]",
        "{}",
    ),
)
_FALSY = '[0, "", [], {}, null, false, 1]'


def close_calls(random: Random) -> Iterator[str]:
    """Yield all of them; each pattern is tried on some lines."""
    yield from _of_parts()
    yield from _of_patterns(random)
    yield from _of_dates()
    yield from _of_numbers()
    yield from _of_sameness()
    yield from _of_truth()
    yield from _of_arguments()
    yield from _of_written_texts()
    yield from _of_others()
    for first, second in product((*OPERATORS, "|"), repeat=2):
        yield f"7 {first} 2 {second} 3"
        yield f".a {first} .b {second} 1 as $x | [$x]"


def _of_parts() -> Iterator[str]:
    for name in WITH_TEXT:
        for text, part in _PARTS:
            yield f"{json.dumps(text)} | {name}({json.dumps(part)})"


def _of_patterns(random: Random) -> Iterator[str]:
    for pattern in map(json.dumps, PATTERNS):
        for called in ("test({})", "[scan({})]", "[splits({})]", 'sub({}; "_")', 'gsub({}; "_")'):
            for line in random.sample(_LINES, 3):
                yield f"{json.dumps(line)} | {called.format(pattern)}"
        # Where both go on behind an empty match, and what a line end is.
        for line in ("abbc", "ab\n"):
            yield f'{json.dumps(line)} | gsub({pattern}; "_"), [splits({pattern})], test({pattern})'
            yield f'{json.dumps(line)} | gsub({pattern}; "_")'


def _of_dates() -> Iterator[str]:
    for date in map(json.dumps, _DATES):
        for called in ("fromdate", "fromdate | todate", f"{_STRPTIME} | ., mktime", f"{_STRPTIME} | mktime"):
            yield f"{date} | {called}"
    for parts in _BROKEN_DOWN:
        yield f"{parts} | mktime"
    year_10000 = "(86400 * 2932897)"
    for seconds in ("0", "-1", "1", f"({year_10000} - 1)", year_10000, "1.5", "null", "true"):
        yield f"{seconds} | todate"
        for form in ("%Y-%m-%d", "%A %j", "%%Y", "%f", "%Z", "%e é", "%H%"):
            yield f"{seconds} | strftime({json.dumps(form)})"


def _of_numbers() -> Iterator[str]:
    for left, operator, right in product((0, 7, -6, ".a", ".b"), "+-*/", (3, -3, 0, ".b", ".c_1")):
        yield f"{left} {operator} {right}"
        yield f'"\\({left} {operator} {right})"'
    # Long numbers in an expression are libjq's, so the largest exact one is computed.
    large = "(94906265 * 94906265 + 118490766)"
    yield from (
        f"{large} {rest}" for rest in ("+ 0", "+ 1", "+ 2", "- -2", "* 2", "* 3", "* -3", "/ 3", "/ 1")
    )
    yield from (f"0 - {large} - {rest}" for rest in ("0", "1", "2"))
    yield from (f"[{large}, {rest}] | add" for rest in ("0", "1", "2", "-2"))
    for left, operator, right in product((".a", "1"), _COMPARISONS, (".b", ".c_1", "1")):
        yield f"{left} {operator} {right}"
    for called in (*_ON_LISTS, "@csv", "tojson", "group_by(.)", "map(tostring)", "map(type)", "map(length)"):
        yield f"[.a, .b, .c_1] | {called}"
        yield f"[.a, .id] | {called}"
    big = "[.a, .a + 0, .b]"
    yield from (
        f"{big} | {called}"
        for called in ("unique", "sort", "min", "max", "add", "map(. == 9007199254740992)")
    )
    yield from (
        f"[{left}] {operator} [{right}]"
        for left, operator, right in product((".a", ".b"), _COMPARISONS, (".b",))
    )


def _of_sameness() -> Iterator[str]:
    """Yield what Python and jq take for equal, or do not."""
    for left, right in (
        ("true", "1"),
        ("1", "1.0"),
        ("0", "false"),
        ("null", "false"),
        ('"1"', "1"),
        ("1", "1"),
    ):
        for one, other in ((left, right), (f"[{left}]", f"[{right}]"), (f"{{a: {left}}}", f"{{a: {right}}}")):
            yield from (f"{one} == {other}", f"{one} != {other}", f"{one} | IN({other}, null)")
            yield f"[{one}, {other}] | map(. == {other})"


def _of_truth() -> Iterator[str]:
    for called in (
        "select(.)",
        "if . then 1 else 2 end",
        ". // 3",
        ". and true",
        ". or false",
        "not",
        "first(., 1)",
    ):
        yield f"{_FALSY} | map({called})"
    for called in ("any(.)", "all(.)", "any(. == 0)", "all(. == 1 | not)"):
        yield from (f"{given} | {called}" for given in (_FALSY, "[0]", "[null]", "[]", '[""]', "{a: false}"))
    for left in ("1, 2", "null, false", "null, 1", "empty", "1, null", "false"):
        yield f"[({left}) // (3, 4)]"
        yield f"[({left}) // 3]"
        yield f"[first({left})]"


def _of_arguments() -> Iterator[str]:
    """Yield calls whose argument is not of the sort that runs natively."""
    yield from (f"[limit({number}; 1, 2)]" for number in ("-1", "0", "1", "1.5", ".a", "(1, 2)", "null"))
    yield from (
        f'"aXa" | {called}' for called in ('split("X"; null)', 'test("A"; "i")', 'sub("a"; "b"; "g")')
    )
    for name in (*WITH_TEXT, "test", "splits", "strftime"):
        yield from (f'"abc" | {name}({argument})' for argument in (".", '"a", "b"', '"\\(.)"', "1", "null"))
    for name in ("sort_by", "group_by", "unique_by", "map", "select", "any", "all", "IN", "first"):
        yield from (
            f"[3, 1, 2] | {name}({argument})" for argument in (". - 2", "., 1", "empty", "-.", "error")
        )


def _of_written_texts() -> Iterator[str]:
    yield from ("{a: 1, b: 2} + {a: 3, id: 4}", "[1, 2] + [3]", "[[1], [2]] | add", "[1] - [1]")
    for text in ('"a\\u0000b"', '"\\u007f"', '"é/ü?~"', '"a\\"b"'):
        yield from (f"[{text}] | {called}" for called in ("@csv", "tojson"))
        yield from (f"{text} | {called}" for called in ("@json", "@uri", "@base64", "@text", "explode"))


def _of_others() -> Iterator[str]:
    """Yield what looks like a form that runs natively, and is another."""
    yield from (
        "[..]",
        ".. | numbers",
        "7 % 3",
        ".a % 2",
        ".a |= 1",
        ".a += 1",
        ".a = .b",
        "-(.a)",
        "-(1, 2)",
        "nan < 1",
    )
    yield from (
        f'@{name} "a é\\(.a) \\(1)"' for name in ("base64", "json", "text", "uri", "html", "csv", "sh")
    )
    yield from (
        'try error("x") catch .',
        "[.a[]?] | try error catch 1",
        'try .a.b.c catch "x"',
        "[try (1, error) catch 2]",
    )
    yield from (
        "{(.id | tostring): 1}",
        ". as $x | {$x}",
        "{a: (1, 2)}",
        "{$__loc__}",
        '{"a\\(1)": 2}',
    )
    yield from ("[1, 2] as [$x] | $x", "{a: 1} as {a: $x} | $x", "def f: 1; f", ".a as $x | .b as $x | $x")
    yield from (
        "foreach (1, 2) as $x (0; . + $x)",
        "reduce (1, 2) as $x (0; ., $x)",
        "reduce empty as $x (0, 1; .)",
    )
    yield from (
        ".a[.b]",
        ".[.id]?",
        "[1, 2, 3][1:.b]",
        '"abc"[.b:]',
        "[1, 2, 3][1.5]",
        "[1, 2, 3][null:2]",
        "[3][-1:]?",
    )
    yield from (
        "[label $a | 1, break $a, 2]",
        "[label $a | 1, (2, break $a)?, 3]",
        "[label $a | (label $b | 1, try break $a)?, 2]",
        "[label $a | [break $a] + ({} | .b.c), .a[0].b]",
        '[label $a | [break $a] + ("a" | .b)]',
        '[label $a | map(break $a)? + ("a" | .b)]',
        '[label $a | (reduce (break $a) as $x (0; .)) == ("a" | .b)]',
        '[limit(0; "a" | .b)]?',
        "[limit(0; .a.b), 1]?",
        "first(empty)",
        "[first(range(3))]",
        "(1, null) // 2",
        "(1, 2) + (3, 4)",
    )
    yield from (
        ".a | @html",
        "[1, 2] | @sh",
        "[1, 2] | @tsv",
        '"YQ==" | @base64d',
        "$ENV | length",
        "[$ENV, 1] | length",
    )
