"""The Kafka for people without Docker: `python -m tests.broker`, as docs/kafka.md shows it."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.broker.fixtures import no_kafka
from tests.broker.jars import NoJarsError, kafka_jars
from tests.pipeline.harness import PROGRAM

ROOT = Path(__file__).parents[2]


def test_broker_says_its_address_and_ends_with_its_process(tmp_path: Path) -> None:
    try:
        kafka_jars()
    except NoJarsError as error:
        no_kafka(str(error))
    broker = subprocess.Popen(
        [sys.executable, "-m", "tests.broker"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert broker.stdout is not None
        said = re.fullmatch(r"export (\w+)=(\S+)\n", broker.stdout.readline())
        assert said is not None
        created = subprocess.run(
            [PROGRAM, "topics", "create"],
            cwd=tmp_path,
            env={said[1]: said[2]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (created.returncode, "port.entities: created" in created.stdout) == (0, True), created.stderr
        broker.send_signal(signal.SIGINT)
        assert broker.wait(60) == 0
    finally:
        broker.kill()
        broker.communicate()
