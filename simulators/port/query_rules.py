"""Judges a search query and compiles it into a predicate over entities."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.port.answers import invalid
from simulators.port.meta import META_PROPERTIES, value_of
from simulators.port.query_operators import (
    COMPARISONS,
    EMPTINESS,
    LIST_OPERATORS,
    RANGES,
    TEXT_OPERATORS,
    comparison,
    date_range,
    emptiness,
    text_match,
)
from simulators.port.stored import StoredEntity

Predicate = Callable[[StoredEntity], bool]

_EVERYTHING: Predicate = lambda _entity: True  # noqa: E731 - one value of the type, not a function of its own


@dataclass(frozen=True, slots=True)
class QueryScope:
    """What a query may speak of.

    Attributes:
        properties: Name to schema, of the blueprint or blueprints searched.
        relations: Names of relations.
        now_ms: For presets such as `lastWeek`.
    """

    properties: Mapping[str, Mapping[str, Any]]
    relations: Collection[str]
    now_ms: int


def compile_query(query: object, scope: QueryScope, path: str) -> Predicate:
    """Compiles `{combinator, rules}`.

    Kinds of rule of the real API that no importer uses (relatedTo, propertySchema, matchAny, isExpired,
    scorecards, values taken from the user) are refused, not ignored.

    Raises:
        RefusedError: 422, with the path of what is wrong.
    """
    if not isinstance(query, dict):
        raise invalid(path, "must be object")
    for key in ("combinator", "rules"):
        if key not in query:
            raise invalid(path, f"must have required property '{key}'")
    _only(query, path, ("combinator", "rules"))
    if query["combinator"] not in ("and", "or"):
        raise invalid(f"{path}/combinator", "must be equal to one of the allowed values")
    if not isinstance(query["rules"], list):
        raise invalid(f"{path}/rules", "must be array")
    predicates = [_rule(rule, scope, f"{path}/rules/{index}") for index, rule in enumerate(query["rules"])]
    if not predicates:
        return _EVERYTHING
    if len(predicates) == 1:
        return predicates[0]
    if query["combinator"] == "and":
        return lambda entity: all(predicate(entity) for predicate in predicates)
    return lambda entity: any(predicate(entity) for predicate in predicates)


def only_identifiers(query: object) -> list[str] | None:
    """Gives the identifiers beyond which a compiled query cannot match, None when it does not name any.

    It lets a search by identifier look at those entities instead of at all of them.
    """
    if not isinstance(query, dict) or (query["combinator"] == "or" and len(query["rules"]) != 1):
        return None
    for rule in query["rules"]:
        if rule.get("property") == "$identifier":
            if rule["operator"] == "=":
                return [rule["value"]]
            if rule["operator"] == "in":
                return list(dict.fromkeys(rule["value"]))
    return None


def _rule(rule: object, scope: QueryScope, path: str) -> Predicate:
    if not isinstance(rule, dict):
        raise invalid(path, "must be object")
    if "rules" in rule or "combinator" in rule:
        return compile_query(rule, scope, path)
    operator = rule.get("operator")
    known = (*EMPTINESS, *COMPARISONS, *RANGES, *TEXT_OPERATORS)
    if operator not in known:
        raise invalid(f"{path}/operator", f"must be one of the operators {', '.join(known)}")
    subject = "relation" if "relation" in rule else "property"
    allowed = (subject, "operator") if operator in EMPTINESS else (subject, "operator", "value")
    for key in allowed:
        if key not in rule:
            raise invalid(path, f"must have required property '{key}'")
    _only(rule, path, allowed)
    name = rule[subject]
    is_instant = _check_subject(name, scope, f"{path}/{subject}", is_relation=subject == "relation")
    matches = _matcher(operator, rule.get("value"), path, scope.now_ms, is_instant=is_instant)
    return lambda entity: matches(value_of(entity, name))


def _matcher(
    operator: str, value: object, path: str, now_ms: int, *, is_instant: bool
) -> Callable[[object], bool]:
    if operator in EMPTINESS:
        return emptiness(operator)
    if operator in COMPARISONS:
        return comparison(operator, value, f"{path}/value")
    if operator in RANGES:
        return date_range(operator, value, f"{path}/value", now_ms)
    may_be_list = operator in LIST_OPERATORS or operator in ("contains", "doesNotContains")
    if operator in LIST_OPERATORS and not isinstance(value, list):
        raise invalid(f"{path}/value", "must be array")
    for one in value if may_be_list and isinstance(value, list) else [value]:
        if isinstance(one, (list, dict)):
            # Source: Port, Comparison operators: = and != are not supported on arrays.
            raise invalid(f"{path}/value", "must be string, number, boolean or null")
    return text_match(operator, value, is_instant=is_instant)


def _check_subject(name: object, scope: QueryScope, path: str, *, is_relation: bool) -> bool:
    """Refuses a name that nothing has; tells whether its values are dates with times."""
    if not isinstance(name, str):
        raise invalid(path, "must be string")
    if is_relation:
        if name not in scope.relations:
            raise invalid(path, f'"{name}" is not a relation')
        return False
    if name in META_PROPERTIES:
        return name in ("$createdAt", "$updatedAt")
    if name in scope.properties:
        return scope.properties[name].get("format") == "date-time"
    if name not in scope.relations:
        raise invalid(path, f'"{name}" is not a property or relation')
    return False


def _only(value: Mapping[str, object], path: str, keys: tuple[str, ...]) -> None:
    for key in value:
        if key not in keys:
            raise invalid(f"{path}/{key}", "must NOT be an additional property")
