"""Finds the items of an object and takes their list out of it, natively where that is sure to be the same."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

import orjson

from services.mapper.documents import without_negative_zeros
from services.mapper.fused import JsonText, caught
from services.mapper.native_form import follow
from services.mapper.native_forms import native_form
from services.mapper.native_values import RaisedError, is_truthy
from services.mapper.plan_shape import EntryPlan
from shared.jq_engine import Json, enclose
from shared.jq_parser import parse
from shared.jq_reads import static_path
from shared.jq_text import Path
from shared.jq_tree import Array, Binary, Call, Group, Node, Pipe

_FOUND: Final = "$__pagerport_found"
_PATHS: Final = "$__pagerport_paths"


class ItemList(NamedTuple):
    """What itemsToParse gave, and the path at which it stands in the object; None: at none."""

    value: Json
    path: Path | None


Finder = Callable[[Json], ItemList]
"""Raises `RaisedError` or `LeftError` where libjq must find them."""


def item_finder(plan: EntryPlan) -> Finder | None:
    """Return what finds the items as jq does; None: libjq must."""
    node = None if plan["items"] is None else parse(plan["items"])
    if node is None:
        return None
    if plan["items_transform"]:
        return _with_path(_bare(node))
    return _without_path(node)


def parent_of(document: dict[str, Json], path: Path | None) -> dict[str, Json]:
    """Return the object without its list.

    Raises:
        RaisedError: The path has an index.
    """
    if not path:
        return document
    name, *rest = path
    if not isinstance(name, str):
        raise RaisedError
    parent = dict(document)
    if rest:
        parent[name] = parent_of(document[name], tuple(rest))
    else:
        del parent[name]
    return parent


def items_source(plan: EntryPlan) -> str:
    """Return a program that gives the JSON of the parent and of each item, or what was found instead.

    With the top-level transform the list is taken out of the parent where jq can say its path.
    """
    items = plan["items"] or ""
    paths = f"(try [first(path({enclose(items)}))] catch [])" if plan["items_transform"] else "[]"
    parent = f"(if ({_PATHS}|length) == 1 and ({_PATHS}[0]|length) > 0 then delpaths({_PATHS}) else . end)"
    return (
        f"({caught(items)} as {_FOUND}"
        f' | if ({_FOUND}|type) == "array" and ({_FOUND}[0]|type) == "array" then'
        # An item cannot be put beside what is no object.
        f" {paths} as {_PATHS} | {{parent: ({parent} + {{}} | tojson), items: [{_FOUND}[0][] | tojson]}}"
        f" else {{found: {_FOUND}}} end)"
    )


class ItemTexts:
    """The JSON of an object and of its items, as libjq found them."""

    def __init__(self, parent: str, items: Sequence[str], name: str) -> None:
        self.items = [without_negative_zeros(item) for item in items]
        self._parent = without_negative_zeros(parent)
        self._name = json.dumps(name)

    def documents(self) -> Iterator[JsonText]:
        """Yield each item beside its parent.

        Raises:
            ValueError: A number is out of range; libjq can read it.
        """
        parent, name = orjson.loads(self._parent), json.loads(self._name)
        for item in self.items:
            yield JsonText({**parent, name: orjson.loads(item)}, partial(self._beside, item))

    def texts(self) -> Iterator[str]:
        """Yield the same as JSON."""
        return map(self._beside, self.items)

    def _beside(self, item: str) -> str:
        # Of a name that is there twice the later one counts, for libjq too.
        comma = "," if len(self._parent) > len("{}") else ""
        return f"{self._parent[:-1]}{comma}{self._name}:{item}}}"


def _with_path(node: Node) -> Finder | None:
    path = static_path(node)
    if path is not None:
        get = follow(path)
        return lambda document: ItemList(get(document), path)
    if isinstance(node, Binary) and node.operator == "//":
        return _alternative(node)
    # What is made anew stands nowhere in the object.
    made = node.right if isinstance(node, Pipe) else node
    if isinstance(made, Array) or (isinstance(made, Call) and made.name == "map"):
        return _without_path(node)
    return None


def _alternative(node: Binary) -> Finder | None:
    first, second = _with_path(_bare(node.left)), _with_path(_bare(node.right))
    if first is None or second is None:
        return None

    def find(document: Json) -> ItemList:
        found = first(document)
        return found if is_truthy(found.value) else second(document)

    return find


def _without_path(node: Node) -> Finder | None:
    form = native_form(node)
    if form is None or form.single is None:
        return None
    single = form.single
    return lambda document: ItemList(single(document), None)


def _bare(node: Node) -> Node:
    while isinstance(node, Group):
        node = node.body
    return node
