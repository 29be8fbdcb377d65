"""Makes documents for comparing what runs without libjq with libjq itself: often odd ones, all of a seed."""

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
NUMBERS = (
    *("0", "1", "-1", "2", "3", "7", "10", "-0", "0.0", "-0.0", "1.0", "1.10", "0.1", "-1.5", "1e3", "1E400"),
    *("1e-7", "9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", "1e17"),
    *("12345678901234567891", "100000000000000000001", "123456789012345678901234567890", "1e308", "2.50"),
)
CLOSE = (
    '{"a": 9007199254740993, "b": 9007199254740992, "c_1": 1, "id": "x"}',
    '{"a": -9007199254740993, "b": -1, "c_1": 9007199254740992.0, "id": null}',
    '{"a": 1.10, "b": 1.1, "c_1": 1, "id": true}',
    '{"a": 0.1, "b": 0.10000000000000000001, "c_1": 0.1, "id": [1.10]}',
    '{"a": 9007199254740991, "b": 2, "c_1": -9007199254740991, "id": 3}',
    '{"a": 9007199254740990, "b": 3, "c_1": -9007199254740990, "id": 9007199254740989}',
    '{"a": true, "b": 1, "c_1": 1.0, "id": [true]}',
    '{"a": 0, "b": -5, "c_1": -0, "id": 1.0}',
    '{"a": "a", "b": null, "c_1": false, "id": [1]}',
    '{"a": [{"b": 1.50}], "b": {"a": 1e2}, "c_1": 12345678901234567891, "id": 2}',
)
"""Documents on which numbers, and what is nearly one, have to be told apart."""
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
        return str(self._random.choice((0, 1, 1, 2, 3, -5, 10, 100, 2**52, 2**53 - 1, 2**53 + 1)))

    def _string(self) -> str:
        return json.dumps(self._random.choice(TEXTS), ensure_ascii=self._random.random() < 0.5)
