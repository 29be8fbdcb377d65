"""Evaluates a topic's expressions on one object: plain ones natively, the rest as one fused libjq program."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from services.mapper.native import LEFT_TO_LIBJQ, Getter, Result, native
from services.mapper.plan_shape import ITEMS, QUERY, EntryPlan
from shared.jq_engine import ExpressionError, Json, LibjqEngine, LibjqProgram, enclose

Row = list[Result | None]
"""A result per expression of the entry; None: not needed, since the selector is not true."""

At = Callable[[int, int], None]
"""Hears which expression is run next: the entry's index in the mapping, its own in `texts`, or `ITEMS`."""

FUSED_EXPRESSIONS: Final = 100
"""Most expressions of one fused program: the time libjq needs to compile them grows with their square."""

_FOUND: Final = "$__pagerport_found"
_PATHS: Final = "$__pagerport_paths"
_PARENT: Final = "$__pagerport_parent"
_ITEM: Final = "$__pagerport_item"
_SELECTED: Final = "$__pagerport_selected"


def _nobody(_entry: int, _text: int) -> None:
    """Hear nothing."""


@dataclass(slots=True)
class Rows:
    """What an entry's expressions gave.

    Attributes:
        rows: One for the object, or one per item.
        found: What itemsToParse gave where it is no list; else None.
    """

    rows: list[Row] = field(default_factory=list)
    found: Result | None = None


class TopicPrograms:
    """The compiled expressions of one topic's entries. Compiles the slow path only when it is needed."""

    def __init__(self, entries: list[EntryPlan]) -> None:
        self._engine = LibjqEngine()
        self._entries = [_Entry(entry) for entry in entries]
        self._single: dict[str, LibjqProgram] = {}
        self._parts = [_Part(part, self._fused(part)) for part in _parts(self._entries)]

    def evaluate(self, document: Json, text: str) -> list[Rows]:
        """Return what each entry's expressions give on an object.

        Args:
            document: The parsed object.
            text: Its JSON.
        """
        return [rows for part in self._parts for rows in self._evaluate_part(part, document, text)]

    def evaluate_apart(self, text: str, at: At) -> list[Rows]:
        """Return the same, each expression run as a program of its own and announced before it is.

        Args:
            text: The object's JSON.
            at: Hears the entry's index in the mapping and the expression's in `texts`.
        """
        return [self._one_by_one(entry, text, at) for entry in self._entries]

    def _evaluate_part(self, part: "_Part", document: Json, text: str) -> list[Rows]:
        try:
            natives = [entry.native_row(document) for entry in part.entries]
        except _LeftToLibjqError:
            return [self._one_by_one(entry, text) for entry in part.entries]
        if not any(entry.needs_libjq(row) for entry, row in zip(part.entries, natives, strict=True)):
            return [Rows([row]) for row in natives]
        found = part.run(text)
        if found is None:
            return [self._one_by_one(entry, text) for entry in part.entries]
        return [
            entry.combine(row, given) for entry, row, given in zip(part.entries, natives, found, strict=True)
        ]

    def _fused(self, entries: "Sequence[_Entry]") -> LibjqProgram | None:
        sources = [entry.source() for entry in entries]
        if not any(sources):
            return None
        try:
            return self._engine.compile_source("[" + ",".join(one or "null" for one in sources) + "]")
        except ExpressionError:
            # Each compiles alone, so the whole is too large; every object takes the slow path.
            return None

    def _one_by_one(self, entry: "_Entry", text: str, at: At = _nobody) -> Rows:
        """Run each expression as a program of its own: one that breaks out costs only itself."""
        if entry.items is None:
            return Rows([self._row_alone(entry, text, at)])
        at(entry.index, ITEMS)
        found = self._alone_or_source(entry.items_source("."), text)
        if type(found) is list and len(found) == 1 and "rows" in found[0]:
            documents = [_json_text(one) for one in found[0]["rows"]]
            return Rows([self._row_alone(entry, document, at) for document in documents])
        failed = found[0]["found"] if type(found) is list and found else self._alone(entry.items, text)
        return Rows(found=failed)

    def _row_alone(self, entry: "_Entry", document: str, at: At) -> Row:
        row: Row = []
        for n, text in enumerate(entry.texts):
            if n >= entry.keys and not _is_true(row[QUERY]):
                row.append(None)
                continue
            at(entry.index, n)
            row.append(self._alone(text, document))
        return row

    def _alone(self, text: str, document: str) -> Result:
        return self._alone_or_source(enclose(text), document)

    def _alone_or_source(self, source: str, document: str) -> Result:
        program = self._single.get(source)
        if program is None:
            program = self._single[source] = self._engine.compile_source(source)
        try:
            return program.first(document)
        except ExpressionError as error:
            return {"e": error.message}


class _LeftToLibjqError(Exception):
    """A native expression met a value whose text only libjq knows."""


class _Part:
    """Entries that share a fused program; None: nothing is left to libjq, or it is too large."""

    def __init__(self, entries: "Sequence[_Entry]", fused: LibjqProgram | None) -> None:
        self.entries = entries
        self._fused = fused

    def run(self, text: str) -> list[Json] | None:
        if self._fused is None:
            return None
        try:
            given = self._fused.first(text)
        except ExpressionError:
            return None
        # `halt` ends the program without output, wherever in it it stands.
        return given[0] if given else None


def _parts(entries: "Sequence[_Entry]") -> "list[Sequence[_Entry]]":
    """Cut the entries where a fused program would become too large."""
    parts: list[Sequence[_Entry]] = []
    start, size = 0, 0
    for number, entry in enumerate(entries):
        if number > start and size + entry.left > FUSED_EXPRESSIONS:
            parts.append(entries[start:number])
            start, size = number, 0
        size += entry.left
    parts.append(entries[start:])
    return parts


class _Entry:
    """One entry's expressions, sorted by who evaluates them."""

    def __init__(self, plan: EntryPlan) -> None:
        self.index = plan["index"]
        self.items = plan["items"]
        self.texts = plan["texts"]
        self._name = plan["items_name"]
        self._transform = plan["items_transform"]
        self.keys = plan["keys"]
        getters: list[Getter | None] = [
            None if self.items is not None else native(text) for text in self.texts
        ]
        self._query = getters[QUERY]
        self._key_getters = [(n, get) for n, get in enumerate(getters) if get and QUERY < n < self.keys]
        self._rest_getters = [(n, get) for n, get in enumerate(getters) if get and n >= self.keys]
        self._key_texts = [n for n, get in enumerate(getters) if not get and n < self.keys]
        self._rest_texts = [n for n, get in enumerate(getters) if not get and n >= self.keys]
        self._size = len(self.texts)
        self.left = len(self._key_texts) + len(self._rest_texts)
        """How many expressions are left to libjq."""

    def native_row(self, document: Json) -> Row:
        row: Row = [None] * self._size
        selected = True
        if self._query is not None:
            row[QUERY] = found = self._query(document)
            selected = _is_true(found)
        for n, get in self._key_getters:
            row[n] = found = get(document)
            if found is LEFT_TO_LIBJQ:
                raise _LeftToLibjqError
        if selected:
            for n, get in self._rest_getters:
                row[n] = found = get(document)
                if found is LEFT_TO_LIBJQ:
                    raise _LeftToLibjqError
        return row

    def needs_libjq(self, row: Row) -> bool:
        """Whether expressions of the entry are left that no native getter has evaluated."""
        if self.items is not None or self._key_texts:
            return True
        return bool(self._rest_texts) and _is_true(row[QUERY])

    def combine(self, row: Row, part: Json) -> Rows:
        """Put what libjq gave for this entry beside what was evaluated natively."""
        if part is None:
            return Rows([row])
        if self.items is None:
            return Rows([self._fill(row, part)])
        if "rows" in part:
            return Rows([self._fill([None] * self._size, one) for one in part["rows"]])
        return Rows(found=part["found"])

    def _fill(self, row: Row, part: Json) -> Row:
        keys, rest = part
        for n, result in zip(self._key_texts, keys, strict=True):
            row[n] = result
        if rest is not None:
            for n, result in zip(self._rest_texts, rest, strict=True):
                row[n] = result
        return row

    def source(self) -> str:
        """Return the entry's part of the fused program, empty when nothing is left to libjq."""
        if not self._key_texts and not self._rest_texts:
            return ""
        if self.items is None:
            return "(" + self._row_source() + ")"
        return self.items_source(self._row_source())

    def _row_source(self) -> str:
        parts = [_SELECTED if n == QUERY else _caught(self.texts[n]) for n in self._key_texts]
        keys = "[" + ",".join(parts) + "]"
        rest = "[" + ",".join(_caught(self.texts[n]) for n in self._rest_texts) + "]"
        condition = "[true]" if self.texts[QUERY].strip() == "true" else _caught(self.texts[QUERY])
        return f"{condition} as {_SELECTED} | [{keys}, (if {_SELECTED} == [true] then {rest} else null end)]"

    def items_source(self, row: str) -> str:
        """Return a program that runs `row` on each item: the parent, the item under its name.

        With the top-level transform the list is taken out of the parent where jq can say its path.
        """
        assert self.items is not None  # noqa: S101 - only called for entries with items
        found = _caught(self.items)
        paths = f"(try [first(path({enclose(self.items)}))] catch [])" if self._transform else "[]"
        parent = (
            f"(if ({_PATHS}|length) == 1 and ({_PATHS}[0]|length) > 0 then delpaths({_PATHS}) else . end)"
        )
        name = json.dumps(self._name)
        return (
            f"({found} as {_FOUND}"
            f' | if ({_FOUND}|type) == "array" and ({_FOUND}[0]|type) == "array" then'
            f" {paths} as {_PATHS} | {parent} as {_PARENT}"
            f" | {{rows: [{_FOUND}[0][] as {_ITEM} | ({_PARENT} + {{{name}: {_ITEM}}}) | {row}]}}"
            f" else {{found: {_FOUND}}} end)"
        )


def _is_true(result: Result | None) -> bool:
    return type(result) is list and bool(result) and result[0] is True


def _caught(text: str) -> str:
    return f"(try [first({enclose(text)})] catch {{e: .}})"


def _json_text(value: Json) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # An integer beyond 64 bits.
        return json.dumps(value)
