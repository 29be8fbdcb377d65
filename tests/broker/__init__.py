"""Holds a real Kafka for tests and benchmarks: where it comes from, and one that can be killed."""
