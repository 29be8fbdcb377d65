"""Says what a sound mapping does in vain: fields that no object has, entries that select nothing, odd types.

Only warnings, and none where PagerDuty's fields are not known: an account may have fields of its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from schemas.mapping import MappingFile, Resource, WebhookMapping
from shared.jq_engine import ExpressionError
from shared.jq_parser import parse
from shared.jq_reads import static_path
from shared.jq_shape import ANY, NULL, Shape
from shared.jq_text import Path as JqPath
from shared.jq_text import unguarded_parts
from shared.jq_together import Runnable, runnable_texts
from shared.jq_tree import Binary, Call, Group, Node, Number, Pipe, String, plain_text
from shared.jq_typing import Typed, conjuncts, follow
from shared.kind_fields import shape_of_event, shape_of_kind
from shared.mapping_check import (
    CONDITIONS,
    Leaf,
    Problem,
    expressions,
    leaves_of_resource,
    leaves_of_webhook,
    place_in,
)
from shared.paths import item_path
from shared.webhook_advice import advise_webhook, in_place_of

_FILTERED: Final[dict[tuple[str, JqPath], str]] = {
    ("incidents", ("status",)): "statuses",
    ("incidents", ("urgency",)): "urgencies",
    ("incidents", ("service", "id")): "service_ids",
}
"""What a parameter of the list has chosen already."""
_TEXTS: Final = frozenset({"string", "number", "boolean", "null"})
_WANTS: Final = {
    "title": (_TEXTS, "a text"),
    "icon": (_TEXTS, "a text"),
    "identifier": (_TEXTS, "a text"),
    "team": (_TEXTS | {"array"}, "a text or a list of texts"),
    "relations": (_TEXTS | {"array"}, "an identifier or a list of them"),
}


@dataclass(frozen=True, slots=True)
class TypedLeaf:
    """An expression, and what following it found.

    Attributes:
        leaf: The expression and its place in the mapping.
        text: It as it compiles.
        node: It taken apart.
        given: What its input is known to be.
        found: What it gives, and does in vain.
        entry: The entry it is part of.
    """

    leaf: Leaf
    text: str
    node: Node
    given: Shape
    found: Typed
    entry: Resource | WebhookMapping


@dataclass(frozen=True, slots=True)
class _Input:
    """What the expressions of one entry read."""

    selected: Shape
    """The object, as itemsToParse sees it."""
    mapped: Shape
    """The object, or each item beside it."""


def advise(config: MappingFile) -> Iterator[Problem]:
    """Return warnings about a mapping; places are those inside expressions.

    Expressions that do not compile are passed over.
    """
    for one in typed_leaves(config):
        is_event = isinstance(one.entry, WebhookMapping)
        for finding in one.found.findings:
            instead = in_place_of(one.text) if is_event else ""
            says = f"{finding.says.partition('; did you mean')[0]}{instead}" if instead else finding.says
            yield Problem("warning", *place_in(one.text, finding.at), one.leaf.path, says)
        yield from _of_type(one.leaf, one.found)
        if one.leaf.slot == "identifier":
            yield from _nullable_parts(one)
        if one.leaf.slot == "query" and isinstance(one.entry, Resource):
            yield from _never_selected(one, one.entry)
    for index, webhook in enumerate(config.webhook_mappings):
        yield from advise_webhook(webhook, item_path("webhookMappings", index))


def typed_leaves(config: MappingFile) -> Iterator[TypedLeaf]:
    """Return every expression of a mapping that compiles and can be taken apart, followed."""
    runnable = runnable_texts(leaf.text for leaf in expressions(config))
    for index, resource in enumerate(config.resources):
        path = item_path("resources", index)
        given = _input(resource, config, runnable)
        leaves = leaves_of_resource(resource, path)
        yield from _typed(leaves, given, f"{path}.port.itemsToParse", runnable, resource)
    for index, webhook in enumerate(config.webhook_mappings):
        path = item_path("webhookMappings", index)
        given = _webhook_input(webhook, runnable)
        leaves = leaves_of_webhook(webhook, path)
        yield from _typed(leaves, given, f"{path}.itemsToParse", runnable, webhook)


def _typed(
    leaves: Iterable[Leaf],
    given: _Input,
    items_path: str,
    runnable: Runnable,
    entry: Resource | WebhookMapping,
) -> Iterator[TypedLeaf]:
    for leaf in leaves:
        text, node = runnable[leaf.text], _parsed(leaf.text, runnable)
        if node is not None and isinstance(text, str):
            sees = given.selected if leaf.path == items_path else given.mapped
            yield TypedLeaf(leaf, text, node, sees, follow(node, sees), entry)


def _input(resource: Resource, config: MappingFile, runnable: Runnable) -> _Input:
    selectors = [one.selector for one in config.resources if one.kind == resource.kind]
    shape = shape_of_kind(resource.kind, selectors)
    port = resource.port
    if port.items_to_parse is None:
        return _Input(shape, shape)
    taken = static_path(node) if (node := _parsed(port.items_to_parse, runnable)) is not None else None
    out = taken[0] if taken and len(taken) == 1 and port.items_to_parse_top_level_transform else None
    return _Input(shape, _with_item(shape, port.items_to_parse_name, _items(node, shape), out))


def _webhook_input(webhook: WebhookMapping, runnable: Runnable) -> _Input:
    words = {"incident", "service"}
    named = [word for word in words if f'"{word}' in webhook.filter]
    shape = shape_of_event(named[0] if len(named) == 1 else "")
    if webhook.items_to_parse is None:
        return _Input(shape, shape)
    items = _items(_parsed(webhook.items_to_parse, runnable), shape)
    return _Input(shape, _with_item(shape, "item", items, None))


def _items(node: Node | None, shape: Shape) -> Shape:
    given = ANY if node is None else follow(node, shape).gives
    return given.items if given.items is not None else ANY


def _with_item(shape: Shape, name: str, item: Shape, taken_out: str | int | None) -> Shape:
    """Return what the expressions of an entry with items see; the list itself is taken out of the object."""
    if shape.fields is None:
        return shape
    fields = {**shape.fields, name: lambda: item}
    missing = dict(shape.missing)
    if isinstance(taken_out, str) and fields.pop(taken_out, None) is not None:
        missing[taken_out] = (
            f"is taken out by itemsToParse; read .{name}, or set itemsToParseTopLevelTransform: false"
        )
    return Shape(shape.types, fields, name=shape.name, missing=missing)


def _of_type(leaf: Leaf, found: Typed) -> Iterator[Problem]:
    types = found.gives.types
    if any(finding.fails for finding in found.findings) or not found.gives.is_known or not types:
        return
    if leaf.slot in CONDITIONS:
        if "boolean" not in types:
            says = f"gives {_listed(types)}, never true or false: every object fails; write a condition"
            yield Problem("warning", 0, 0, leaf.path, says)
        return
    if leaf.slot in _WANTS:
        fitting, wanted = _WANTS[leaf.slot]
        if types.isdisjoint(fitting):
            effect = "every object fails" if leaf.slot == "identifier" else "it is always omitted"
            yield Problem("warning", 0, 0, leaf.path, f"gives {_listed(types)}, want {wanted}: {effect}")


def _nullable_parts(one: TypedLeaf) -> Iterator[Problem]:
    """Warn of parts of a concatenation that may be null; nested ones are warned of for any kind."""
    if unguarded_parts(one.text):
        return
    parts = [part for part in _concatenated(one.node) if _may_be_null(part, one.given)]
    if parts:
        texts = [one.text[part.start : part.end].strip() for part in parts]
        says = f"{' and '.join(texts)} may be null: objects become one entity; write `({texts[0]} // …)`"
        yield Problem("warning", *place_in(one.text, parts[0].start), one.leaf.path, says)


def _concatenated(node: Node) -> Iterator[Node]:
    """Return the paths that a text is put together from."""
    match node:
        case Group():
            yield from _concatenated(node.body)
        case Binary() if node.operator == "+":
            for side in (node.left, node.right):
                yield from [side] if static_path(side) is not None else _concatenated(side)
        case String():
            for part in node.parts:
                if isinstance(part, Node):
                    yield from [part] if static_path(part) is not None else _concatenated(part)
        case Pipe():
            yield from _concatenated(node.left)


def _may_be_null(node: Node, given: Shape) -> bool:
    gives = follow(node, given).gives
    return gives.is_known and gives.may_be("null") and gives != NULL


def _never_selected(one: TypedLeaf, resource: Resource) -> Iterator[Problem]:
    """Find conditions that no object can meet together."""
    wanted: dict[JqPath, Any] = {}
    for condition in conjuncts(one.node):
        asked = _equality(condition)
        if asked is None:
            continue
        side, value = asked
        where = static_path(side) or ()
        says = _impossible(where, value, follow(side, one.given).gives)
        if where in wanted and wanted[where] != value:
            says = f"asks {_dotted(where)} to be {_json(wanted[where])} and {_json(value)} at once"
        wanted[where] = value
        chosen = resource.selector.api_query_params.get(_FILTERED.get((resource.kind, where), ""))
        if not says and isinstance(chosen, list) and chosen and value not in chosen:
            name = _FILTERED[resource.kind, where]
            says = f"asks {_dotted(where)} to be {_json(value)}, but apiQueryParams.{name} leaves that out"
        if says:
            yield Problem("warning", 0, 0, one.leaf.path, f"{says}: no object is selected")


def _equality(node: Node) -> tuple[Node, Any] | None:
    """Return path and value of a condition `path == value`, either way round."""
    if not isinstance(node, Binary) or node.operator != "==":
        return None
    for side, other in ((node.left, node.right), (node.right, node.left)):
        value = _literal(other)
        if static_path(side) and value is not None:
            return side, value
    return None


def _literal(node: Node) -> Any:  # noqa: ANN401 - foreign JSON
    if isinstance(node, String):
        return plain_text(node)
    if isinstance(node, Number):
        return float(node.text)
    if isinstance(node, Call) and not node.arguments and node.name in {"true", "false"}:
        return node.name == "true"
    return None


def _impossible(where: JqPath, value: Any, shape: Shape) -> str:  # noqa: ANN401 - foreign JSON
    if not shape.is_known or not shape.types:
        return ""
    kind = {str: "string", bool: "boolean"}.get(type(value), "number")
    if kind not in shape.types:
        return f"{_dotted(where)} is {_listed(shape.types)}, never {_json(value)}"
    if kind == "string" and shape.values and value not in shape.values:
        return f"{_dotted(where)} is one of {', '.join(sorted(shape.values))}, never {_json(value)}"
    return ""


def _parsed(text: str, runnable: Runnable) -> Node | None:
    runs = runnable[text]
    return None if isinstance(runs, ExpressionError) else parse(runs)


def _listed(types: frozenset[str]) -> str:
    words = {"array": "a list", "object": "an object", "null": "null"}
    return " or ".join(words.get(one, f"a {one}") for one in sorted(types))


def _dotted(path: JqPath) -> str:
    return "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in path)


def _json(value: Any) -> str:  # noqa: ANN401 - foreign JSON
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"
