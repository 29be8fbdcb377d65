"""Tells the records of this installation from those of another one, with which it must not share topics."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from schemas.headers import HeaderPair
from schemas.topics import MAPPING
from shared.errors import ConfigurationError
from shared.log.interface import Log, Record
from shared.topic_reader import TopicReader

_SOURCE: Final = "ce_source"
_OURS: Final = b"pagerport/"
_FORM: Final = re.compile(rb"pagerport/([^/]+)/[^/]+")
KAFKA_REMEDY: Final = "set OCEAN__KAFKA__TOPIC_PREFIX to one of its own, e.g. '{identifier}.'"
FILE_REMEDY: Final = "set OCEAN__LOG__FILE to a file of its own"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A record of another installation: it stays where it is.

    Attributes:
        identifier: Integration identifier of that installation.
    """

    identifier: str


def foreign(headers: Iterable[HeaderPair], identifier: str) -> Foreign | None:
    """Return whose record it is; None: ours, or of a producer that is no pagerport.

    Args:
        headers: Of a record; nothing of them is trusted.
        identifier: Ours.
    """
    source = None
    for name, value in headers:
        if name == _SOURCE:
            source = value
    if (
        source is None
        or not source.startswith(_OURS)
        or source.startswith(f"pagerport/{identifier}/".encode())
    ):
        return None
    form = _FORM.fullmatch(source)
    return Foreign(form[1].decode("utf-8", "replace")) if form else None


def held_line(record: Record, other: Foreign, identifier: str) -> str:
    """Return why a partition is held at a record, with the next step."""
    return (
        f"{record.topic}/{record.partition} is held at offset {record.offset}: the record is of the "
        f"installation {other.identifier!r}, this one is {identifier!r} and would delete what that makes; "
        "give one of them an OCEAN__KAFKA__TOPIC_PREFIX (without Kafka: an OCEAN__LOG__FILE) of its own"
    )


async def require_own_log(log: Log, identifier: str, remedy: str = KAFKA_REMEDY) -> None:
    """Check that no other installation has the topics of this log.

    Args:
        log: The log.
        identifier: Ours.
        remedy: What to set.

    Raises:
        ConfigurationError: One has.
    """
    found = (
        foreign(one.headers, identifier) for one in await TopicReader(log, MAPPING.name).to_end() if one.value
    )
    other = next((one for one in found if one is not None), None)
    if other is not None:
        raise ConfigurationError(
            f"{MAPPING.name} holds the mapping of another installation, {other.identifier!r} (this one is "
            f"{identifier!r}): sharing topics, each would delete what the other has made; "
            f"{remedy.format(identifier=identifier)}. If OCEAN__INTEGRATION__IDENTIFIER was renamed on "
            "purpose, do the same: the first resync fills what is new"
        )
