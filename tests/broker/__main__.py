"""Runs a Kafka of one node here until Ctrl-C: `python -m tests.broker`; it takes Java, no Docker."""

import contextlib
import signal
import sys
from types import FrameType

from tests.broker.jars import NoJarsError, kafka_jars
from tests.broker.server import KafkaServer


def main() -> int:
    """Start it, print the variable that names it, and wait; its data goes when it ends."""
    # Ctrl-C, too: what a script starts in the background inherits that it is ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        server = KafkaServer(kafka_jars())
    except NoJarsError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 3
    try:
        with contextlib.suppress(KeyboardInterrupt):
            server.start()
            print(f"export OCEAN__KAFKA__BOOTSTRAP_SERVERS={server.bootstrap_servers}", flush=True)  # noqa: T201
            signal.pause()
    finally:
        server.close()
    return 0


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
