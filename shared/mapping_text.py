"""Reads YAML or JSON text into plain data that knows the line and column of each of its values."""

import json
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import yaml

from shared.jq_engine import Json
from shared.paths import item_path, member_path
from shared.yaml_source import source_index

VALUE_LIMIT: Final = 100_000
"""Values a mapping may have, aliases written out: a few hundred bytes can name 10^9 of them."""
_MERGE: Final = "tag:yaml.org,2002:merge"
_KEPT_TYPES: Final = ("bool", "int", "float", "null")
_BEHIND_QUOTES: Final = "a text in quotes ends before it: put the whole into other quotes, or below a `|`"
_NEXT_STEPS: Final = (
    ("mapping values are not allowed", "put quotes around a text that has `: ` in it"),
    (r"character '\t'", "indent with spaces"),
    ("cannot start any token", "put quotes around the text"),
    ("unknown escape character", "in double quotes write the backslash twice, or take single quotes"),
    ("expected a comment or a line break", _BEHIND_QUOTES),
    ("but found '<scalar>'", _BEHIND_QUOTES),
    ("expected ',' or", "put quotes around a text that begins with `[` or `{`"),
)
"""What YAML's words for the usual slips of expressions call for."""


class TextError(ValueError):
    """The text cannot be read.

    Attributes:
        message: What is wrong and what to do.
        line: Line from 1; 0: unknown.
        column: Column from 1; 0: unknown.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Place(NamedTuple):
    """Where a value stands, from 1.

    Attributes:
        line: Line of the value's first character.
        column: Column of it.
        source: A text as the file has it; empty of anything else.
        text: What is read from that.
    """

    line: int
    column: int
    source: str = ""
    text: str = ""

    def inside(self, line: int, column: int) -> tuple[int, int]:
        """Return line and column in the file of a line and a column, from 1, of the text."""
        lines = self.text.split("\n")
        before = sum(len(one) + 1 for one in lines[: line - 1])
        passed = self.source[: source_index(self.source, self.text, before + max(column, 1) - 1)]
        end = passed.rfind("\n")
        if end < 0:
            return self.line, self.column + len(passed)
        return self.line + passed.count("\n"), len(passed) - end


@dataclass(frozen=True, slots=True)
class PlacedText:
    """What a text holds.

    Attributes:
        data: Plain data: dict, list, str, int, float, bool or None.
        places: Path of each value (`resources[2].kind`) to its place.
        doubtful: Paths of plain `yes`, `no`, `on`, `off`, which YAML 1.1 reads as booleans, and the word.
        repeated: Line and column of keys that stand there a second time, and what to say of them.
    """

    data: Json
    places: dict[str, Place] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)
    repeated: tuple[tuple[int, int, str], ...] = ()


def read_placed(text: str) -> PlacedText:
    """Read YAML, of which JSON is a part.

    Raises:
        TextError: It is neither YAML nor JSON, or is unreasonably large.
    """
    is_json = text.lstrip("\ufeff \t\r\n")[:1] in {"{", "["}
    text = text.removeprefix("\ufeff")
    if is_json:
        # YAML refuses the tabs that JSON allows between tokens; inside strings neither has them.
        text = text.replace("\t", " ")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem or error.context)
        says = f"not YAML: {problem}; {_next_step(problem)}"
        raise (TextError(says, mark.line + 1, mark.column + 1) if mark else TextError(says)) from None
    except yaml.YAMLError as error:
        says = " ".join(str(error).split())
        raise TextError(f"not YAML: {says}; save it as UTF-8 text") from None
    except RecursionError:
        raise TextError("nested too deeply; a mapping has about ten levels") from None
    if root is None:
        return PlacedText(None)
    reader = _Reader(text)
    try:
        data = reader.value(root, "")
    except RecursionError:
        raise TextError("nested too deeply; a mapping has about ten levels") from None
    if is_json:
        # Escaped surrogate pairs are two characters to YAML.
        data = _json_or(text, data)
    return PlacedText(data, reader.places, reader.doubtful, tuple(reader.repeated))


def _next_step(problem: str) -> str:
    return next((step for words, step in _NEXT_STEPS if words in problem), "correct it there")


def _json_or(text: str, data: Json) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return data


class _Reader:
    """Walks composed nodes; aliases are written out, so what it makes is a tree."""

    def __init__(self, text: str) -> None:
        self.places: dict[str, Place] = {}
        self.doubtful: dict[str, str] = {}
        self.repeated: list[tuple[int, int, str]] = []
        self._text = text
        self._values = 0
        self._open: set[int] = set()
        self._scalars = yaml.SafeLoader("")

    def value(self, node: yaml.Node, path: str) -> Json:
        """Return the data of a node and note its place."""
        self._values += 1
        if self._values > VALUE_LIMIT:
            raise self._error(node, f"more than {VALUE_LIMIT} values with all aliases; write fewer aliases")
        if id(node) in self._open:
            raise self._error(node, "an alias that holds itself; write the value out")
        self.places.setdefault(path, self._place(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(one, item_path(path, index)) for index, one in enumerate(node.value)]
            if isinstance(node, yaml.MappingNode):
                return self._members(node, path)
        finally:
            self._open.discard(id(node))
        raise self._error(node, "a value that JSON has not; write text, a list or keys with values")

    def _members(self, node: yaml.MappingNode, path: str) -> dict[str, Json]:
        merged: dict[str, Json] = {}
        own: dict[str, Json] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for parent in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                    if not isinstance(parent, yaml.MappingNode):
                        raise self._error(value_node, "`<<` takes an alias of keys with values")
                    for key, value in self.value(parent, path).items():
                        merged.setdefault(key, value)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key that is no text; put quotes around it")
            key = str(key_node.value)
            if key in own:
                says = f"the key {key!r} is there twice, first in line {lines[key]}; remove one"
                self.repeated.append((key_node.start_mark.line + 1, key_node.start_mark.column + 1, says))
                continue
            lines[key] = key_node.start_mark.line + 1
            member = member_path(path, key)
            self.places.pop(member, None)
            own[key] = self.value(value_node, member)
        return {**merged, **own}

    def _scalar(self, node: yaml.ScalarNode, path: str) -> Json:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind not in _KEPT_TYPES:
            return node.value
        if kind == "bool" and node.value.lower() not in {"true", "false"}:
            self.doubtful[path] = node.value
        try:
            return self._scalars.construct_object(node)
        except (ValueError, yaml.YAMLError):
            return node.value

    def _place(self, node: yaml.Node) -> Place:
        mark = node.start_mark
        line, column = mark.line + 1, mark.column + 1
        if not isinstance(node, yaml.ScalarNode):
            return Place(line, column)
        return Place(line, column, self._text[mark.index : node.end_mark.index], node.value)

    def _error(self, node: yaml.Node, says: str) -> TextError:
        mark = node.start_mark
        return TextError(says, mark.line + 1, mark.column + 1)
