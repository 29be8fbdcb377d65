"""Finds dead letters for the `dlq` commands: by address, or by what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.errors import ConfigurationError
from shared.kept_letters import KeptLetter
from shared.log.interface import Log, Record
from shared.runs_topic import RunRecords
from shared.topic_scan import read_one


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which letters are meant. An empty text means any.

    Attributes:
        reason: One of their failures has it.
        kind: PagerDuty kind.
        blueprint: One of their failures names it.
        run: Id of the run they are of.
        closed_too: Closed ones, too.
    """

    reason: str = ""
    kind: str = ""
    blueprint: str = ""
    run: str = ""
    closed_too: bool = False

    def of(self, letters: Sequence[KeptLetter]) -> list[KeptLetter]:
        """Return those that are meant."""
        return [one for one in letters if self._takes(one)]

    def _takes(self, one: KeptLetter) -> bool:
        letter = one.letter
        return (
            (self.closed_too or one.is_open)
            and (not self.kind or (letter is not None and letter.kind == self.kind))
            and (not self.run or (letter is not None and letter.run_id == self.run))
            and (not self.reason or self.reason in {str(reason) for reason in one.reasons})
            and (not self.blueprint or one.is_about(self.blueprint))
        )


def find_letter(letters: Sequence[KeptLetter], address: str) -> KeptLetter:
    """Return the letter with an address: its own, or that of the original record.

    Raises:
        ConfigurationError: There is none, or the record has several.
    """
    found = [one for one in letters if one.address == address]
    found = found or [one for one in letters if one.original_address == address]
    open_ones = [one for one in found if one.is_open]
    if len(open_ones) > 1:
        own = ", ".join(one.address for one in open_ones)
        raise ConfigurationError(f"the record {address} has several dead letters: name one of {own}")
    if not found:
        raise ConfigurationError(
            f"no dead letter {address!r} in this log; `pagerport dlq list --all` shows the addresses"
        )
    return (open_ones or found)[0]


async def knows_run(log: Log, letters: Sequence[KeptLetter], run_id: str) -> bool:
    """Return whether a log holds a run, or at least a letter of it."""
    if any(one.letter is not None and one.letter.run_id == run_id for one in letters):
        return True
    records = RunRecords(log)
    await records.catch_up()
    return any(run_id in {run.run_id, run.stamp} for run in records.runs)


async def whole_record(log: Log, letter: KeptLetter) -> Record:
    """Return the record of a letter with its value.

    Raises:
        ConfigurationError: The log has forgotten it meanwhile.
    """
    record = await read_one(log, letter.record.place, letter.record.offset)
    if record is None:
        raise ConfigurationError(f"the log has forgotten {letter.address} meanwhile")
    return record


def header_texts(record: Record) -> Mapping[str, str]:
    """Return the headers of a record as text; bytes that are no UTF-8 are shown as escapes."""
    return {
        name: "" if value is None else value.decode("utf-8", "backslashreplace")
        for name, value in record.headers
    }
