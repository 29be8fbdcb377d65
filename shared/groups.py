"""Names the consumer groups."""

MAPPER_GROUP = "pagerport.mapper"
WRITER_GROUP = "pagerport.writer"
"""The committed offsets of these two are the barrier of a run."""
FETCHER_GROUP = "pagerport.fetcher"
"""Whoever holds its partition of `pagerport.commands` is the active fetcher."""
EVENT_MAPPER_GROUP = "pagerport.event-mapper"
"""Maps webhook events where a mapping in Port's webhook format is in force."""
