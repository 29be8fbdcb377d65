"""Decides which entities of an object may be proposed for deletion; when in doubt, none."""

from collections.abc import Collection

from services.mapper.plan_shape import EntryPlan, TopicPlan
from shared.jq_engine import Json
from shared.jq_text import constant, plain_path, root_keys, without_tostring


def deletable_unselected(topic: TopicPlan, blueprint: str) -> bool:
    """Whether an object that is not selected any more may take its entity of this blueprint with it.

    Only if every entry that can make the blueprint belongs to this source: another one's objects may be
    what the entity stands for.
    """
    if topic["foreign_any"] or blueprint in topic["foreign"]:
        return False
    return feeds(topic, blueprint)


def deletable_with_object(topic: TopicPlan, blueprint: str) -> bool:
    """Whether a deleted object takes its entity of this blueprint with it.

    Not where objects of another kind feed the blueprint too: the end of an on-call must not delete a user.
    """
    if topic["other_kinds_any"] or blueprint in topic["other_kinds"]:
        return False
    return feeds(topic, blueprint)


def gives_identifier(entry: EntryPlan, document: Json) -> bool:
    """Whether the body of a deleted object has every key that blueprint and identifier read.

    The body may be no more than `{"id": …}`, and jq makes texts of nulls: `null + "-" + null` is `"-"`.
    """
    item = frozenset() if entry["items"] is None else frozenset({entry["items_name"]})
    keys = frozenset(document if type(document) is dict else ()) | item
    return all(_has_keys(text, keys) for text in entry["texts"][1 : entry["keys"]])


def _has_keys(text: str, keys: Collection[str]) -> bool:
    if constant(text):
        return True
    path = plain_path(without_tostring(text) or text)
    if path:
        return path[0] in keys
    return all(key in keys for key in root_keys(text))


def feeds(topic: TopicPlan, blueprint: str) -> bool:
    """Whether this source makes the blueprint's entities; an entry without properties only annotates them."""
    if blueprint in topic["fed"]:
        return True
    return topic["feeds_any"] and blueprint not in topic["annotated"]
