"""The store holds an account and keeps its rows ready as bytes, until something in it changes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from simulators.pagerduty.includes import render

Account = dict[str, dict[str, Any]]
"""Kind -> id -> full object, in order. A kind is the path of its list without the first slash (`services`,
`v3/schedules`, `services/PABC123/custom_fields/values`); rows without an id are held under any unique key."""

SELECTIONS_KEPT = 64
ROWS_KEPT_BYTES = 128 * 1024 * 1024

# Source: PagerDuty REST API, References: the type of a reference ends in `_reference`.
KIND_OF_TYPE: Mapping[str, str] = {
    "addon": "addons",
    "business_service": "business_services",
    "escalation_policy": "escalation_policies",
    "extension_schema": "extension_schemas",
    "incident": "incidents",
    "priority": "priorities",
    "schedule": "schedules",
    "schedule_v3": "v3/schedules",
    "service": "services",
    "tag": "tags",
    "team": "teams",
    "user": "users",
    "vendor": "vendors",
}
KIND_OF_ENDING: Mapping[str, str] = {
    "_log_entry": "log_entries",
    "_contact_method": "contact_methods",
    "_notification_rule": "notification_rules",
    "_integration": "integrations",
}


def kind_of_reference(type_name: str) -> str | None:
    """Return the kind that holds the target of a reference, or None for a type of which no kind is held."""
    plain = type_name.removesuffix("_reference")
    if plain in KIND_OF_TYPE:
        return KIND_OF_TYPE[plain]
    return next((kind for ending, kind in KIND_OF_ENDING.items() if plain.endswith(ending)), None)


class Store:
    """An account that can be changed while it is served."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._derived: Account = {}
        self._rows: dict[tuple[str, str, tuple[str, ...]], bytes] = {}
        self._rows_bytes = 0
        self._selections: dict[object, tuple[str, ...]] = {}
        self._moments: dict[tuple[str, str], dict[str, datetime | None]] = {}

    def rows(self, kind: str) -> Mapping[str, Any]:
        """Return the objects of a kind by id; a kind that is not held has none."""
        return self.account.get(kind) or self._derived.get(kind, {})

    def derive(self, kind: str, rows: dict[str, Any]) -> None:
        """Keep rows that follow from others (the members of a team) until something changes."""
        self._derived[kind] = rows

    def is_known(self, kind: str) -> bool:
        """Tell whether a kind is held, or derived since the last change."""
        return kind in self.account or kind in self._derived

    def find(self, reference: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the object that a reference names; None when it is not held (deleted, for one)."""
        kind = kind_of_reference(str(reference.get("type", "")))
        found = self.rows(kind).get(str(reference.get("id"))) if kind is not None else None
        return found if isinstance(found, dict) else None

    def row(self, template: str, kind: str, key: str, include: tuple[str, ...]) -> bytes:
        """Return one object of a list as JSON, with what is included."""
        known = self._rows.get((kind, key, include))
        if known is None:
            known = orjson.dumps(render(template, self.rows(kind)[key], include, self.find))
            if self._rows_bytes > ROWS_KEPT_BYTES:
                self._rows.clear()
                self._rows_bytes = 0
            self._rows[kind, key, include] = known
            self._rows_bytes += len(known)
        return known

    def selection(self, key: object) -> tuple[str, ...] | None:
        """Return what was selected before with the same filters, if nothing has changed since."""
        return self._selections.get(key)

    def keep_selection(self, key: object, ids: tuple[str, ...]) -> None:
        """Keep a selection for the next page of the same list."""
        if len(self._selections) >= SELECTIONS_KEPT:
            self._selections.pop(next(iter(self._selections)))
        self._selections[key] = ids

    def moments(self, kind: str, field: str) -> Mapping[str, datetime | None]:
        """Return the time in a field of every object of a kind, in UTC; None where there is none."""
        known = self._moments.get((kind, field))
        if known is None:
            known = {key: moment(row.get(field)) for key, row in self.rows(kind).items()}
            self._moments[kind, field] = known
        return known

    def put(self, kind: str, key: str, value: object) -> None:
        """Hold an object: in its old place when it is there, else as the last.

        Raises:
            ValueError: The object has another id than the one it is to be held under.
        """
        if isinstance(value, dict) and value.get("id", key) != key:
            raise ValueError(f"the object's id is {value['id']!r}, the path says {key!r}")
        self.account.setdefault(kind, {})[key] = value
        self._forget()

    def delete(self, kind: str, key: str) -> bool:
        """Drop an object; tell whether it was there."""
        was_there = self.account.get(kind, {}).pop(key, None) is not None
        self._forget()
        return was_there

    def snapshot(self) -> Account:
        """Return everything held."""
        return self.account

    def replace(self, value: object) -> None:
        """Hold another account.

        Raises:
            ValueError: The value is not an account; what was held stays.
        """
        self.account = read_account(value)
        self._forget()

    def _forget(self) -> None:
        self._derived.clear()
        self._rows.clear()
        self._rows_bytes = 0
        self._selections.clear()
        self._moments.clear()


def read_account(value: object) -> Account:
    """Check the shape of an account that comes as JSON values: `{kind: {id: object}}`.

    Raises:
        ValueError: It has another shape, or an object has another id than its key.
    """
    if not isinstance(value, dict):
        raise ValueError("an account is an object of kinds")  # noqa: TRY004  # a value of the caller's, not a bug
    for kind, rows in value.items():
        if not isinstance(rows, dict):
            raise ValueError(f"{kind}: a kind is an object of objects by id")  # noqa: TRY004
        for key, row in rows.items():
            if isinstance(row, dict) and row.get("id", key) != key:
                raise ValueError(f"{kind}: the object under {key!r} has the id {row['id']!r}")
    return value


def moment(text: object) -> datetime | None:
    """Read a time as the API writes it; None for null."""
    if not isinstance(text, str):
        return None
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
