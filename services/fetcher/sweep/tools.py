"""Holds what a sweep works with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from schemas.run_sweep import SweepMode
from services.fetcher.sweep.interface import Ask, Relist
from shared.log.interface import Log
from shared.port.client import PortClient


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepTools:
    """What a sweep works with.

    Attributes:
        log: Has the range of the run, and takes the deletes.
        port: Says what is ours.
        ask: Asks PagerDuty for one object.
        relist: Reads a list a second time; None: what cannot be asked for one by one is not proven.
        identifier: The installation.
        mode: Delete, only say what would be deleted, or do not look.
        now: Aware UTC.
    """

    log: Log
    port: PortClient
    ask: Ask
    relist: Relist | None
    identifier: str
    mode: SweepMode
    now: Callable[[], datetime]
