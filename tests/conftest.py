"""Loads what all tests share."""

import pytest

pytest_plugins = ["tests.broker.fixtures"]


@pytest.fixture(autouse=True)
def _no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let output be as wide as it is without a terminal: xdist gives its processes a width."""
    monkeypatch.delenv("COLUMNS", raising=False)
