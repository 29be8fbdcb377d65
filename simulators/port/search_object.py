"""Judges and evaluates the small searches that may stand for an identifier, a relation or a team."""

from __future__ import annotations

from collections.abc import Callable

from simulators.port.answers import RefusedError, invalid
from simulators.port.stored import StoredEntity

ValueOf = Callable[[StoredEntity, str], object]
"""Gives the value of a property or meta property of an entity; None when it has none."""

_OPERATORS = ("=", "in", "containsAny", "contains")  # Source: Port API, OpenAPI, def-5 and def-6


def check_search_object(search: dict[str, object], path: str) -> None:
    """Raises RefusedError (422) when `search` is not `{combinator, rules}` with the operators it may have."""
    _check_keys(search, path, ("combinator", "rules"))
    if search["combinator"] not in ("and", "or"):
        raise invalid(f"{path}/combinator", "must be equal to one of the allowed values")
    rules = search["rules"]
    if not isinstance(rules, list):
        raise invalid(f"{path}/rules", "must be array")
    for index, rule in enumerate(rules):
        rule_path = f"{path}/rules/{index}"
        if not isinstance(rule, dict):
            raise invalid(rule_path, "must be object")
        if "rules" in rule or "combinator" in rule:
            check_search_object(rule, rule_path)
        else:
            _check_rule(rule, rule_path)


def matches_search_object(search: dict[str, object], entity: StoredEntity, value_of: ValueOf) -> bool:
    """Tells whether an entity satisfies a search that has passed `check_search_object`."""
    rules = search["rules"]
    verdicts = (_matches(rule, entity, value_of) for rule in rules) if isinstance(rules, list) else ()
    return all(verdicts) if search["combinator"] == "and" else any(verdicts)


def _matches(rule: dict[str, object], entity: StoredEntity, value_of: ValueOf) -> bool:
    if "rules" in rule:
        return matches_search_object(rule, entity, value_of)
    held, wanted = value_of(entity, str(rule["property"])), rule["value"]
    wanted_values = wanted if isinstance(wanted, list) else [wanted]
    match rule["operator"]:
        case "=":
            return held == wanted
        case "in":
            return held in wanted_values
        case "containsAny":
            return isinstance(held, list) and any(value in held for value in wanted_values)
        case _:
            if isinstance(held, str):
                return all(isinstance(value, str) and value in held for value in wanted_values)
            return isinstance(held, list) and all(value in held for value in wanted_values)


def _check_rule(rule: dict[str, object], path: str) -> None:
    _check_keys(rule, path, ("property", "operator", "value"))
    if not isinstance(rule["property"], str):
        raise invalid(f"{path}/property", "must be string")
    operator, value = rule["operator"], rule["value"]
    if operator not in _OPERATORS:
        raise invalid(f"{path}/operator", "must be equal to one of the allowed values")
    is_strings = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if operator in ("in", "containsAny") and not is_strings:
        raise invalid(f"{path}/value", "must be array of string")
    if operator == "=" and not _is_scalar(value):
        raise invalid(f"{path}/value", "must be string, number or null")
    if operator == "contains" and not (is_strings or value is None or isinstance(value, str)):
        raise invalid(f"{path}/value", "must be string, array of string or null")


def _is_scalar(value: object) -> bool:
    return value is None or (isinstance(value, (str, int, float)) and not isinstance(value, bool))


def _check_keys(value: dict[str, object], path: str, keys: tuple[str, ...]) -> None:
    for key in keys:
        if key not in value:
            raise invalid(path, f"must have required property '{key}'")
    for key in value:
        if key not in keys:
            raise invalid(f"{path}/{key}", "must NOT be an additional property")


def refuse_count(path: str, count: int) -> RefusedError:
    """Makes the refusal of an identifier search that did not match exactly one entity.

    Source: Port API, Mapping relations and identifiers using search queries: exactly one; zero never creates.
    """
    text = f'"{path}" must match exactly one entity, matched {count}'
    if count == 0:
        return RefusedError(404, "not_found", text)
    return RefusedError(422, "invalid_request", text)
