"""Remembers which ids a listing has read, in a scratch file: memory does not grow with the account."""

import sqlite3
from collections.abc import Sequence
from enum import Enum
from hashlib import blake2b
from typing import Final

_DIGEST_BITS: Final = 64


class Sight(Enum):
    """Whether an id was read before."""

    NEW = "new"
    KNOWN = "known"
    """Read before, in another reading of this listing."""
    REPEATED = "repeated"
    """Read before in the same reading."""


class SeenIds:
    """Ids by their 64-bit hash, each with the last reading that saw it.

    Of a million ids two share a hash with a probability of 3 in 100 million. SQLite keeps the table in memory
    while it is small and moves it to a file without a name when it grows.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (hash INTEGER PRIMARY KEY, reading INTEGER NOT NULL)")
        self._sum = 0

    @property
    def digest(self) -> str:
        """Return the sum of the hashes of all ids: the same ids have the same, in whatever order."""
        return digest_text(self._sum)

    def add(self, ids: Sequence[str], reading: int) -> list[Sight]:
        """Note ids as seen by a reading and return for each what was known of it."""
        hashes = [_hash(one) for one in ids]
        known = self._known(hashes)
        sights = []
        for one in hashes:
            before = known.get(one)
            if before is None:
                self._sum += one
            sights.append(
                Sight.NEW if before is None else Sight.REPEATED if before == reading else Sight.KNOWN
            )
            known[one] = reading
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT OR REPLACE INTO seen VALUES (?, ?)", [(one, reading) for one in hashes]
        )
        self._database.execute("COMMIT")
        return sights

    def unseen(self, ids: Sequence[str]) -> set[str]:
        """Return those ids that no reading has seen, without noting them."""
        hashes = {_hash(one): one for one in ids}
        for hashed in self._known(list(hashes)):
            del hashes[hashed]
        return set(hashes.values())

    def _known(self, hashes: Sequence[int]) -> dict[int, int]:
        """Return the reading that saw each, of those that any has seen."""
        marks = ",".join("?" * len(hashes))
        return dict(
            self._database.execute(f"SELECT hash, reading FROM seen WHERE hash IN ({marks})", hashes)  # noqa: S608 - only question marks
        )

    def close(self) -> None:
        """Forget everything."""
        self._database.close()


def digest_text(total: int) -> str:
    """Return a sum of hashes as a digest, hexadecimal; sums of digests are digests of the sum."""
    return f"{total % 2**_DIGEST_BITS:016x}"


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
