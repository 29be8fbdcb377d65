"""Names the outcomes a record can have: the fixed codes that runs count."""

from enum import StrEnum


class Count(StrEnum):
    """What is counted per kind of a run, in the commit metadata of mapper and writer.

    Mapper, per raw object (exactly one): mapped, filtered, failed or rejected. The rest are further facts of
    it: how many changes it emitted, how many values were omitted.
    Writer, per change (exactly one): written, unchanged, folded, rejected, unmet, failed, deleted or
    not_deleted; in a dry run planned stands for written and deleted. How many values were coerced or dropped
    are further facts of it.
    """

    MAPPED = "mapped"
    """Objects of which every entry that selected them made its entity."""
    FILTERED = "filtered"
    """Objects that no entry selects."""
    FAILED = "failed"
    """Objects (mapper) or changes (writer) with an error: each is a dead letter."""
    EMITTED = "emitted"
    """Entity changes published by the mapper, deletes included."""
    OMITTED = "omitted"
    """Values left as they were in Port, because their expression failed or gave no output."""
    COLLIDED = "collided"
    """Entities that two entries or items of one object made and that were merged."""
    DELETE_UNRESOLVED = "delete_unresolved"
    """Deletes whose identifier the body does not give."""
    WRITTEN = "written"
    UNCHANGED = "unchanged"
    """Port already held what the change says."""
    FOLDED = "folded"
    """Changes merged into a later change of the same entity."""
    REJECTED = "rejected"
    """Refused for good: objects that only lack an identifier (mapper), changes that Port refuses (writer).
    Each is a dead letter."""
    UNMET = "unmet"
    """Relation target missing; a dead letter."""
    DELETED = "deleted"
    NOT_DELETED = "not_deleted"
    """Deletes that had nothing of ours to delete, or were not to be carried out: proposed by a run (only its
    sweep deletes), held by the breaker, or overtaken by an update."""
    COERCED = "coerced"
    """Values that took the form their blueprint wants, and lost nothing."""
    PLANNED = "planned"
    """Changes that a dry run would have written, or carried out as deletes."""
    DROPPED = "dropped"
    """Values that were not sent, since they can never fit their blueprint."""
    UNJUDGED = "unjudged"
    """Objects with an entry that reads what could not be had: whether it takes them is not known."""


FAILING = (Count.FAILED, Count.REJECTED, Count.UNMET)
"""Counts that make a run not green. What was omitted, coerced or dropped is a warning."""


class Reason(StrEnum):
    """Why an object or change did not arrive. Bounded: a metric label."""

    UNREADABLE = "unreadable"
    """The header or value could not be read, or the object cannot be written as JSON."""
    SELECTOR_ERROR = "selector_error"
    """A selector raised, gave nothing, or gave something else than true or false."""
    IDENTIFIER_ERROR = "identifier_error"
    """The expression of the identifier or blueprint raised or gave no output."""
    IDENTIFIER_NULL = "identifier_null"
    BLUEPRINT_NULL = "blueprint_null"
    ITEMS_ERROR = "items_error"
    """itemsToParse raised, or gave something else than a list."""
    JQ_TIMEOUT = "jq_timeout"
    JQ_CRASH = "jq_crash"
    TOO_LARGE = "too_large"
    """An object larger than a record, or an entity larger than Port's request limit."""
    INVALID_IDENTIFIER = "invalid_identifier"
    """The identifier breaks Port's pattern or length."""
    BLUEPRINT_MISSING = "blueprint_missing"
    RELATION_TARGET_MISSING = "relation_target_missing"
    REFUSED = "refused"
    """Port refused the entity for good (422 and the like)."""
    RETRIES_EXHAUSTED = "retries_exhausted"
    """Port went on failing for this item while it accepted others."""
    DELETE_HELD = "delete_held"
    """A live delete beyond what passes in ten minutes; `pagerport release` has it confirmed."""
    NO_ID = "no_id"
    """A row of a list without an id."""
