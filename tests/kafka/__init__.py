"""Tests what only a real Kafka can show, and runs the log contract on it."""
