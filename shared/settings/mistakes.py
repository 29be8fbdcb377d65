"""Says in one line per mistake which variable is wrong, how, and how to mend it."""

import json
import re
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Literal, get_args, get_origin

import annotated_types
from pydantic import AfterValidator, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from shared.settings.names import Variable, groups, variable_of_location
from shared.settings.values import check_credential, check_url

VALUE_LIMIT_CHARS = 60
_QUERY = re.compile("[?#]")


def validation_mistakes(error: ValidationError) -> list[str]:
    """Return a line per mistake; values of secrets and anything that may hold one are left out."""
    return [_line(details) for details in error.errors(include_url=False)]


def json_mistakes(flat: Mapping[str, str]) -> list[str]:
    """Return a line for each group that is given as text which is not a JSON object.

    Args:
        flat: Upper-case names of variables with their values.
    """
    found = []
    for name in groups():
        text = flat.get(name, "").strip()
        if not text or (name.endswith("EVENT_LISTENER") and not text.startswith(("{", "["))):
            continue
        try:
            whole = isinstance(json.loads(text), dict)
        except ValueError:
            whole = False
        if not whole:
            found.append(f"{name}: is not a JSON object; give one, or set {name}__<NAME> one by one")
    return found


def is_secret(field: FieldInfo) -> bool:
    """Return whether the value of a field must never be shown."""
    return field.annotation is SecretStr


def _line(details: ErrorDetails) -> str:
    variable = variable_of_location(details["loc"])
    if variable is None:
        place = "__".join(str(part).upper() for part in details["loc"])
        return f"OCEAN__{place}: {details['msg']}; see `pagerport settings`"
    shown = _shown(variable, details["input"])
    own = (details.get("ctx") or {}).get("error")
    if isinstance(own, ValueError):
        return f"{variable.name}: {shown}{own}"
    return f"{variable.name}: {shown}must be {expectation(variable.field)}; correct or unset it"


def _shown(variable: Variable, value: object) -> str:
    """Return the value in quotes with a blank, or nothing where it could hold a secret."""
    text = str(value)
    if is_secret(variable.field) or _checked_by(variable.field, check_credential) or "@" in text:
        return ""
    if _checked_by(variable.field, check_url) and (found := _QUERY.search(text)):
        # A key of somebody's may stand in it.
        text = f"{text[: found.end()]}…"
    return repr(text if len(text) <= VALUE_LIMIT_CHARS else text[:VALUE_LIMIT_CHARS] + "…") + " "


def expectation(field: FieldInfo) -> str:
    """Return in words what a field takes: its type with its bounds."""
    kind = field.annotation
    types = [one for one in get_args(kind) if one is not type(None)] or [kind]
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(one) for one in get_args(kind))
    if isinstance(types[0], type) and issubclass(types[0], Enum):
        return "one of " + ", ".join(str(one.value) for one in types[0])
    if _checked_by(field, check_url):
        return "an http or https URL"
    words = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}
    return words.get(types[0], "text") + _bounds(field)


def _checked_by(field: FieldInfo, check: Callable[[str], str]) -> bool:
    return any(isinstance(rule, AfterValidator) and rule.func is check for rule in field.metadata)


def _bounds(field: FieldInfo) -> str:
    parts = []
    for rule in field.metadata:
        match rule:
            case annotated_types.Ge(ge=low):
                parts.append(f" from {low}")
            case annotated_types.Gt(gt=low):
                parts.append(f" above {low}")
            case annotated_types.Le(le=high):
                parts.append(
                    f" to {high}" if any(part.startswith(" from") for part in parts) else f" up to {high}"
                )
            case annotated_types.MaxLen(max_length=length):
                parts.append(f" of 1 to {length} characters")
            case _:
                pass
    return "".join(parts)
