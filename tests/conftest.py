"""Loads what all tests share."""

import pytest

pytest_plugins = ["tests.broker.fixtures"]


@pytest.fixture(autouse=True)
def _no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let output be as wide as it is without a terminal: xdist gives its processes a width."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes long: else one process works on the last of it while the others are done."""
    slow = ("tests/kafka/", "tests/model/", "tests/pipeline/")
    items.sort(key=lambda item: not item.nodeid.startswith(slow))
