"""Has aiokafka read headers whose names are no UTF-8, which other clients can write and it stumbles over."""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy


def tolerate_odd_names() -> None:
    r"""Have all consumers of this process show what is no UTF-8 in a name as an escape (`\xff`).

    aiokafka raises in the middle of a batch, each time it fetches it: one such record would hold all that
    its reader reads, for ever. Java's clients replace what they cannot read.
    """
    fetcher.MemoryRecords = _Records


class _Records:
    """Stands for aiokafka's `MemoryRecords`: the batches of one partition in one answer."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._quick: Any = MemoryRecords(data)
        self._batches = 0

    def size_in_bytes(self) -> int:
        """Return how many bytes there are, a batch that was cut off at the end included."""
        return int(self._quick.size_in_bytes())

    def has_next(self) -> bool:
        """Return whether there is another whole batch."""
        return bool(self._quick.has_next())

    def next_batch(self) -> Any:  # noqa: ANN401 - aiokafka's, or one that stands for it
        """Return the next batch; None: there is none."""
        batch = self._quick.next_batch()
        number, self._batches = self._batches, self._batches + 1
        return batch and _Batch(batch, self._data, number)


class _Batch:
    """Stands for a batch of aiokafka's; its records are read at once."""

    def __init__(self, batch: Any, data: bytes, number: int) -> None:  # noqa: ANN401 - of either format
        self._batch = batch
        self._data = data
        self._number = number

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever aiokafka asks a batch for
        return getattr(self._batch, name)

    def __next__(self) -> Any:  # noqa: ANN401 - aiokafka's record
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            return iter(list(self._again()))

    def _again(self) -> Any:  # noqa: ANN401 - aiokafka's batch
        """Return the batch as aiokafka's slower reader reads it, which can be told how to decode."""
        slow: Any = _MemoryRecordsPy(self._data)
        for _ in range(self._number):
            slow.next_batch()
        # Only batches of the newer format have headers.
        batch: Any = _DefaultRecordBatchPy(slow._next_slice)
        iter(batch)
        batch._buffer = _Lenient(batch._buffer)
        return batch


class _Lenient(bytearray):
    """Bytes whose slices decode whatever they hold."""

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as bytearray's
        found = super().__getitem__(key)
        return _Lenient(found) if isinstance(key, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return bytes(self).decode(encoding, errors)
