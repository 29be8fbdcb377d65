"""Puts logging back after tests that configure it, so that no test sees another's handlers or levels."""

import logging
from collections.abc import Iterator

import pytest

from shared.logs import CHATTY_LOGGERS, RedactingHandler


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in CHATTY_LOGGERS)]
    levels = [logger.level for logger in loggers]
    yield
    root = loggers[0]
    for handler in [one for one in root.handlers if isinstance(one, RedactingHandler)]:
        root.removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
