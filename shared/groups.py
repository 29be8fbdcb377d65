"""Names the consumer groups."""

MAPPER_GROUP = "pagerport.mapper"
WRITER_GROUP = "pagerport.writer"
"""The committed offsets of these two are the barrier of a run."""
FETCHER_GROUP = "pagerport.fetcher"
"""Whoever holds its partition of `pagerport.commands` is the active fetcher."""
