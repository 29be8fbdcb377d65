"""Compares what a mapping made of a case's object with what the case expects."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from services.cli.mapping.apply_view import omission_text, shown
from services.cli.mapping.cases import Case, ExpectedEntity, Match
from services.cli.mapping.tried import Trial, TrialEntity

Json = Any
NOTHING: Final = "(nothing)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the case expects.

    Attributes:
        about: Key of the entity it is about; empty: the object as a whole.
        path: The value it is about; empty: the entity as a whole.
        expected: What the case says, for people; empty: it says nothing of it.
        got: What there is instead; empty: nothing.
        note: What may help.
    """

    about: str
    path: str = ""
    expected: str = ""
    got: str = ""
    note: str = ""


def judge(case: Case, match: Match, trials: Iterable[Trial]) -> list[Difference]:
    """Return what is not as the case expects; nothing: it passes."""
    tried = list(trials)
    made = {entity.key: entity for trial in tried for entity in trial.entities}
    found = list(_failures(case, tried))
    expected = {_key(one): one for one in case.entities or ()}
    for key, entity in expected.items():
        if key not in made:
            found.append(Difference(key, note=_why_not(tried, key), expected="made", got="not made"))
        else:
            found += _of_entity(key, entity, made[key], match)
    if match == "exact" and case.entities is not None:
        found += [
            Difference(key, expected="not made", got=_operation(entity))
            for key, entity in made.items()
            if key not in expected
        ]
    return found


def _failures(case: Case, trials: Iterable[Trial]) -> Iterator[Difference]:
    failures = [failure for trial in trials for failure in trial.failures]
    reasons, wanted = (
        sorted({str(one.reason) for one in failures}),
        sorted({str(one) for one in case.failures}),
    )
    if reasons != wanted:
        yield Difference(
            "",
            path="failures",
            expected=", ".join(wanted) or NOTHING,
            got=", ".join(reasons) or NOTHING,
            note="; ".join(one.detail for one in failures),
        )


def _of_entity(key: str, expected: ExpectedEntity, made: TrialEntity, match: Match) -> Iterator[Difference]:
    operation = "delete" if expected.deleted else "upsert"
    if made.operation != operation:
        yield Difference(key, expected=_done(operation), got=_done(made.operation))
        return
    values = expected.values()
    for path, value in values.items():
        if path not in made.values or not _same(made.values[path], value):
            yield Difference(key, path, shown(value), _got(made, path), _why_omitted(made, path))
    if match == "exact":
        for path in made.values.keys() - values.keys():
            yield Difference(key, path, NOTHING, shown(made.values[path]))
    yield from _omitted(key, expected, made, match)


def _omitted(key: str, expected: ExpectedEntity, made: TrialEntity, match: Match) -> Iterator[Difference]:
    if expected.omitted is None:
        return
    for path in expected.omitted:
        if path not in made.omits:
            yield Difference(key, path, "omitted", _got(made, path))
    for path in made.omits.keys() - set(expected.omitted) if match == "exact" else ():
        if path not in expected.values():
            yield Difference(key, path, NOTHING, "omitted", _why_omitted(made, path))


def _got(made: TrialEntity, path: str) -> str:
    if path in made.values:
        return shown(made.values[path])
    return "omitted" if path in made.omits else NOTHING


def _why_omitted(made: TrialEntity, path: str) -> str:
    return omission_text(made.omits[path]) if path in made.omits else ""


def _why_not(trials: Iterable[Trial], key: str) -> str:
    """Say what the entries did that did not make the entity."""
    says = [
        f"[{one.index}] {one.state}{': ' if one.says or one.made else ''}{one.says or ', '.join(one.made)}"
        for trial in trials
        for one in trial.entries
        if key not in one.made
    ]
    return "; ".join(says)


def _key(expected: ExpectedEntity) -> str:
    name = expected.identifier
    return f"{expected.blueprint}/{name if isinstance(name, str) else '?' + _text(name)}"


def _text(query: Mapping[str, Json]) -> str:
    """Return a search query as the mapper writes it: its leaves in their order."""
    return orjson.dumps(_ordered(query)).decode()


def _ordered(query: Mapping[str, Json]) -> Json:
    if isinstance(query.get("rules"), list):
        rules = [_ordered(rule) if isinstance(rule, dict) else rule for rule in query["rules"]]
        return {"combinator": query.get("combinator"), "rules": rules}
    known = {name: query[name] for name in ("property", "operator", "value") if name in query}
    return {**known, **{name: value for name, value in query.items() if name not in known}}


def _operation(entity: TrialEntity) -> str:
    return _done(entity.operation)


def _done(operation: str) -> str:
    return "made" if operation == "upsert" else "deleted"


def _same(one: Json, other: Json) -> bool:
    """Whether two JSON values are the same; `1` and `1.0` are, `1` and `true` are not."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
