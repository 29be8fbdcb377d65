"""Loads what all tests share."""

pytest_plugins = ["tests.broker.fixtures"]
