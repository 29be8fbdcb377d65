"""What is waited for is said in the log lines and by readiness: once, not for each look."""

import logging

import pytest

from shared.http.wait_watch import WaitWatch
from shared.http.waits import RATE_LIMIT, WaitLedger
from shared.service.readiness import Check, RemoteWatch


class Bench:
    def __init__(self) -> None:
        self.now_s = 1000.0
        self.waits = WaitLedger(lambda: self.now_s)
        self.watch = WaitWatch(self.waits, "writer", clock=lambda: self.now_s)

    def pass_s(self, seconds: int) -> None:
        """Let time pass, with a look each second."""
        for _ in range(seconds):
            self.now_s += 1.0
            self.watch.look()


def test_wait_is_said_once_a_minute_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    with caplog.at_level(logging.INFO, "shared.http.wait_watch"):
        with bench.waits.in_flight("Port"):
            bench.pass_s(75)
        bench.pass_s(5)

    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("WARNING", "waits for Port (no answer yet) for 10 s"),
        ("WARNING", "waits for Port (no answer yet) for 70 s"),
        ("INFO", "goes on: nothing of Port is waited for any more"),
    ]


def test_host_that_comes_and_goes_is_warned_about_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    with caplog.at_level(logging.WARNING, "shared.http.wait_watch"):
        for _ in range(4):
            with bench.waits.waiting("Port", "HTTP 502"):
                bench.pass_s(11)
            bench.pass_s(1)

    assert len(caplog.records) == 1


@pytest.mark.parametrize(("cause", "seconds"), [(RATE_LIMIT, 100), ("HTTP 502", 9)])
def test_what_is_planned_or_short_is_not_said(
    caplog: pytest.LogCaptureFixture, cause: str, seconds: int
) -> None:
    bench = Bench()
    with caplog.at_level(logging.INFO, "shared.http.wait_watch"), bench.waits.waiting("PagerDuty", cause):
        bench.pass_s(seconds)

    assert caplog.records == []


def test_readiness_says_how_long_a_request_has_no_answer() -> None:
    bench = Bench()
    remote = RemoteWatch("Port", lambda: 3, bench.waits, lambda: bench.now_s)
    assert remote.check() == Check("Port", is_ok=True, detail="answered within the last 0 s")
    with bench.waits.in_flight("Port"):
        bench.now_s += 34.0
        says = "waited for (no answer yet) for 34 s"
        assert remote.check() == Check("Port", is_ok=True, detail=says)
        bench.now_s += 60.0
        assert remote.check() == Check("Port", is_ok=False, detail="fails for 94 s: no answer yet")
