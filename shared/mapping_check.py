"""Judges a mapping that has its form: does every expression compile, and will it do what is meant."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from schemas.mapping import EntityMapping, MappingFile, Query, Resource, WebhookEntity, WebhookMapping
from shared.errors import ConfigurationError, ParameterError
from shared.jq_engine import ExpressionError, runnable_text
from shared.jq_folding import as_written
from shared.jq_mending import mended
from shared.jq_process import asks_of_process
from shared.jq_text import constant, constant_text, gives_several, unguarded_parts
from shared.jq_together import runnable_texts
from shared.known_values import unknown_values
from shared.mapping_text import Place
from shared.paths import item_path, member_path
from shared.sources import plan_sources

_ANY_TIME: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""Which parameters are right does not depend on the time they are asked."""
CONDITIONS: Final = frozenset({"query", "filter"})
NO_RESOURCES: Final = "has no entry under `resources`, so there is nothing to sync; add one"

ONLY_EVENTS: Final = (
    "is all there is: entities are made of events as they come, a sync or resync makes none; add `resources` "
    "to have what is there already"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a mapping.

    Attributes:
        severity: A mapping with an error is refused; a warning is said.
        line: Line from 1, 0: unknown.
        column: Column from 1, 0: unknown.
        path: The value it is about, `resources[2].port.entity.mappings.identifier`.
        message: What is wrong and what to do.
    """

    severity: Literal["error", "warning"]
    line: int
    column: int
    path: str
    message: str


class MappingRefusedError(ConfigurationError):
    """A mapping has errors; one line each.

    Attributes:
        problems: The errors, and what else was found with them.
    """

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        errors = (problem for problem in self.problems if problem.severity == "error")
        super().__init__("\n".join(line_of(name, problem) for problem in errors))


def line_of(name: str, problem: Problem) -> str:
    """Return a problem as one line: file, line, column, path, what is wrong."""
    place = f"{name}:{problem.line}:{problem.column}" if problem.line else name
    return f"{place}: {problem.path}: {problem.message}" if problem.path else f"{place}: {problem.message}"


class Leaf(NamedTuple):
    """One expression of a mapping and where it stands.

    Attributes:
        path: Its path in the mapping.
        slot: What it is for: `query`, `filter`, `itemsToParse`, `blueprint`, `identifier`, `title`, `icon`,
            `team`, `properties`, `relations`; `search` within a search query.
        text: The expression.
    """

    path: str
    slot: str
    text: str


def expressions(config: MappingFile) -> Iterator[Leaf]:
    """Return every JQ expression of a mapping, in its order."""
    for index, resource in enumerate(config.resources):
        yield from leaves_of_resource(resource, item_path("resources", index))
    for index, webhook in enumerate(config.webhook_mappings):
        yield from leaves_of_webhook(webhook, item_path("webhookMappings", index))


def check_config(config: MappingFile) -> Iterator[Problem]:
    """Return what is wrong with a mapping; places are those inside expressions until `located`."""
    if not config.resources and not config.webhook_mappings:
        yield _problem("error", "", NO_RESOURCES)
    elif not config.resources:
        yield _problem("warning", "webhookMappings", ONLY_EVENTS)
    leaves = list(expressions(config))
    runnable = runnable_texts(leaf.text for leaf in leaves)
    for leaf in leaves:
        yield from _check_expression(leaf, runnable[leaf.text])
    for index, resource in enumerate(config.resources):
        path = item_path("resources", index)
        yield from _check_values(resource, path)
        yield from _check_entity(resource.port.entity.mappings, f"{path}.port.entity.mappings")
    for index, webhook in enumerate(config.webhook_mappings):
        path = item_path("webhookMappings", index)
        yield from _check_identifier(webhook.entity.identifier, f"{path}.entity.identifier")
    yield from _check_sources(config)
    yield from _check_both_formats(config)


def located(problem: Problem, place: Place | None) -> Problem:
    """Return the problem with its place in the file: that of the value, moved by the one inside the text."""
    if place is None:
        return replace(problem, line=0, column=0)
    if not problem.line or not place.source:
        return replace(problem, line=place.line, column=place.column)
    line, column = place.inside(problem.line, problem.column)
    return replace(problem, line=line, column=column)


def place_in(text: str, at: int) -> tuple[int, int]:
    """Return line and column, from 1, of an index in an expression."""
    before = text[:at]
    return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1


def leaves_of_resource(resource: Resource, path: str) -> Iterator[Leaf]:
    """Return the expressions of an entry; `path` is its own."""
    yield Leaf(f"{path}.selector.query", "query", resource.selector.query)
    if resource.port.items_to_parse is not None:
        yield Leaf(f"{path}.port.itemsToParse", "itemsToParse", resource.port.items_to_parse)
    entity = resource.port.entity.mappings
    yield Leaf(f"{path}.port.entity.mappings.blueprint", "blueprint", entity.blueprint)
    yield from _of_entity(entity, f"{path}.port.entity.mappings")


def leaves_of_webhook(webhook: WebhookMapping, path: str) -> Iterator[Leaf]:
    """Return the expressions of a webhook mapping; `path` is its own."""
    yield Leaf(f"{path}.filter", "filter", webhook.filter)
    if webhook.items_to_parse is not None:
        yield Leaf(f"{path}.itemsToParse", "itemsToParse", webhook.items_to_parse)
    yield from _of_entity(webhook.entity, f"{path}.entity")


def _of_entity(entity: EntityMapping | WebhookEntity, path: str) -> Iterator[Leaf]:
    for name in ("identifier", "title", "icon", "team"):
        yield from _of_value(getattr(entity, name), name, f"{path}.{name}")
    for group in ("properties", "relations"):
        for name, value in getattr(entity, group).items():
            yield from _of_value(value, group, member_path(f"{path}.{group}", name))


def _of_value(value: object, slot: str, path: str) -> Iterator[Leaf]:
    if isinstance(value, str):
        yield Leaf(path, slot, value)
    elif isinstance(value, Query):
        yield Leaf(f"{path}.combinator", "search", value.combinator)
        for index, rule in enumerate(value.rules):
            place = item_path(f"{path}.rules", index)
            if isinstance(rule, Query):
                yield from _of_value(rule, slot, place)
            else:
                for part in ("property", "operator", "value"):
                    yield Leaf(f"{place}.{part}", "search", getattr(rule, part))


def _check_expression(leaf: Leaf, runs: str | ExpressionError) -> Iterator[Problem]:
    if isinstance(runs, ExpressionError):
        error = runs
        guess = mended(leaf.text)
        says = f"does not compile: {error.message}; " + (
            "correct the JQ expression" if guess is None else f"did you mean `{guess}`?"
        )
        missing = error.message.removesuffix("/0 is not defined")
        if missing == leaf.text.strip():
            quoted = f"'\"{missing}\"'"
            says = f"{missing} is no JQ function; a fixed text is written in two sets of quotes: {quoted}"
        yield Problem("error", error.line or 0, error.column or 0, leaf.path, says)
        return
    if gives_several(leaf.text) and leaf.text.strip() != "[]":
        says = (
            f"may give several values, and only the first is used; write `[{leaf.text.strip()}]` for a list"
        )
        yield _problem("warning", leaf.path, says)
    text = as_written(runs)
    for at, says in asks_of_process(text):
        yield Problem("warning", *place_in(text, at), leaf.path, says)
    if leaf.slot in CONDITIONS:
        given = constant(leaf.text)
        if given and not isinstance(given[0], bool):
            yield _problem(
                "error", leaf.path, "always gives something else than true or false; write a condition"
            )
        elif given == [False]:
            yield _problem("warning", leaf.path, "is always false: no object is selected")


def _check_sources(config: MappingFile) -> Iterator[Problem]:
    """Ask the planner of sources, which knows every kind and its parameters."""
    try:
        plan_sources(config, now=_ANY_TIME)
    except ParameterError as error:
        for path, says in error.mistakes:
            yield _problem("error", path, says)


def _check_values(resource: Resource, path: str) -> Iterator[Problem]:
    for name, says in unknown_values(resource.kind, resource.selector.api_query_params):
        yield _problem("warning", member_path(f"{path}.selector.apiQueryParams", name), says)


def _check_entity(entity: EntityMapping, path: str) -> Iterator[Problem]:
    given = constant(entity.blueprint)
    if given and (not isinstance(given[0], str) or not given[0]):
        yield _problem("error", f"{path}.blueprint", "gives no name; write the blueprint as '\"name\"'")
    yield from _check_identifier(entity.identifier, f"{path}.identifier")


def _check_identifier(identifier: str | Query, path: str) -> Iterator[Problem]:
    if not isinstance(identifier, str):
        return
    given = constant(identifier)
    if given in ([None], [""]):
        yield _problem("error", path, "gives no identifier; write an expression like `.id`")
    elif given:
        yield _problem("warning", path, "is the same for every object: all become one entity")
    elif parts := unguarded_parts(identifier):
        says = f"{' and '.join(parts)} may be null: objects become one entity; write `({parts[0]} // …)`"
        yield _problem("warning", path, says)


def _check_both_formats(config: MappingFile) -> Iterator[Problem]:
    literal = {webhook.blueprint for webhook in config.webhook_mappings if not deletes(webhook)}
    for index, resource in enumerate(config.resources):
        blueprint = constant_text(_or_same(resource.port.entity.mappings.blueprint))
        if blueprint in literal:
            path = f"{item_path('resources', index)}.port.entity.mappings.blueprint"
            says = f"{blueprint} is also made by a webhook mapping, and a resync would delete what that made"
            yield _problem("error", path, f"{says}; map it in one format")


def deletes(webhook: WebhookMapping) -> bool:
    """Whether a webhook mapping deletes, and so makes nothing."""
    operation = webhook.operation
    return (operation if isinstance(operation, str) else operation.type) == "delete"


def _or_same(text: str) -> str:
    try:
        return runnable_text(text)
    except ExpressionError:
        return text


def _problem(severity: Literal["error", "warning"], path: str, message: str) -> Problem:
    return Problem(severity, 0, 0, path, message)
