"""Plans what is left of a previous mapping: entries that the new one has not, and what they name."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from pydantic import ValidationError

from schemas.mapping import MappingFile, MappingInForce
from services.mapper.plan_shape import EntryPlan, TopicPlan
from shared.errors import ConfigurationError
from shared.jq_engine import ExpressionError

Topics = dict[str, TopicPlan]

_LOG: Final = logging.getLogger(__name__)


def previous_topics(
    mapping: MappingInForce, topics: Topics, plan: Callable[[MappingFile], Topics]
) -> list[Topics]:
    """Return for each previous version the topics with entries that may have made what nobody makes now.

    A mapping without previous versions costs nothing, nor does a change of properties alone: its entries make
    the entities that they made before.

    Args:
        mapping: The version in force.
        topics: Its own plan.
        plan: Plans the topics of a mapping.
    """
    found: list[Topics] = []
    for previous in mapping.previous:
        try:
            theirs = plan(MappingFile.model_validate(previous.get("config")))
        except (ValidationError, ConfigurationError, ExpressionError) as error:
            _LOG.warning(
                "the mapping of version %s cannot be read any more, what only it made stays in Port: %s",
                previous.get("version", "?"),
                str(error).splitlines()[0],
            )
            continue
        left = {name: topic for name in theirs if (topic := _left(theirs[name], topics.get(name)))}
        if left and left not in found:
            found.append(left)
    return found


def _left(theirs: TopicPlan, ours: TopicPlan | None) -> TopicPlan | None:
    """Return what is left of a topic when the entries are taken out that the new mapping has as well."""
    known = [_essence(entry) for entry in ours["entries"]] if ours else []
    entries = [entry for entry in map(_keys_only, theirs["entries"]) if _essence(entry) not in known]
    return {**theirs, "entries": entries} if entries else None


def _keys_only(entry: EntryPlan) -> EntryPlan:
    """Return an entry with what tells which entity it makes, and nothing of what it writes to it."""
    return {**entry, "fields": [], "texts": entry["texts"][: entry["keys"]]}


def _essence(entry: EntryPlan) -> Mapping[str, object]:
    """Return what decides which entities an entry makes; its place in the mapping does not."""
    return {**_keys_only(entry), "index": 0}
