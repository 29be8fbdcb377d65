"""Names the consumer groups whose committed offsets are the barrier of a run."""

MAPPER_GROUP = "pagerport.mapper"
WRITER_GROUP = "pagerport.writer"
