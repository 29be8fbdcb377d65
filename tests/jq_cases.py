"""Generates JQ expressions and documents for comparing what runs without libjq with libjq itself.

Everything is drawn from one `random.Random`, so that a seed and a count name a whole series of cases.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any

Json = Any

NAMES = ("a", "b", "c_1", "x y", 'q"', "é", "id", "and")
TEXTS = (
    "",
    "a",
    "b",
    "aXb",
    "Ünï",
    "a,b,c",
    "abc",
    ",",
    "null",
    "1",
    "\x00",
    "e\u0301",
    "\U0001f600",
    "\uffee",
    "a\tb\n",
    '"\\',
    "A-Z",
    "\u2028",
    "\x7f",
    "2026-04-06T21:30:42Z",
    "1969-12-31T23:59:59Z",
    "2024-02-29T00:00:00Z",
    "2026-02-30T24:00:60Z",
    "The server 7 is on fire.",
    "a@b.c, d-e_f  (g)",
)
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
)
NUMBERS = (
    *("0", "1", "-1", "2", "3", "7", "10", "-0", "0.0", "-0.0", "1.0", "1.10", "0.1", "-1.5", "1e3", "1E400"),
    *("1e-7", "9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", "1e17"),
    *("12345678901234567891", "100000000000000000001", "123456789012345678901234567890", "1e308", "2.50"),
)
ODD_TEXTS = (r"\ud83d cut", r"cut \udc00", r"\ud83d\ude00", r"\u0000", r"\/", r"\u00e9")


class Documents:
    """Makes the JSON text of documents: often of the shape that the expressions read, often not."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def text(self) -> str:
        if self._random.random() < 0.05:
            return self._value(3)
        return self._object(4)

    def _value(self, depth: int) -> str:
        random = self._random
        choice = random.random()
        if depth <= 0 or choice < 0.45:
            return self._scalar()
        if choice < 0.7:
            return self._list(depth)
        if choice < 0.72:
            return "[" * 20 + self._scalar() + "]" * 20
        return self._object(depth)

    def _list(self, depth: int) -> str:
        random = self._random
        length = random.choice((0, 1, 2, 3, 5))
        if random.random() < 0.5:
            # Of one sort, so that sums, sorting and groups have something to do.
            make: Callable[[], str] = random.choice((self._integer, self._string, lambda: self._object(2)))
            return "[" + ",".join(make() for _ in range(length)) + "]"
        return "[" + ",".join(self._value(depth - 1) for _ in range(length)) + "]"

    def _object(self, depth: int) -> str:
        random = self._random
        names = [random.choice(NAMES) for _ in range(random.choice((0, 1, 3, 6)))]
        return "{" + ",".join(f"{json.dumps(name)}:{self._value(depth - 1)}" for name in names) + "}"

    def _scalar(self) -> str:
        random = self._random
        choice = random.random()
        if choice < 0.15:
            return "null"
        if choice < 0.27:
            return random.choice(("true", "false"))
        if choice < 0.45:
            return self._integer()
        if choice < 0.55:
            return random.choice(NUMBERS)
        if choice < 0.58:
            return f'"{random.choice(ODD_TEXTS)}"'
        return self._string()

    def _integer(self) -> str:
        return str(self._random.choice((0, 1, 1, 2, 3, -5, 10, 100, 2**52, 2**53 - 1)))

    def _string(self) -> str:
        return json.dumps(self._random.choice(TEXTS), ensure_ascii=self._random.random() < 0.5)


class Expressions:
    """Makes expressions: mostly of the forms that run natively, and what stands around them."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def text(self) -> str:
        return self._expression(self._random.choice((0, 1, 1, 2, 2, 3)))

    def _expression(self, depth: int) -> str:
        if depth <= 0:
            return self._leaf()
        make = self._random.choice(_FORMS)
        return make(self, depth - 1)

    def _choose(self, *of: str) -> str:
        return self._random.choice(of)

    def _leaf(self) -> str:
        random = self._random
        choice = random.random()
        if choice < 0.6:
            return self._path()
        if choice < 0.7:
            return json.dumps(random.choice(TEXTS), ensure_ascii=random.random() < 0.5)
        if choice < 0.82:
            return self._choose("0", "1", "2", "-1", "007", "10", "9007199254740992", "1.5", "-0", "1.10")
        return self._choose("null", "true", "false", "empty", "[]", "{}", ".", ".", "error", 'error("x")')

    def _path(self) -> str:
        random = self._random
        text = ""
        for _ in range(random.choice((1, 1, 1, 2, 2, 3))):
            text += self._step(bool(text))
        return text

    def _step(self, later: bool) -> str:
        random = self._random
        name = random.choice(NAMES)
        choice = random.random()
        dot = "" if later else "."
        mark = "?" if random.random() < 0.12 else ""
        if choice < 0.6:
            return (f".{name}" if name.isidentifier() and name.isascii() else f".{json.dumps(name)}") + mark
        if choice < 0.68:
            return f"{dot}[{json.dumps(name)}]{mark}"
        if choice < 0.78:
            return f"{dot}[{random.choice((0, 1, -1, 2, -3))}]{mark}"
        if choice < 0.84:
            return f"{dot}[{self._choose('0:2', '1:', ':-1', '-2:', '2:1', ':0')}]{mark}"
        if choice < 0.97:
            return f"{dot}[]{mark}"
        return f"{dot}[{self._path()}]{mark}"

    def _operand(self, depth: int) -> str:
        text = self._expression(depth)
        return f"({text})" if self._random.random() < 0.7 else text

    def pipe(self, depth: int) -> str:
        return f"{self._operand(depth)} {self._choose('|', '|', ' | ')} {self._operand(depth)}"

    def binary(self, depth: int) -> str:
        operators = ("+", "+", "-", "*", "/", "==", "!=", "<", "<=", ">", ">=", "and", "or", "//", "//", ",")
        return f"{self._operand(depth)} {self._choose(*operators)} {self._operand(depth)}"

    def chain(self, depth: int) -> str:
        """Three operands without parentheses: what binds more tightly is jq's to say."""
        operators = ("+", "-", "*", "/", "and", "or", "//", ",", "|", "==")
        first, second = self._choose(*operators), self._choose(*operators)
        return f"{self._expression(depth)} {first} {self._leaf()} {second} {self._expression(depth)}"

    def condition(self, depth: int) -> str:
        test, chosen = self._expression(depth), self._expression(depth)
        middle = f" elif {self._leaf()} then {self._expression(depth)}" if self._random.random() < 0.2 else ""
        other = f" else {self._expression(depth)}" if self._random.random() < 0.8 else ""
        return f"if {test} then {chosen}{middle}{other} end"

    def listed(self, depth: int) -> str:
        return f"[{self._expression(depth)}]"

    def object(self, depth: int) -> str:
        values = ", ".join(
            self._choose(f"{name}: ({self._expression(depth)})", f'"{name}": {self._leaf()}', name)
            for name in ("a", "b", "id")[: self._random.choice((1, 2, 3))]
        )
        return "{" + values + "}"

    def interpolation(self, depth: int) -> str:
        return f'"x\\({self._expression(depth)}) é\\n\\({self._leaf()})"'

    def optional(self, depth: int) -> str:
        return self._choose(f"({self._expression(depth)})?", f"try {self._path()}", f"[{self._path()}?]")

    def stepped(self, depth: int) -> str:
        return f"({self._expression(depth)}){self._step(True)}"

    def function(self, depth: int) -> str:
        plain = ("length", "type", "not", "tostring", "keys", "ascii_downcase", "ascii_upcase", "add", "sort")
        more = ("unique", "min", "max", "first", "last", "values", "null", "true", "false", "empty")
        with_text = ("join", "split", "startswith", "endswith", "ltrimstr", "rtrimstr", "contains", "has")
        choice = self._random.random()
        if choice < 0.5:
            called = self._choose(*plain, *more)
        elif choice < 0.6:
            called = self._pattern_or_date()
        elif choice < 0.75:
            called = f"{self._choose(*with_text)}({json.dumps(self._random.choice(TEXTS))})"
        else:
            called = self._with_argument(depth)
        return called if self._random.random() < 0.1 else f"{self._operand(depth)} | {called}"

    def _pattern_or_date(self) -> str:
        pattern = json.dumps(self._random.choice(PATTERNS))
        text = json.dumps(self._random.choice(TEXTS))
        form = self._choose("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d", "%H:%M", "%A %j")
        return self._choose(
            f"test({pattern})",
            f"[scan({pattern})]",
            f"splits({pattern})",
            f"sub({pattern}; {text})",
            f"gsub({pattern}; {text})",
            *("fromdate", "todate", "mktime"),
            f'strptime("{form}")',
            f'strftime("{form}")',
        )

    def _with_argument(self, depth: int) -> str:
        argument = self._expression(min(depth, 1))
        name = self._choose(
            *(
                "select",
                "select",
                "map",
                "map",
                "first",
                "any",
                "all",
                "IN",
                "sort_by",
                "group_by",
                "unique_by",
            ),
            "limit",
        )
        return (
            f"limit({self._choose('0', '1', '2')}; {argument})" if name == "limit" else f"{name}({argument})"
        )

    def left_to_libjq(self, depth: int) -> str:
        """A form that only libjq runs, with paths of the document in it, so that what is handed to it shows."""
        inner, leaf = self._expression(depth), self._path()
        return self._choose(
            f"{inner} | tojson",
            f"[{inner}] | @json",
            f"reduce ({inner}) as $x ({leaf}; . + $x)",
            f"({inner}) as $x | [$x, {leaf}]",
            f"label $out | {inner} | ., break $out",
            f"first({inner} | tojson)",
            f"{inner} | ascii",
            f"try ({inner} | error) catch .",
            f"foreach ({inner}) as $x ({leaf}; $x; [., $x])",
            f"{{a, b: ({inner} | tojson), (({leaf} | tostring)): 1}}",
            f'{leaf} | test("a")',
            f'@base64 "\\({inner})"',
            f"-({inner})",
            f"[limit(2; {inner}, {leaf} | tojson)]",
            f"any({inner}; . == 1) | tojson",
            f"[{leaf} | to_entries?] | tojson",
            f". as $d | {inner} | [$d, .] | tojson",
            f"[paths] | tojson, {inner}",
            f"if {leaf} then ({inner} | tojson) end",
            f"[.. | numbers, {leaf}] | tojson",
            f"del({leaf})",
            f"{leaf} |= ({inner})",
        )


_FORMS: tuple[Callable[[Expressions, int], str], ...] = (
    Expressions.pipe,
    Expressions.pipe,
    Expressions.binary,
    Expressions.binary,
    Expressions.chain,
    Expressions.condition,
    Expressions.listed,
    Expressions.object,
    Expressions.interpolation,
    Expressions.optional,
    Expressions.stepped,
    Expressions.function,
    Expressions.function,
    Expressions.function,
)
