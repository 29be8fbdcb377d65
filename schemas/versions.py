"""Says which schema version this code writes and how a reader meets another one."""

SCHEMA_VERSION = 1
"""Version of every message this release writes. Raised only when an old reader would misread a message.

Readers ignore unknown fields, so a new optional field is no new version. A record of a newer version than
the reader knows is left where it is (its partition is held), never guessed at.
"""
