"""A script decides which requests of a simulator get something other than the true answer."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator
from starlette.responses import Response


class Match(BaseModel):
    """Which requests a rule is about; a part left out matches every request.

    `path` is a regular expression that must match the whole path. `query` names parameters: a string is one
    of the values sent, a list is all of them in order, null means that the parameter was not sent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str | None = None
    path: str | None = None
    query: dict[str, str | list[str] | None] = Field(default_factory=dict)

    @field_validator("path")
    @classmethod
    def _path_compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return value

    def covers(self, method: str, path: str, query: Iterable[tuple[str, str]]) -> bool:
        """Tell whether a request is one of those that the rule is about."""
        if self.method is not None and self.method.upper() != method:
            return False
        if self.path is not None and re.fullmatch(self.path, path) is None:
            return False
        if not self.query:
            return True
        sent: dict[str, list[str]] = {}
        for name, value in query:
            sent.setdefault(name, []).append(value)
        return all(_value_matches(wanted, sent.get(name)) for name, wanted in self.query.items())


def _value_matches(wanted: str | list[str] | None, sent: list[str] | None) -> bool:
    if wanted is None or sent is None:
        return wanted is None and sent is None
    return wanted in sent if isinstance(wanted, str) else wanted == sent


class Action(BaseModel):
    """What happens to a matched request; a simulator adds its own keys in a subclass.

    With `status` or `body` the service is not asked: the answer is that status (200 when only a body is
    given) and that body (a string is sent as it is, anything else as JSON). `headers` are added to whichever
    answer is sent. `drop` resets the connection: `before` the service sees the request, or after half of the
    body of the answer (`mid_body`: whatever the request changes is changed).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: int | None = Field(default=None, ge=100, le=599)
    body: Any = None
    headers: dict[str, str] = Field(default_factory=dict)
    delay_ms: int = Field(default=0, ge=0, le=600_000)
    drop: Literal["before", "mid_body"] | None = None

    def answer(self) -> Response | None:
        """Return the answer that the action itself is, without `headers`; None when the service is asked."""
        if self.status is None and "body" not in self.model_fields_set:
            return None
        status = 200 if self.status is None else self.status
        if isinstance(self.body, str):
            kind = "text/html" if self.body.lstrip().startswith("<") else "text/plain"
            return Response(self.body, status_code=status, media_type=kind)
        body = orjson.dumps(self.body) if "body" in self.model_fields_set else b""
        return Response(body, status_code=status, media_type="application/json")


ActionT = TypeVar("ActionT", bound=Action)


class Rule(BaseModel, Generic[ActionT]):
    """An action for the requests that match, after the first `after`, at most `times` times (null: ever)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Match = Field(default_factory=Match)
    after: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, ge=0)
    action: ActionT


@dataclass(slots=True)
class _Standing(Generic[ActionT]):
    """A rule with its memory: how many requests it has seen, and how many it has acted on."""

    rule: Rule[ActionT]
    seen: int = 0
    used: int = 0


class Script(Generic[ActionT]):
    """An ordered list of rules: the first one that is due acts, the others do not see the request.

    A rule counts for its `after` only the requests that no earlier rule has acted on.
    """

    def __init__(self, action_type: type[ActionT]) -> None:
        self._rules_of: TypeAdapter[list[Rule[ActionT]]] = TypeAdapter(list[Rule[action_type]])  # type: ignore[valid-type]  # a class known only here
        self._standing: list[_Standing[ActionT]] = []

    def replace(self, rules: object) -> None:
        """Take new rules, from JSON values or models, and forget the old ones with their counts.

        Raises:
            pydantic.ValidationError: A key is unknown or a value is wrong; the old rules stay.
        """
        plain = (
            [rule.model_dump(exclude_unset=True) if isinstance(rule, Rule) else rule for rule in rules]
            if isinstance(rules, list)
            else rules
        )
        self._standing = [_Standing(rule) for rule in self._rules_of.validate_python(plain)]

    def take(self, method: str, path: str, query: list[tuple[str, str]]) -> ActionT | None:
        """Count a request and return what is to happen to it, or None for the true answer."""
        for standing in self._standing:
            rule = standing.rule
            if rule.times is not None and standing.used >= rule.times:
                continue
            if not rule.match.covers(method, path, query):
                continue
            standing.seen += 1
            if standing.seen > rule.after:
                standing.used += 1
                return rule.action
        return None

    def describe(self) -> list[dict[str, Any]]:
        """Return the rules as JSON values, each with its counts `seen` and `used`."""
        return [
            {**standing.rule.model_dump(exclude_unset=True), "seen": standing.seen, "used": standing.used}
            for standing in self._standing
        ]
