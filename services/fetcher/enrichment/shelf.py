"""Keeps what was read for enrichment in a scratch file: memory does not grow with the account."""

import sqlite3
from collections.abc import Iterable, Sequence

KEYS_AT_ONCE = 500
"""Below the number of parameters that any build of SQLite takes."""


class Shelf:
    """JSON texts by key, several to a key in the order of their names.

    SQLite keeps the table in memory while it is small and moves it to a file without a name when it grows.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(
            "CREATE TABLE shelf (key TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, "
            "PRIMARY KEY (key, name))"
        )

    def put(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        """Keep values by key and name; one under the same key and name is replaced."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO shelf VALUES (?, ?, ?)", rows)
        self._database.execute("COMMIT")

    def get(self, keys: Iterable[str]) -> dict[str, list[bytes]]:
        """Return the values of those keys that have any."""
        wanted = sorted(set(keys))
        found: dict[str, list[bytes]] = {}
        for start in range(0, len(wanted), KEYS_AT_ONCE):
            self._collect(wanted[start : start + KEYS_AT_ONCE], found)
        return found

    def _collect(self, keys: Sequence[str], found: dict[str, list[bytes]]) -> None:
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, value FROM shelf WHERE key IN ({marks}) ORDER BY key, name"  # noqa: S608 - only question marks
        for key, value in self._database.execute(query, keys):
            found.setdefault(key, []).append(value)

    def clear(self) -> None:
        """Forget everything and go on."""
        self._database.execute("DELETE FROM shelf")

    def close(self) -> None:
        """Forget everything for good."""
        self._database.close()
