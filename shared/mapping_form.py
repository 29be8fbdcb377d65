"""Says in our words what of a mapping has not the form it must have, one mistake per place."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from shared.jq_engine import Json
from shared.mapping_check import Problem
from shared.paths import item_path, member_path

MISSING: Final = "is missing; add it"
_MESSAGES: Final = {
    "string_type": "must be text (a JQ expression)",
    "string_too_short": "is empty; write a text (a JQ expression)",
    "missing": MISSING,
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be keys with values",
    "model_type": "must be keys with values",
    "model_attributes_type": "must be keys with values",
    "string_pattern_mismatch": "must be a kind as PagerDuty writes it: lower case, digits, `_`, `/`, `-`",
    "too_short": "must not be empty; add an entry",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "less_than_equal": "must be at most {le:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "literal_error": "must be {expected}",
}
"""Pydantic's types of errors in our words; in braces what it says of them."""
_PLAIN: Final = ((("resources",), ("kind",)), (("webhookMappings",), ("blueprint",)))
"""Texts that are no JQ: the list they stand in, and their key."""
_BRANCHES: Final = frozenset({"Query", "QueryRule"})
_TEXT_BRANCHES: Final = ("function-", "constrained-", "literal")
_BRANCH_KEYS: Final = frozenset({"combinator", "rules"})
_RULE: Final = re.compile(r"\.rules\[\d+\]\Z")


class Mistake(NamedTuple):
    """One thing that has not its form.

    Attributes:
        keys: Keys and indexes that lead to it.
        path: The same, written as messages name it.
        says: What is wrong and what to do.
    """

    keys: tuple[str | int, ...]
    path: str
    says: str


def form_problems(error: ValidationError, data: Json) -> Iterator[Problem]:
    """Return the mistakes of form as problems that have no place yet."""
    return (Problem("error", 0, 0, one.path, one.says) for one in mistakes_of_form(error, data))


def mistakes_of_form(error: ValidationError, data: Json) -> Iterator[Mistake]:
    """Return one mistake per place: pydantic reports each branch of a union, we the one that was meant."""
    seen: set[str] = set()
    for one in error.errors(include_url=False):
        keys, path, value, branch = _resolve(one["loc"], data)
        if branch and branch != _meant(value, path):
            continue
        if one["type"] == "too_short" and value:
            # It speaks of what is left of the list, and each of its mistakes has a line already.
            continue
        if one["type"] == "missing":
            name = str(one["loc"][-1])
            keys, path = (*keys, name), member_path(path, name)
        if path in seen:
            continue
        seen.add(path)
        says = _MESSAGES.get(one["type"], "has not the form it must have; see the README's mapping")
        if _is_plain(keys):
            says = says.replace("a JQ expression", "no JQ")
        yield Mistake(keys, path, says.format_map(one.get("ctx", {})))


def _is_plain(keys: tuple[str | int, ...]) -> bool:
    """Whether a text is taken as it is written."""
    return keys[-1:] == ("itemsToParseName",) or (keys[:1], keys[2:]) in _PLAIN


def _resolve(loc: tuple[int | str, ...], data: Json) -> tuple[tuple[str | int, ...], str, Any, str]:
    """Follow an error's location through the data; a part that is not there names a union's branch."""
    keys: tuple[str | int, ...] = ()
    path, value, branch = "", data, ""
    for part in loc:
        if isinstance(part, int) and isinstance(value, list) and part < len(value):
            path, value = item_path(path, part), value[part]
        elif isinstance(part, str) and isinstance(value, dict) and part in value:
            path, value = member_path(path, part), value[part]
        else:
            branch = branch or str(part)
            continue
        keys, branch = (*keys, part), ""
    if branch.startswith(_TEXT_BRANCHES):
        branch = "text"
    elif branch == "WebhookOperation":
        branch = "Query"
    return keys, path, value, branch if branch == "text" or branch in _BRANCHES else ""


def _meant(value: Json, path: str) -> str:
    """Return the branch of a union that a value was meant for."""
    if not isinstance(value, dict):
        return "text" if not _RULE.search(path) else "QueryRule"
    return "QueryRule" if _RULE.search(path) and not _BRANCH_KEYS & value.keys() else "Query"
