"""Judges a mapping that has its form: does every expression compile, and will it do what is meant."""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel

from schemas.mapping import EntityMapping, MappingFile, Query, Resource, WebhookEntity, WebhookMapping
from shared.errors import ConfigurationError
from shared.jq_engine import ExpressionError, runnable_text
from shared.jq_text import constant, constant_text, unguarded_parts
from shared.mapping_text import Place, item_path, member_path
from shared.sources import plan_sources

_SOURCE_ERROR: Final = re.compile(
    r"resources\[0\](?:\.kind: | \([^)]*\): apiQueryParams\.(\w+):? )(.*)", re.DOTALL
)
_ANY_TIME: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""Which parameters are right does not depend on the time they are asked."""


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


class Leaf(NamedTuple):
    """One expression of a mapping and where it stands."""

    path: str
    name: str
    text: str


def expressions(config: MappingFile) -> Iterator[Leaf]:
    """Return every JQ expression of a mapping, in its order."""
    for index, resource in enumerate(config.resources):
        yield from _of_resource(resource, item_path("resources", index))
    for index, webhook in enumerate(config.webhook_mappings):
        yield from _of_webhook(webhook, item_path("webhookMappings", index))


def check_config(config: MappingFile) -> Iterator[Problem]:
    """Return what is wrong with a mapping; places are those inside expressions until `located`."""
    yield from _unknown_keys(config, "")
    if not config.resources and not config.webhook_mappings:
        yield _problem("error", "", "no resources: nothing would be mapped; add an entry under `resources`")
    for leaf in expressions(config):
        yield from _check_expression(leaf)
    for index, resource in enumerate(config.resources):
        path = item_path("resources", index)
        yield from _check_source(resource, path)
        yield from _check_entity(resource.port.entity.mappings, f"{path}.port.entity.mappings")
    yield from _check_both_formats(config)


def located(problem: Problem, place: Place | None) -> Problem:
    """Return the problem with its place in the file: that of the value, moved by the one inside the text."""
    if place is None:
        return replace(problem, line=0, column=0)
    if not problem.line or not place.text_line:
        return replace(problem, line=place.line, column=place.column)
    if not place.text_column:
        return replace(problem, line=place.text_line, column=place.column)
    # Lines of a block all begin at its indent; a text behind a quote has only its first line there.
    return replace(
        problem,
        line=place.text_line + problem.line - 1,
        column=place.text_column + problem.column - 1,
    )


def _of_resource(resource: Resource, path: str) -> Iterator[Leaf]:
    yield Leaf(f"{path}.selector.query", "query", resource.selector.query)
    if resource.port.items_to_parse is not None:
        yield Leaf(f"{path}.port.itemsToParse", "itemsToParse", resource.port.items_to_parse)
    entity = resource.port.entity.mappings
    yield Leaf(f"{path}.port.entity.mappings.blueprint", "blueprint", entity.blueprint)
    yield from _of_entity(entity, f"{path}.port.entity.mappings")


def _of_webhook(webhook: WebhookMapping, path: str) -> Iterator[Leaf]:
    yield Leaf(f"{path}.filter", "filter", webhook.filter)
    if webhook.items_to_parse is not None:
        yield Leaf(f"{path}.itemsToParse", "itemsToParse", webhook.items_to_parse)
    yield from _of_entity(webhook.entity, f"{path}.entity")


def _of_entity(entity: EntityMapping | WebhookEntity, path: str) -> Iterator[Leaf]:
    for name in ("identifier", "title", "icon", "team"):
        yield from _of_value(getattr(entity, name), name, f"{path}.{name}")
    for group in ("properties", "relations"):
        for name, value in getattr(entity, group).items():
            yield from _of_value(value, name, member_path(f"{path}.{group}", name))


def _of_value(value: object, name: str, path: str) -> Iterator[Leaf]:
    if isinstance(value, str):
        yield Leaf(path, name, value)
    elif isinstance(value, Query):
        yield Leaf(f"{path}.combinator", "combinator", value.combinator)
        for index, rule in enumerate(value.rules):
            place = item_path(f"{path}.rules", index)
            if isinstance(rule, Query):
                yield from _of_value(rule, name, place)
            else:
                for part in ("property", "operator", "value"):
                    yield Leaf(f"{place}.{part}", part, getattr(rule, part))


def _check_expression(leaf: Leaf) -> Iterator[Problem]:
    try:
        runnable_text(leaf.text)
    except ExpressionError as error:
        says = f"does not compile: {error.message}; correct the JQ expression"
        missing = error.message.removesuffix("/0 is not defined")
        if missing == leaf.text.strip():
            quoted = f"'\"{missing}\"'"
            says = f"{missing} is no JQ function; a fixed text is written in two sets of quotes: {quoted}"
        yield Problem("error", error.line or 0, error.column or 0, leaf.path, says)
        return
    if leaf.name in {"query", "filter"}:
        given = constant(leaf.text)
        if given and not isinstance(given[0], bool):
            yield _problem(
                "error", leaf.path, "always gives something else than true or false; write a condition"
            )
        elif given == [False]:
            yield _problem("warning", leaf.path, "is always false: no object is selected")


def _check_source(resource: Resource, path: str) -> Iterator[Problem]:
    """Ask the planner of sources, which knows every kind and its parameters."""
    try:
        plan_sources(MappingFile(resources=(resource,)), now=_ANY_TIME)
    except ConfigurationError as error:
        found = _SOURCE_ERROR.match(str(error))
        if found is None:
            yield _problem("error", path, str(error))
        elif found.group(1) is None:
            yield _problem("error", f"{path}.kind", found.group(2))
        else:
            place = member_path(f"{path}.selector.apiQueryParams", found.group(1))
            yield _problem("error", place, found.group(2))


def _check_entity(entity: EntityMapping, path: str) -> Iterator[Problem]:
    given = constant(entity.blueprint)
    if given and (not isinstance(given[0], str) or not given[0]):
        yield _problem("error", f"{path}.blueprint", "gives no name; write the blueprint as '\"name\"'")
    if isinstance(entity.identifier, str):
        given = constant(entity.identifier)
        if given in ([None], [""]):
            yield _problem(
                "error", f"{path}.identifier", "gives no identifier; write an expression like `.id`"
            )
        elif given:
            yield _problem(
                "warning", f"{path}.identifier", "is the same for every object: all become one entity"
            )
        elif parts := unguarded_parts(entity.identifier):
            says = f"{' and '.join(parts)} may be null: objects become one entity; write `({parts[0]} // …)`"
            yield _problem("warning", f"{path}.identifier", says)


def _check_both_formats(config: MappingFile) -> Iterator[Problem]:
    literal = {webhook.blueprint for webhook in config.webhook_mappings}
    for index, resource in enumerate(config.resources):
        blueprint = constant_text(_or_same(resource.port.entity.mappings.blueprint))
        if blueprint in literal:
            path = f"{item_path('resources', index)}.port.entity.mappings.blueprint"
            says = f"{blueprint} is also made by a webhook mapping, and a resync would delete what that made"
            yield _problem("error", path, f"{says}; map it in one format")


def _or_same(text: str) -> str:
    try:
        return runnable_text(text)
    except ExpressionError:
        return text


def _unknown_keys(part: BaseModel, path: str) -> Iterator[Problem]:
    known = {_alias(part, name) for name in type(part).model_fields}
    for key in part.model_extra or ():
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else "; remove it"
        yield _problem("warning", member_path(path, key), f"unknown key, ignored{hint}")
    for name in type(part).model_fields:
        yield from _unknown_keys_of(getattr(part, name), member_path(path, _alias(part, name)))


def _unknown_keys_of(value: object, path: str) -> Iterable[Problem]:
    if isinstance(value, BaseModel):
        yield from _unknown_keys(value, path)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _unknown_keys_of(item, item_path(path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _unknown_keys_of(item, member_path(path, str(key)))


def _alias(part: BaseModel, name: str) -> str:
    return "webhookMappings" if name == "webhook_mappings" else type(part).model_fields[name].alias or name


def _problem(severity: Literal["error", "warning"], path: str, message: str) -> Problem:
    return Problem(severity, 0, 0, path, message)
