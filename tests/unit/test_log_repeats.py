"""Tests which lines of a talkative library are written."""

import io
import logging

import pytest

from shared.log_repeats import Repeats
from shared.logs import configure_logs


def line(name: str, template: str, at_s: float, level: int = logging.ERROR) -> logging.LogRecord:
    record = logging.LogRecord(name, level, "", 0, template, (), None)
    record.created = at_s
    return record


def test_of_lines_of_one_kind_one_in_each_window_is_written() -> None:
    repeats = Repeats(["aiokafka"], window_s=30)
    times = (0, 1, 2, 29.9, 30, 31, 95)
    assert [repeats.left_out(line("aiokafka.conn", "away: %s", at_s)) for at_s in times] == [
        *(0, None, None, None),
        *(3, None),
        1,
    ]


def test_lines_of_other_kinds_and_of_other_loggers_are_all_written() -> None:
    repeats = Repeats(["aiokafka"])
    records = [
        line("aiokafka", "one", 0),
        line("aiokafka", "other", 0),
        line("aiokafka", "one", 0, logging.WARNING),
        line("aiokafka.client", "one", 0),
        line("aiokafkaesque", "one", 0),
        line("aiokafkaesque", "one", 0),
        line("shared.runtime", "one", 0),
        line("shared.runtime", "one", 0),
    ]
    assert [repeats.left_out(record) for record in records] == [0] * 8


@pytest.mark.usefixtures("logging_as_it_was")
def test_the_next_line_tells_how_many_were_left_out() -> None:
    stream = io.StringIO()
    configure_logs(level="info", json_lines=False, stream=stream)
    for at_s in (0.0, 1.0, 2.0, 40.0):
        logging.getLogger("aiokafka").handle(line("aiokafka", "Unable to connect", at_s))
    assert [text.partition("error   ")[2] for text in stream.getvalue().splitlines()] == [
        "Unable to connect",
        "Unable to connect (2 more like this were left out)",
    ]
